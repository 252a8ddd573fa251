"""Matrix products with the gradients of all operands, in float64: matmul of every rank (batched, broadcast, odd and
empty sizes), addmm, einsum, linear."""

import torch
from torch.nn import functional as F

from common import case, randn, title

MATMUL_SHAPES = [
    ((3, 4), (4, 5)),
    ((1, 1), (1, 1)),
    ((1, 7), (7, 1)),
    ((17, 3), (3, 16)),
    ((5, 33), (33, 2)),
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (4, 5)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 3)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (3, 4, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
]
EINSUMS = [
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("ij,kj->ik", (3, 4), (5, 4)),
    ("ji,jk->ki", (3, 4), (3, 5)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bhid,bhjd->bhij", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("bhij,bjhd->bihd", (2, 2, 3, 4), (2, 4, 2, 3)),
    ("i,j->ij", (3,), (4,)),
    ("i,i->", (5,), (5,)),
    ("ij,ij->i", (3, 4), (3, 4)),
    ("ij,ij->", (3, 4), (3, 4)),
    ("ijk,k->ij", (2, 3, 4), (4,)),
    ("ij,k->ijk", (2, 3), (4,)),
    ("ij,jk", (3, 4), (4, 5)),
    ("bi,bj->ij", (3, 2), (3, 4)),
    ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)),
    ("ij,jk->k", (3, 4), (4, 5)),
]
# Dots, diagonals, sizes of 1 that broadcast, and other numbers of operands.
GENERAL_EINSUMS = [
    ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 2)),
    ("...ij,...jk", (2, 1, 3, 4), (5, 4, 2)),
    ("...ij,jk->...ik", (2, 5, 3, 4), (4, 2)),
    ("...i,...i->...", (2, 3), (2, 3)),
    ("b...d,b...e->b...de", (2, 3, 4), (2, 3, 2)),
    ("...ij->...ji", (2, 3, 4)),
    ("i...->...", (2, 3)),
    ("...->", (2, 3)),
    ("ii", (3, 3)),
    ("iij->ij", (3, 3, 2)),
    ("ba", (3, 4)),
    ("ij,ij->ij", (1, 4), (3, 4)),
    ("ij,jk->ik", (3, 1), (4, 2)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 5), (2, 5)),
    ("i,i,i->i", (3,), (1,), (3,)),
]


def cases():
    for a, b in MATMUL_SHAPES:
        inputs = {"a": randn(*a), "b": randn(*b)}
        yield case(f"matmul {a} {b}", "matmul", ["$a", "$b"], inputs, lambda a, b: a @ b)
    for shape in [(3, 5), (5,), (1,), (3, 1)]:
        for camel in [{}, {"beta": 0.5, "alpha": -2}]:
            inputs = {"c": randn(*shape), "a": randn(3, 4), "b": randn(4, 5)}
            args = ["$c", "$a", "$b", *([camel] if camel else [])]
            name = title(f"addmm {shape}", camel)
            yield case(name, "addmm", args, inputs, lambda c, a, b: torch.addmm(c, a, b, **camel))
    for equation, a, b in EINSUMS:
        inputs = {"a": randn(*a), "b": randn(*b)}
        args = [equation, "$a", "$b"]
        yield case(f"einsum {equation}", "einsum", args, inputs, lambda a, b: torch.einsum(equation, a, b))
    for shape in [(4,), (3, 4), (2, 3, 4)]:
        inputs = {"x": randn(*shape), "weight": randn(5, 4), "bias": randn(5)}
        args = ["$x", "$weight", "$bias"]
        yield case(f"linear {shape}", "nn.linear", args, inputs, lambda x, weight, bias: F.linear(x, weight, bias))
    inputs = {"x": randn(3, 4), "weight": randn(5, 4)}
    yield case("linear, no bias", "nn.linear", ["$x", "$weight"], inputs, lambda x, weight: F.linear(x, weight))
    for equation, *shapes in GENERAL_EINSUMS:
        inputs = {letter: randn(*shape) for letter, shape in zip("abc", shapes)}
        args = [equation, *(f"${letter}" for letter in inputs)]
        name = f"einsum {equation} {shapes}"
        yield case(name, "einsum", args, inputs, lambda **tensors: torch.einsum(equation, *tensors.values()))
