"""Losses, softmax, log-softmax and logsumexp with gradients, in float64: reductions, weights, ignored labels,
smoothing, logits of +-1e4 and logits masked by -inf."""

import math

import torch
from torch.nn import functional as F

from common import case, exact, options, rand, randint, randn, title

REDUCTIONS = ("mean", "sum", "none")


def labelled(name, op, function, x, target, camel=None, weight=None):
    """A loss of labels; the class weights take no gradient."""
    camel = camel or {}
    inputs = {"x": x, "target": target}
    arg = dict(camel)
    if weight is not None:
        inputs["weight"] = weight
        arg["weight"] = "$weight"
    return case(
        title(name, camel) + (" weighted" if weight is not None else ""),
        op,
        ["$x", "$target", arg],
        inputs,
        lambda x, target, weight=None: function(x, target, weight=weight, **options(camel)),
        fixed=("weight",),
    )


def cross_entropy(name, *rest):
    return labelled(name, "nn.crossEntropy", F.cross_entropy, *rest)


def class_weights(classes):
    return rand(classes, low=0.2, high=2)


def cross_entropy_cases():
    yield cross_entropy("cross entropy", randn(5, 4, scale=2), randint(4, (5,)))
    for reduction in REDUCTIONS:
        for camel in ({}, {"ignoreIndex": 1}, {"labelSmoothing": 0.1}, {"ignoreIndex": 1, "labelSmoothing": 0.1}):
            for weight in (None, class_weights(4)):
                target = torch.tensor([0, 1, 2, 3, 1])
                camel = {"reduction": reduction, **camel}
                yield cross_entropy("cross entropy", randn(5, 4, scale=2), target, camel, weight)
    yield cross_entropy("cross entropy, one class", randn(3, 1), torch.zeros(3, dtype=torch.int64))
    yield cross_entropy("cross entropy, one row", randn(1, 7), randint(7, (1,)))
    yield cross_entropy("cross entropy, default ignoreIndex", randn(4, 3), torch.tensor([0, -100, 2, -100]))
    nothing_left = torch.full((3,), -100)
    yield cross_entropy("cross entropy, all ignored", randn(3, 4), nothing_left, {"reduction": "sum"})
    yield cross_entropy("cross entropy over (N, C, L)", randn(2, 3, 4), randint(3, (2, 4)), {}, class_weights(3))
    yield cross_entropy("cross entropy, wide", randn(2, 131), randint(131, (2,)))
    huge = exact([[1e4, -1e4, 0], [89, -89, 88], [1e30, 0, 1], [-1e4, -1e4, -1e4]])
    yield cross_entropy("cross entropy, huge logits", huge, torch.tensor([0, 1, 0, 2]), {"reduction": "none"})
    masked = exact([[0.5, -math.inf, 1.5], [-math.inf, -math.inf, 2]])
    yield cross_entropy("cross entropy, masked logits", masked, torch.tensor([2, 2]))


def nll_cases():
    for reduction in REDUCTIONS:
        for weight in (None, class_weights(4)):
            x, target = randn(5, 4), torch.tensor([0, 1, 2, 3, 1])
            yield labelled("nll", "nn.nllLoss", F.nll_loss, x, target, {"reduction": reduction}, weight)
    x, target = randn(5, 4), torch.tensor([0, 1, 2, 3, 1])
    yield labelled("nll", "nn.nllLoss", F.nll_loss, x, target, {"ignoreIndex": 1}, class_weights(4))


def regression(name, op, function, x, target, camel, fixed=()):
    return case(
        title(name, camel),
        op,
        ["$x", "$target", camel],
        {"x": x, "target": target},
        lambda x, target: function(x, target, **options(camel)),
        fixed,
    )


def regression_cases():
    for name, op, function in [
        ("mse", "nn.mseLoss", F.mse_loss),
        ("l1", "nn.l1Loss", F.l1_loss),
        ("huber", "nn.huberLoss", F.huber_loss),
    ]:
        for reduction in REDUCTIONS:
            yield regression(name, op, function, randn(3, 5), randn(3, 5), {"reduction": reduction})
    for delta in (0.5, 2.0):
        for reduction in REDUCTIONS:
            camel = {"delta": delta, "reduction": reduction}
            yield regression("huber", "nn.huberLoss", F.huber_loss, randn(7, scale=2), randn(7), camel)
    kinks = exact([0, 0.5, -0.5, 1, -1, 1.5, 1e4])
    for name, op, function in [
        ("l1 at its kink", "nn.l1Loss", F.l1_loss),
        ("huber at its joins", "nn.huberLoss", F.huber_loss),
    ]:
        yield regression(name, op, function, kinks, torch.zeros_like(kinks), {"reduction": "sum"})


def bce(name, x, target, camel, pos_weight=None):
    inputs = {"x": x, "target": target}
    arg = dict(camel)
    if pos_weight is not None:
        inputs["posWeight"] = pos_weight
        arg["posWeight"] = "$posWeight"
    return case(
        title(name, camel) + (" posWeight" if pos_weight is not None else ""),
        "nn.bceWithLogits",
        ["$x", "$target", arg],
        inputs,
        lambda x, target, posWeight=None: F.binary_cross_entropy_with_logits(
            x, target, pos_weight=posWeight, **options(camel)
        ),
        fixed=("target", "posWeight"),
    )


def bce_cases():
    for reduction in REDUCTIONS:
        for pos_weight in (None, rand(4, low=0.2, high=3)):
            target = exact(randint(2, (5, 4)))
            yield bce("bce", randn(5, 4, scale=2), target, {"reduction": reduction}, pos_weight)
    yield bce("bce, soft targets", randn(6), rand(6), {})
    extremes = exact([0, 20, -20, 89, -89, 1e4, -1e4, 1e30])
    yield bce("bce, huge logits", extremes, exact([1, 1, 1, 0, 1, 1, 0, 1]), {"reduction": "none"})


SOFTMAX_FAMILY = {"softmax": torch.softmax, "logSoftmax": torch.log_softmax, "logsumexp": torch.logsumexp}
SOFTMAX_SHAPES = [
    ((5,), 0),
    ((3, 4), -1),
    ((3, 4), 0),
    ((2, 3, 5), 1),
    ((2, 3, 4), -3),
    ((3, 1), 1),
    ((2, 131), -1),
]


def along(op, name, x, dim, fixed=()):
    function = SOFTMAX_FAMILY[op]
    return case(f"{op} {name}, dim {dim}", op, ["$x", dim], {"x": x}, lambda x: function(x, dim), fixed)


def softmax_cases():
    for op in SOFTMAX_FAMILY:
        for shape, dim in SOFTMAX_SHAPES:
            yield along(op, f"{shape}", randn(*shape, scale=2), dim)
        huge = [[1e4, -1e4, 9999], [1e30, 0, -1e30], [89, 89, 89], [-1e4, -1e4, -1e4]]
        yield along(op, "huge", exact(huge), -1)
        masked = [[0.5, -math.inf, 1.5], [-math.inf, -math.inf, 2], [-math.inf, 1e4, 9999]]
        yield along(op, "masked", exact(masked), -1)
    keep = {"keepdim": True}
    yield case("logsumexp dims 0 2", "logsumexp", ["$x", [0, 2]], {"x": randn(2, 3, 4)}, lambda x: x.logsumexp((0, 2)))
    yield case("logsumexp keepdim", "logsumexp", ["$x", 1, keep], {"x": randn(2, 3)}, lambda x: x.logsumexp(1, True))
    yield along("logsumexp", "fully masked row", exact([[-math.inf, -math.inf], [0, 1]]), 1, fixed=("x",))


def cases():
    yield from cross_entropy_cases()
    yield from nll_cases()
    yield from regression_cases()
    yield from bce_cases()
    yield from softmax_cases()
