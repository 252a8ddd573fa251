"""Elementwise ops of two tensors, broadcast against each other, with both gradients, in float64; ties of minimum and
maximum, powers of zero and of negative bases, comparisons, where, clamp's limits."""

import torch

from common import case, exact, rand, randn

SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((2, 3, 4), (3, 1)),
    ((2, 1, 4), (1, 3, 1)),
    ((5,), ()),
    ((), (2, 3)),
    ((3, 1), (0,)),
]
ARITHMETIC = [
    ("add", torch.add),
    ("sub", torch.sub),
    ("mul", torch.mul),
    ("div", torch.div),
    ("minimum", torch.minimum),
    ("maximum", torch.maximum),
    ("pow", torch.pow),
]
COMPARISONS = [(name, getattr(torch, name)) for name in ("eq", "ne", "lt", "le", "gt", "ge")]


def binary(name, op, function, a, b, fixed=()):
    return case(name, op, ["$a", "$b"], {"a": a, "b": b}, lambda a, b: function(a, b), fixed)


def operands(op, shape_a, shape_b):
    a = rand(*shape_a, low=0.2, high=3) if op == "pow" else randn(*shape_a)
    b = rand(*shape_b, low=0.3, high=3) if op == "div" else randn(*shape_b)
    return a, b


def scalar_cases():
    x = {"x": randn(5)}
    for op, function in [
        ("add", lambda x: x + 2.5),
        ("sub", lambda x: x - 2.5),
        ("mul", lambda x: x * 2.5),
        ("div", lambda x: x / 2.5),
    ]:
        yield case(f"{op} 2.5", op, ["$x", 2.5], x, function)


def tie_cases():
    a, b = exact([1, -2, 0, 3, 1e30]), exact([1, -2, 0, 2, 1e30])
    yield binary("minimum, ties", "minimum", torch.minimum, a, b)
    yield binary("maximum, ties", "maximum", torch.maximum, a, b)
    for op, function in COMPARISONS:
        yield binary(f"{op}", op, function, exact([[1, 2, 3], [-1, 0, 5]]), exact([1, -0.0, 3]))


def power_cases():
    bases, exponents = exact([0, 0, 0, 2, 1e-3, 1]), exact([0, 1, 2, 0, 3, 50])
    yield binary("pow of zero", "pow", torch.pow, bases, exponents)
    bases, exponents = exact([-2, -2, -2, -0.5, -3, -1]), exact([3, 2, -1, 3, 0, 5])
    yield binary("pow of a negative base", "pow", torch.pow, bases, exponents, fixed=("b",))


def choice_cases():
    condition = torch.tensor([[True, False, True], [False, False, True]])
    for shape_a, shape_b in [((2, 3), (2, 3)), ((3,), (2, 1)), ((), (2, 3))]:
        yield case(
            f"where {shape_a} {shape_b}",
            "where",
            ["$condition", "$a", "$b"],
            {"condition": condition, "a": randn(*shape_a), "b": randn(*shape_b)},
            lambda condition, a, b: torch.where(condition, a, b),
        )
    edge = exact([-2, -1, -0.5, 1, 1.5, 3])
    for limits in ((-1, 1.5), (-1, None), (None, 1.5)):
        args = ["$x", *limits]
        yield case(f"clamp {limits[0]} {limits[1]}", "clamp", args, {"x": edge}, lambda x: x.clamp(*limits))


def cases():
    for op, function in ARITHMETIC:
        for shape_a, shape_b in SHAPES:
            yield binary(f"{op} {shape_a} {shape_b}", op, function, *operands(op, shape_a, shape_b))
    yield from scalar_cases()
    yield from tie_cases()
    yield from power_cases()
    yield from choice_cases()
