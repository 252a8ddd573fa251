"""Layer, batch, group and RMS normalisation in float64. RMSNorm, which this PyTorch lacks, is written out as its
formula. Batch norm modules take three training steps (each one's running statistics recorded); "eval" among the
outputs is then the evaluation mode's answer to the last step's input."""

import torch
from torch.nn import functional as F

from common import (
    case,
    differentiate,
    exact,
    module_case,
    options,
    randn,
    randomize,
    snapshot,
    title,
    variables_of,
    without_empty,
)

LAYER_SHAPES = [
    ((4, 7), [7]),
    ((2, 3, 5), [5]),
    ((2, 3, 4), [3, 4]),
    ((3, 1), [1]),
    ((1, 17), [17]),
    ((3, 65), [65]),
    ((2, 130), [130]),
]


def layer_norm_case(name, x, normalized, affine=True, eps=1e-5):
    inputs, args = {"x": x}, ["$x", normalized]
    if affine:
        inputs |= {"weight": randn(*normalized, scale=0.5, mean=1), "bias": randn(*normalized)}
        args += ["$weight", "$bias"]
    else:
        args += [None, None]
    args.append(eps)
    return case(
        name,
        "nn.layerNorm",
        args,
        inputs,
        lambda x, weight=None, bias=None: F.layer_norm(x, normalized, weight, bias, eps),
    )


def layer_norm_cases():
    for shape, normalized in LAYER_SHAPES:
        yield layer_norm_case(f"layer norm {shape} over {normalized}", randn(*shape), normalized)
    for shape, normalized in LAYER_SHAPES[:3]:
        yield layer_norm_case(f"layer norm {shape} over {normalized}, plain", randn(*shape), normalized, affine=False)
    yield layer_norm_case("layer norm, eps 0.1", randn(4, 6, scale=0.3), [6], eps=0.1)
    for mean in (1e2, 1e3, 1e4):
        yield layer_norm_case(f"layer norm, mean {mean:g}", randn(3, 9, mean=mean), [9])
    constant_row = torch.cat([randn(1, 8), torch.full((1, 8), 3.25)])
    yield layer_norm_case("layer norm, a constant row", constant_row, [8])


def batch_norm_module(name, kind, shape, camel=None, mean=0.0):
    camel = camel or {}
    module = randomize(getattr(torch.nn, kind)(shape[1], **options(camel)))
    state = snapshot(dict(module.state_dict()))
    inputs = {"x": randn(3, *shape, mean=mean)}
    steps = []
    for index, x in enumerate(inputs["x"]):
        leaves = variables_of({"x": x}) | dict(module.named_parameters())
        result = differentiate(module(leaves["x"]), leaves)
        steps.append(snapshot({"step": index + 1, **result, "state": dict(module.state_dict())}))
    module.eval()
    steps[-1]["outputs"]["eval"] = snapshot(module(inputs["x"][-1]))
    fields = {"name": name, "op": f"nn.{kind}", "args": [shape[1], camel], "call": ["$x"]}
    return without_empty({**fields, "inputs": inputs, "state": state, "steps": steps})


def batch_norm_eval(shape, affine=True):
    channels = shape[1]
    inputs = {"x": randn(*shape), "mean": randn(channels), "var": exact(randn(channels).abs() + 0.5)}
    args = ["$x", "$mean", "$var", None, None]
    if affine:
        inputs |= {"weight": randn(channels, scale=0.5, mean=1), "bias": randn(channels)}
        args[3:] = ["$weight", "$bias"]
    return case(
        f"batch norm {shape}, evaluation" + ("" if affine else ", plain"),
        "nn.batchNorm",
        [*args, {"training": False, "eps": 1e-5}],
        inputs,
        lambda x, mean, var, weight=None, bias=None: F.batch_norm(x, mean, var, weight, bias, eps=1e-5),
        fixed=("mean", "var"),
    )


def batch_norm_cases():
    for kind, shape in [
        ("BatchNorm1d", (5, 3)),
        ("BatchNorm1d", (2, 7)),
        ("BatchNorm1d", (3, 2, 5)),
        ("BatchNorm2d", (2, 3, 3, 5)),
    ]:
        yield batch_norm_module(f"batch norm {shape}", kind, shape)
        yield batch_norm_eval(shape)
    yield batch_norm_eval((4, 3), affine=False)
    yield batch_norm_module("batch norm, long", "BatchNorm1d", (67, 2))
    yield batch_norm_module("batch norm, cumulative", "BatchNorm1d", (5, 3), {"momentum": None})
    yield batch_norm_module("batch norm, cumulative, images", "BatchNorm2d", (2, 3, 2, 3), {"momentum": None})
    yield batch_norm_module("batch norm, momentum 0.3, eps 0.1", "BatchNorm1d", (5, 3), {"momentum": 0.3, "eps": 0.1})
    yield batch_norm_module("batch norm, plain", "BatchNorm1d", (5, 3), {"affine": False})
    yield batch_norm_module("batch norm, no statistics kept", "BatchNorm1d", (5, 3), {"trackRunningStats": False})
    for mean in (1e2, 1e4):
        yield batch_norm_module(f"batch norm, mean {mean:g}", "BatchNorm1d", (6, 3), mean=mean)


def group_norm_cases():
    for shape, groups, camel in [
        ((2, 6), 3, {}),
        ((2, 6, 5), 1, {}),
        ((2, 6, 5), 2, {}),
        ((3, 6, 5), 6, {"eps": 0.1}),
        ((2, 4, 3, 3), 2, {}),
        ((2, 4, 3, 3), 2, {"affine": False}),
    ]:
        module = randomize(torch.nn.GroupNorm(groups, shape[1], **camel))
        name = title(f"group norm {shape} in {groups}", camel)
        args = [groups, shape[1], camel]
        yield module_case(name, "nn.GroupNorm", args, module, {"x": randn(*shape)}, lambda module, x: module(x))


def rms_norm(x, dims, weight, eps):
    y = x * torch.rsqrt(x.square().mean(dims, keepdim=True) + eps)
    return y if weight is None else y * weight


class RMSNorm(torch.nn.Module):
    def __init__(self, shape, eps):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(shape))
        self.dims = tuple(range(-len(shape), 0))
        self.eps = eps

    def forward(self, x):
        return rms_norm(x, self.dims, self.weight, self.eps)


def rms_norm_cases():
    for shape, normalized, eps in [
        ((4, 7), [7], 1e-5),
        ((2, 3, 4), [3, 4], 1e-5),
        ((3, 65), [65], 1e-2),
        ((3, 1), [1], 1e-5),
    ]:
        module = randomize(RMSNorm(normalized, eps))
        name = f"rms norm {shape} over {normalized}, eps {eps:g}"
        args = [normalized, {"eps": eps}]
        yield module_case(name, "nn.RMSNorm", args, module, {"x": randn(*shape)}, lambda module, x: module(x))


def rms_norm_function_cases():
    for shape, normalized, affine, eps in [
        ((4, 7), [7], True, None),
        ((2, 3, 4), [3, 4], True, 1e-3),
        ((2, 130), [130], False, None),
    ]:
        dims = tuple(range(-len(normalized), 0))
        inputs, args = {"x": randn(*shape)}, ["$x", normalized, None]
        if affine:
            inputs["weight"] = randn(*normalized, scale=0.5, mean=1)
            args[2] = "$weight"
        if eps is not None:
            args.append(eps)
        added = 2**-23 if eps is None else eps
        yield case(
            f"rms norm function {shape} over {normalized}, eps {added:g}",
            "nn.rmsNorm",
            args,
            inputs,
            lambda x, weight=None: rms_norm(x, dims, weight, added),
        )


def cases():
    yield from layer_norm_cases()
    yield from batch_norm_cases()
    yield from group_norm_cases()
    yield from rms_norm_cases()
    yield from rms_norm_function_cases()
