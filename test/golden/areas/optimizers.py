"""The five optimizers, 25 steps on two parameters with given gradients (inputs), in float64. The parameters are
recorded after steps 1, 2, 3, 10 and 25, the optimizer's state after the last."""

import torch

from common import exact, make_optimizer, optimizer_state, randn, snapshot, title

SHAPES = {"p0": (5, 3), "p1": (7,)}
STEPS = 25
RECORDED = (1, 2, 3, 10, 25)

VARIANTS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "weightDecay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weightDecay": 0.1}),
    ("AdaGrad", {}),
    ("AdaGrad", {"lr": 0.1, "lrDecay": 0.1}),
    ("AdaGrad", {"lr": 0.1, "weightDecay": 0.1}),
    ("AdaGrad", {"lr": 0.1, "initialAccumulatorValue": 0.5}),
    ("AdaGrad", {"lr": 0.1, "lrDecay": 0.1, "weightDecay": 0.1, "initialAccumulatorValue": 0.5, "eps": 1e-3}),
    ("RMSProp", {}),
    ("RMSProp", {"alpha": 0.9, "eps": 1e-3}),
    ("RMSProp", {"centered": True}),
    ("RMSProp", {"momentum": 0.9}),
    ("RMSProp", {"weightDecay": 0.1}),
    ("RMSProp", {"alpha": 0.9, "centered": True, "momentum": 0.9, "weightDecay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-3}),
    ("Adam", {"lr": 0.01, "weightDecay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "betas": [0.8, 0.95], "weightDecay": 0.1, "amsgrad": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.01, "weightDecay": 0}),
    ("AdamW", {"lr": 0.01, "weightDecay": 0.1}),
    ("AdamW", {"lr": 0.01, "weightDecay": 0.1, "amsgrad": True}),
]

# Gradients grow and shrink over time, so that the largest second moment (amsgrad) is not always the latest.
PATTERN = [1, 3, 0.5, 1, 0.1] * 5


def gradients(shape, scale):
    pattern = torch.tensor(PATTERN, dtype=torch.float64).reshape(-1, *[1] * len(shape))
    return exact(exact(randn(STEPS, *shape).double() * pattern, decimals=2).double() * scale)


def run(case_name, optimizer_name, camel, scale=1.0):
    grads = {name: gradients(shape, scale) for name, shape in SHAPES.items()}
    parameters = {name: randn(*shape).requires_grad_() for name, shape in SHAPES.items()}
    state = snapshot(parameters)
    optimizer = make_optimizer(list(parameters.values()), optimizer_name, camel)
    steps = []
    for step in range(1, STEPS + 1):
        for name, parameter in parameters.items():
            parameter.grad = grads[name][step - 1].clone()
        optimizer.step()
        if step in RECORDED:
            steps.append({"step": step, "state": snapshot(parameters)})
    steps[-1]["optimizerState"] = snapshot(optimizer_state(optimizer, parameters))
    fields = {"name": case_name, "op": f"optim.{optimizer_name}", "args": [camel]}
    return {**fields, "inputs": grads, "state": state, "steps": steps}


def cases():
    for name, camel in VARIANTS:
        yield run(title(name, camel), name, camel)
