"""Every operation at NaN, infinities, zeros, tiny and huge numbers, with upstream gradients that are 0 or infinite too. In
float32, since what overflows is part of the answer; where PyTorch's own kernels are off, the functions' float64 values."""

import torch
from torch.nn import functional as F

from common import named, snapshot, without_empty

NAN, INF = float("nan"), float("inf")
SPECIAL = [NAN, INF, -INF, 0.0, -0.0, 1e-40, -1e-40, 1e30, -1e30, 1e-30, -1e-30, 1, -1, 2.5, -2.5, 80, -80]
UPSTREAM = [1, -2, 0, INF]
SMALL = [NAN, INF, -INF, 0.0, -0.0, 1e30, -1e30, 1e-30, 1, -1, 3, -3, 0.5, -2.5]

UNARY = {
    **{name: getattr(torch, name) for name in "neg abs sign exp log log1p sqrt rsqrt square reciprocal sin cos erf".split()},
    **{name: getattr(torch, name) for name in "isnan isinf isfinite relu sigmoid tanh".split()},
    "logicalNot": torch.logical_not,
    **{name: getattr(F, name) for name in "silu gelu elu softplus".split()},
    "leakyRelu": F.leaky_relu,
}
BINARY = {name: getattr(torch, name) for name in "add sub mul div pow maximum minimum eq ne lt le gt ge".split()}
ROWS = [
    [1, NAN, 3, 2],
    [1, INF, 3, INF],
    [-INF, -INF, -INF, -INF],
    [-INF, 1, 1, 0],
    [INF, -INF, 0, 1],
    [0, 0, 2, 3],
    [0, 5, 2, 3],
    [-0.0, 0.0, 0, 0],
    [NAN, NAN, 1, NAN],
    [1e30, 1e30, -1e30, 1],
    [1e-30, 1e-30, 0, 1e-30],
    [-1, -2, -3, -3],
]
ALONG = {
    "sum": lambda x: x.sum(1),
    "mean": lambda x: x.mean(1),
    "prod": lambda x: x.prod(1),
    "max": lambda x: x.max(1)[0],
    "min": lambda x: x.min(1)[0],
    "argmax": lambda x: x.argmax(1),
    "argmin": lambda x: x.argmin(1),
    "logsumexp": lambda x: x.logsumexp(1),
    "softmax": lambda x: x.softmax(1),
    "logSoftmax": lambda x: x.log_softmax(1),
    "cumsum": lambda x: x.cumsum(1),
    "norm": lambda x: x.norm(dim=1),
}


def f32(values):
    return torch.as_tensor(values, dtype=torch.float32)


def special(name, op, args, inputs, run, fixed=(), upstream=None):
    """A case in float32, whose upstream gradients come from a list in turn."""
    leaves = {key: value.clone().requires_grad_(value.is_floating_point() and key not in fixed) for key, value in inputs.items()}
    outputs = named(run(**leaves))
    variables = {key: value for key, value in leaves.items() if value.requires_grad}
    roots = {key: value for key, value in outputs.items() if value.requires_grad}
    tops, grads = {}, {}
    if roots:
        for key, root in roots.items():
            flat = torch.tensor(upstream or UPSTREAM, dtype=torch.float32)
            tops[key] = flat.repeat(root.numel() // len(flat) + 1)[: root.numel()].reshape(root.shape)
        flowed = torch.autograd.grad(list(roots.values()), list(variables.values()), list(tops.values()), allow_unused=True)
        grads = {key: flow for key, flow in zip(variables, flowed) if flow is not None}
    fields = {"name": name, "op": op, "args": args, "inputs": leaves, "outputs": outputs, "upstream": tops, "grads": grads}
    return snapshot(without_empty(fields))


def crossed(values, others):
    grid = torch.cartesian_prod(f32(values), f32(others))
    return {"x": grid[:, 0].contiguous(), "y": grid[:, 1].contiguous()}


def cases():
    x = f32([value for value in SPECIAL for _ in UPSTREAM])
    for op, run in UNARY.items():
        yield special(op, op, ["$x"], {"x": x}, lambda x: run(x))
    for op in ("isnan", "isinf"):
        yield special(f"{op} of ordinary numbers", op, ["$x"], {"x": f32([1, 0, -2])}, lambda x: UNARY[op](x))
    for limits in ([-1, 2], [0, INF], [-INF, 0], [-3e38, 3e38]):
        yield special(f"clamp {limits}", "clamp", ["$x", *(None if abs(limit) == INF else limit for limit in limits)], {"x": x}, lambda x: x.clamp(*limits))
    for exponent in (0, 1, 2, 3, 4, 11, -1, -2, -3, 0.5, 1.5, -0.5, -1.5):
        yield special(f"pow {exponent}", "pow", ["$x", exponent], {"x": x}, lambda x: x.pow(exponent))
    for op, run in BINARY.items():
        yield special(op, op, ["$x", "$y"], crossed(SMALL, SMALL), lambda x, y: run(x, y))
        yield special(f"{op}, one operand twice", op, ["$x", "$x"], {"x": f32(SMALL)}, lambda x: run(x, x))
        yield special(f"{op} of a number", op, ["$x", 1], {"x": x}, lambda x: run(x, torch.tensor(1.0)))
    condition = f32([NAN, 0, 1, -0.0, INF, 1e-40]).repeat(14)
    pairs = {"x": f32(SMALL).repeat_interleave(6), "y": f32(SMALL).flip(0).repeat_interleave(6)}
    yield special("where", "where", ["$c", "$x", "$y"], {"c": condition, **pairs}, lambda c, x, y: torch.where(c != 0, x, y), ("c",))
    rows = f32(ROWS)
    for upstream in ([1, -2, 0.5], [0], [INF]):
        for op, run in ALONG.items():
            yield special(f"{op}, upstream {upstream}", op, ["$x", 1], {"x": rows}, lambda x: run(x), upstream=upstream)
    for index, row in enumerate(ROWS):
        for op in ("max", "min", "prod"):
            yield special(f"{op} of all, {index}", op, ["$x"], {"x": f32(row)}, lambda x: getattr(torch, op)(x), upstream=[2])
    image = f32([*ROWS[:8], [1, NAN, 1, 2], *ROWS[9:]]).reshape(1, 3, 4, 4)
    for upstream in (UPSTREAM, [0], [INF]):
        yield special(f"maxPool2d, {upstream}", "maxPool2d", ["$x", 2], {"x": image}, lambda x: F.max_pool2d(x, 2), upstream=upstream)
    for loss in ("mse_loss", "l1_loss", "huber_loss"):
        op = "nn." + loss.split("_")[0] + "Loss"
        yield special(loss, op, ["$x", "$y", {"reduction": "none"}], crossed(SMALL, [0, 1, INF]), lambda x, y: getattr(F, loss)(x, y, reduction="none"), ("y",))
    binary = lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none")
    yield special("bce", "nn.bceWithLogits", ["$x", "$y", {"reduction": "none"}], crossed(SMALL, [0, 1, 0.25]), binary, ("y",))
    labels = {"x": rows, "y": torch.arange(len(ROWS)) % 4}
    yield special("cross entropy", "nn.crossEntropy", ["$x", "$y", {"reduction": "none"}], labels, lambda x, y: F.cross_entropy(x, y, reduction="none"), upstream=[1, -2])

