"""Continuing what PyTorch began, in float64: "state" and "optimizerState" are a model and its optimizer after five
steps, "paramGroups" the optimizer's own list, and the steps are the five that PyTorch took next. args is [layers,
[optimizer, options]] as in the area "mlp"."""

from torch.nn import functional as F

from common import make_optimizer, optimizer_state, randint, randn, sequential, snapshot, title, train

BEFORE, AFTER, BATCH = 5, 5, 6
LAYERS = [["Linear", 5, 8], ["LayerNorm", [8]], ["Tanh"], ["Linear", 8, 3]]
OPTIMIZERS = [
    ["Adam", {"lr": 0.01, "weightDecay": 0.1}],
    ["Adam", {"lr": 0.01, "amsgrad": True}],
    ["AdamW", {"lr": 0.01, "weightDecay": 0.1}],
    ["SGD", {"lr": 0.1, "momentum": 0.9}],
    ["RMSProp", {"lr": 0.01, "momentum": 0.9, "centered": True}],
    ["AdaGrad", {"lr": 0.1, "lrDecay": 0.1}],
]


def batches(count):
    return {"x": randn(count, BATCH, 5, decimals=2), "y": randint(3, (count, BATCH))}


def loss_of(model, x, y):
    return F.cross_entropy(model(x), y)


def continued(name, camel):
    model = sequential(LAYERS)
    optimizer = make_optimizer(model.parameters(), name, camel)
    train(model, optimizer, batches(BEFORE), loss_of)
    names = [name for name, _ in model.named_parameters()]
    before = snapshot(
        {
            "state": dict(model.state_dict()),
            "optimizerState": optimizer_state(optimizer, names),
            "paramGroups": optimizer.state_dict()["param_groups"],
        }
    )
    inputs = batches(AFTER)
    # The loaded state is what float32 holds of PyTorch's: the float64 run continues from its own, unrounded.
    return {**before, "inputs": inputs, "steps": train(model, optimizer, inputs, loss_of)}


def cases():
    for name, camel in OPTIMIZERS:
        fields = {"name": title(f"{name} continued", camel), "op": "nn.Sequential", "args": [LAYERS, [name, camel]]}
        yield {**fields, **continued(name, camel)}
