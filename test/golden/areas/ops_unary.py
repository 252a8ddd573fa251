"""Elementwise ops of one tensor with their gradients, in float64: a grid of ordinary values, the edges (+-0, 1e-38,
20, 89, 1e4, 1e30 where the op is defined; float32 takes what is beyond it to inf or 0), kinks and poles. Near a
pole the edges are normal float32 numbers, since an adapter may flush subnormal ones to zero."""

import torch
from torch.nn import functional as F

from common import case, exact

EDGES = [0.0, -0.0, 1e-38, -1e-38, 20, -20, 89, -89, 1e4, -1e4, 1e30, -1e30]
EDGES_OFF_ZERO = [20, -20, 89, -89, 1e4, -1e4]
POSITIVE_EDGES = [2e-38, 1e-20, 20, 89, 1e4, 1e30]
GRID = [-3.7, -2.5, -1.25, -1, -0.75, -0.3, -0.01, 0.01, 0.2, 0.5, 0.9, 1, 1.5, 2.25, 3.1, 5]
POSITIVE_GRID = [0.01, 0.1, 0.2, 0.5, 0.9, 1, 1.1, 1.5, 2.25, 3.1, 5, 12, 100]
# Beyond this the argument's own rounding to float32 says more than the function.
ANGLES = [0.0, -0.0, 1e-38, 6.2831855, -9.5, 20, -89]

# op, what PyTorch calls it, grid, edges
PLAIN = [
    ("neg", torch.neg, GRID, EDGES),
    ("abs", torch.abs, GRID, EDGES),
    ("sign", torch.sign, GRID, EDGES),
    ("exp", torch.exp, GRID, EDGES),
    ("log", torch.log, POSITIVE_GRID, POSITIVE_EDGES),
    ("log1p", torch.log1p, [-0.9, -0.5, *POSITIVE_GRID], [0.0, -0.0, -1e-38, *POSITIVE_EDGES, 1e-7, -1e-7, -0.9999]),
    ("sqrt", torch.sqrt, POSITIVE_GRID, POSITIVE_EDGES),
    ("rsqrt", torch.rsqrt, POSITIVE_GRID, POSITIVE_EDGES[1:]),
    ("square", torch.square, GRID, EDGES),
    ("reciprocal", torch.reciprocal, GRID, [1e-18, -1e-18, 20, -89, 1e4, -1e4, 1e30]),
    ("sin", torch.sin, GRID, ANGLES),
    ("cos", torch.cos, GRID, ANGLES),
    ("erf", torch.erf, GRID, EDGES),
    ("relu", torch.relu, GRID, EDGES),
    ("silu", F.silu, GRID, EDGES),
    ("sigmoid", torch.sigmoid, GRID, EDGES),
    ("tanh", torch.tanh, GRID, EDGES),
    ("gelu", F.gelu, GRID, [*EDGES, -13, 13, -6]),
    ("elu", F.elu, GRID, EDGES),
    ("softplus", F.softplus, GRID, [*EDGES, 21, -21]),
    ("leakyRelu", F.leaky_relu, GRID, EDGES),
]
WITH_ARGUMENTS = [
    ("leakyRelu", [0.2], lambda x: F.leaky_relu(x, 0.2)),
    ("clamp", [-1, 1.5], lambda x: x.clamp(-1, 1.5)),
    ("pow", [2], lambda x: x.pow(2)),
    ("pow", [3], lambda x: x.pow(3)),
    ("pow", [1], lambda x: x.pow(1)),
    ("pow", [0], lambda x: x.pow(0)),
    ("pow", [-1], lambda x: x.pow(-1)),
    ("pow", [-2], lambda x: x.pow(-2)),
]
POSITIVE_BASE = [0.5, 1.5, -0.5, -2.5]
FAR = [9000, -1e5, 1e6, 123456792, 2.0**32, 2.0**63, -(2.0**100), 1.5 * 2.0**127]
POLES = [
    ("sqrt", torch.sqrt),
    ("log", torch.log),
    ("rsqrt", torch.rsqrt),
    ("reciprocal", torch.reciprocal),
]


def unary(name, op, args, values, function, fixed=()):
    return case(name, op, ["$x", *args], {"x": exact(values)}, lambda x: function(x), fixed)


def cases():
    for op, function, grid, edges in PLAIN:
        yield unary(op, op, [], grid, function)
        yield unary(f"{op}, edges", op, [], edges, function)
    for op, args, function in WITH_ARGUMENTS:
        name = " ".join([op, *map(str, args)])
        yield unary(name, op, args, GRID, function)
        has_pole = op == "pow" and args[0] < 0
        yield unary(f"{name}, edges", op, args, EDGES_OFF_ZERO if has_pole else EDGES, function)
    for exponent in POSITIVE_BASE:
        yield unary(f"pow {exponent}", "pow", [exponent], POSITIVE_GRID, lambda x: x.pow(exponent))
    yield unary("pow 0.5 of 0 and less", "pow", [0.5], [0, -1, 4], lambda x: x.pow(0.5), fixed=("x",))
    for op, function in POLES:
        yield unary(f"{op} at 0", op, [], [0.0, 2e-38, 1.0], function)
    yield unary("logicalNot", "logicalNot", [], [0, -0.0, 1, -2, 1e-38], torch.logical_not)
    special = exact([0, 1, 1e30, -1e30, float("inf"), float("-inf"), float("nan")])
    yield unary("isfinite", "isfinite", [], special, torch.isfinite)
    shaped = torch.tensor(GRID).reshape(2, 2, 4)
    yield unary("sigmoid of three dims", "sigmoid", [], shaped, torch.sigmoid)
    yield unary("tanh of a scalar", "tanh", [], 0.7, torch.tanh)
    yield unary("exp of nothing", "exp", [], torch.zeros(0, 3), torch.exp)
    whole = {"x": torch.tensor([-3, -1, 0, 2, 5])}
    for limits in ([-1, 2], [-0.5, 2], [0.25, 0.75]):
        name = f"clamp whole numbers to {limits}"
        yield case(name, "clamp", ["$x", *limits], whole, lambda x: torch.clamp(x, *limits))
    for op, function in (("sin", torch.sin), ("cos", torch.cos)):
        yield unary(f"{op} far out", op, [], FAR, function)
