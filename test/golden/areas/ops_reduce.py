"""Reductions and cumulative sums with gradients, in float64: dims alone, several and all, keepdim, correction,
products with zeros, norms of zero rows, ties of max and min, sizes around a workgroup, nothing to reduce, means far
from zero."""

import torch

from common import case, exact, options, randn

SHAPE = (2, 3, 4)
DIMS = [None, 0, 1, -1, [0, 2], [0, 1, 2]]


def vector_norm(x, dim=None, keepdim=False):
    return torch.linalg.vector_norm(x, dim=dim, keepdim=keepdim)


def prod(x, dim=None, **keep):
    return x.prod() if dim is None else x.prod(dim, **keep)


def value_of(name):
    def extremum(x, dim=None, **keep):
        return getattr(x, name)() if dim is None else getattr(x, name)(dim, **keep).values

    return extremum


SEVERAL_DIMS = {
    "sum": torch.sum,
    "mean": torch.mean,
    "norm": vector_norm,
    "var": lambda x, dim=None, **rest: torch.var(x, dim, **{"correction": 1, **rest}),
    "std": lambda x, dim=None, **rest: torch.std(x, dim, **{"correction": 1, **rest}),
}
ONE_DIM = {
    "prod": prod,
    "max": value_of("max"),
    "min": value_of("min"),
    "argmax": torch.argmax,
    "argmin": torch.argmin,
}


def reduction(name, op, function, x, dim=None, camel=None):
    args = ["$x"]
    if dim is not None or camel:
        args.append(dim)
    if camel:
        args.append(camel)
    keywords = options(camel or {})
    if dim is not None:
        keywords["dim"] = tuple(dim) if isinstance(dim, list) else dim
    return case(name, op, args, {"x": x}, lambda x: function(x, **keywords))


def values(op, *shape):
    """Factors of a product stay near 1, or it would vanish below every tolerance."""
    return randn(*shape, scale=0.3, mean=1) if op == "prod" else randn(*shape)


def every_dim():
    for op, function in {**SEVERAL_DIMS, **ONE_DIM}.items():
        for dim in DIMS:
            if isinstance(dim, list) and op in ONE_DIM:
                continue
            yield reduction(f"{op} dim {dim}", op, function, values(op, *SHAPE), dim)
        yield reduction(f"{op} keepdim", op, function, values(op, *SHAPE), 1, {"keepdim": True})
        yield reduction(f"{op} of (67)", op, function, values(op, 67), 0)
    for op in ("sum", "mean", "var"):
        yield reduction(f"{op} of (2, 131)", op, SEVERAL_DIMS[op], randn(2, 131), 1)
        yield reduction(f"{op} of (131, 2)", op, SEVERAL_DIMS[op], randn(131, 2), 0)


def variance_cases():
    for op in ("var", "std"):
        for correction in (0, 1, 2):
            camel = {"correction": correction}
            yield reduction(f"{op} correction {correction}", op, SEVERAL_DIMS[op], randn(3, 5), 1, camel)
        camel = {"correction": 0}
        yield reduction(f"{op} correction 0 of all", op, SEVERAL_DIMS[op], randn(3, 5), None, camel)
        for mean in (1e2, 1e4):
            yield reduction(f"{op}, mean {mean:g}", op, SEVERAL_DIMS[op], randn(2, 9, mean=mean), 1)


def special_cases():
    zeros = exact([[2, 0, 3, -1], [0, 0, 4, 5], [1.5, -2, 3, 0.5]])
    yield reduction("prod with zeros", "prod", prod, zeros, 1)
    yield reduction("prod of all with a zero", "prod", prod, zeros[0])
    yield reduction("prod of all with two zeros", "prod", prod, zeros[1])
    yield reduction("norm of a zero row", "norm", vector_norm, exact([[3, -4], [0, 0]]), 1)
    ties = exact([[1, 5, 5, 2], [7, 7, 7, 7]])
    for op in ("max", "min"):
        yield reduction(f"{op} of all, ties", op, ONE_DIM[op], ties)
        yield reduction(f"{op} dim 1, ties", op, ONE_DIM[op], ties, 1)
        yield reduction(f"arg{op} dim 1, ties", f"arg{op}", ONE_DIM[f"arg{op}"], ties, 1)
    yield reduction("sum of nothing", "sum", torch.sum, torch.zeros(0, 3), 0)
    yield reduction("sum of all of nothing", "sum", torch.sum, torch.zeros(0, 3))
    yield reduction("prod of nothing", "prod", prod, torch.zeros(0, 3), 0)
    yield reduction("sum of a scalar", "sum", torch.sum, randn())
    yield reduction("sum that cancels", "sum", torch.sum, exact([1e4, 1, -1e4, 1e-3]))


def cumulative_cases():
    for shape, dim in [((7,), 0), ((3, 4), 0), ((3, 4), -1), ((2, 3, 4), 1), ((2, 131), 1)]:
        yield reduction(f"cumsum {shape} dim {dim}", "cumsum", torch.cumsum, randn(*shape), dim)


def cases():
    yield from every_dim()
    yield from variance_cases()
    yield from special_cases()
    yield from cumulative_cases()
    yield reduction("std of equal values", "std", SEVERAL_DIMS["std"], exact([[3, 3, 3], [1, 2, 4]]), 1)
