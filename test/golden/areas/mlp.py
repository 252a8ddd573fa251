"""A multilayer perceptron 10-12-8-4 without norm, with batch norm and with layer norm: cross entropy, ten AdamW steps
on batches of six, in float64. args is [layers, [optimizer, options]], each layer [class, arguments]. No Linear
before a batch norm has a bias: its gradient would be rounding noise, which Adam's division blows up to a full step."""

from torch.nn import functional as F

from common import randint, randn, sequential, trajectory

STEPS, BATCH = 10, 6
OPTIMIZER = ["AdamW", {"lr": 0.01, "weightDecay": 0.1}]

NORMS = {
    "no norm": lambda width: [],
    "batch norm": lambda width: [["BatchNorm1d", width]],
    "layer norm": lambda width: [["LayerNorm", [width]]],
}


def linear(inputs, outputs, norm):
    return ["Linear", inputs, outputs, {"bias": False}] if norm == "batch norm" else ["Linear", inputs, outputs]


def cases():
    for norm, norm_of in NORMS.items():
        layers = [
            *[linear(10, 12, norm), *norm_of(12), ["ReLU"]],
            *[linear(12, 8, norm), *norm_of(8), ["ReLU"]],
            ["Linear", 8, 4],
        ]
        inputs = {"x": randn(STEPS, BATCH, 10, decimals=2), "y": randint(4, (STEPS, BATCH))}
        model = sequential(layers)
        yield trajectory(
            f"mlp with {norm}",
            "nn.Sequential",
            [layers, OPTIMIZER],
            model,
            inputs,
            lambda model, x, y: F.cross_entropy(model(x), y),
        )
