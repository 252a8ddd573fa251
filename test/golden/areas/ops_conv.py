"""Convolutions and pools (NCHW) with the gradients of input, weight and bias, in float64: stride, padding, dilation,
groups, alone, together and unequal in height and width; every channel for itself; padding in words; no batch dim."""

from torch.nn import functional as F

from common import case, randn, title

# input, weight, options
CONVOLUTIONS = [
    ((1, 1, 5, 5), (1, 1, 3, 3), {}),
    ((2, 2, 5, 6), (3, 2, 3, 3), {}),
    ((2, 2, 5, 6), (3, 2, 3, 3), {"padding": 1}),
    ((2, 2, 5, 6), (3, 2, 3, 3), {"stride": 2}),
    ((1, 2, 7, 6), (2, 2, 3, 3), {"stride": 2, "padding": 1}),
    ((1, 2, 7, 7), (2, 2, 3, 3), {"dilation": 2}),
    ((1, 2, 7, 6), (2, 2, 3, 3), {"stride": 3, "padding": 2, "dilation": 2}),
    ((2, 4, 5, 5), (4, 2, 3, 3), {"groups": 2}),
    ((1, 3, 5, 5), (6, 1, 3, 3), {"groups": 3, "padding": 1}),
    ((2, 3, 4, 4), (5, 3, 1, 1), {}),
    ((1, 2, 6, 7), (2, 2, 2, 4), {"stride": [2, 1], "padding": [0, 2]}),
    ((1, 2, 6, 7), (2, 2, 3, 1), {"dilation": [2, 1], "padding": [1, 0]}),
    ((1, 2, 4, 4), (3, 2, 4, 4), {}),
    ((2, 4, 6, 7), (4, 1, 3, 3), {"groups": 4, "padding": 1}),
    ((2, 3, 7, 9), (6, 1, 3, 3), {"groups": 3, "stride": 2, "padding": 1}),
    ((1, 4, 9, 8), (4, 1, 2, 4), {"groups": 4, "stride": [1, 3], "padding": [1, 2], "dilation": [2, 1]}),
    ((1, 2, 5, 5), (10, 1, 3, 3), {"groups": 2}),
    ((2, 2, 5, 6), (3, 2, 3, 3), {"padding": "same"}),
    ((1, 2, 5, 6), (2, 2, 2, 4), {"padding": "same"}),
    ((1, 2, 7, 6), (2, 2, 4, 3), {"padding": "same", "dilation": [2, 1]}),
    ((1, 3, 5, 5), (3, 1, 2, 2), {"padding": "same", "groups": 3}),
    ((1, 2, 5, 6), (2, 2, 2, 3), {"padding": "valid", "stride": 2}),
    ((2, 5, 6), (3, 2, 3, 3), {"padding": 1}),
]
# input, kernel size, options
POOLS = [
    ((2, 2, 4, 6), 2, {}),
    ((1, 2, 5, 7), 2, {}),
    ((1, 2, 5, 5), 3, {"stride": 1}),
    ((1, 2, 5, 5), 3, {"stride": 2, "padding": 1}),
    ((1, 1, 6, 5), [2, 3], {"stride": [1, 2]}),
    ((1, 2, 4, 4), 4, {}),
    ((2, 5, 7), 2, {}),
]


def cases():
    for x, weight, camel in CONVOLUTIONS:
        inputs = {"x": randn(*x), "weight": randn(*weight, scale=0.5), "bias": randn(weight[0])}
        yield case(
            title(f"conv2d {x} {weight}", camel),
            "conv2d",
            ["$x", "$weight", "$bias", camel],
            inputs,
            lambda x, weight, bias: F.conv2d(x, weight, bias, **camel),
        )
    inputs = {"x": randn(1, 2, 4, 4), "weight": randn(2, 2, 3, 3)}
    yield case("conv2d, no bias", "conv2d", ["$x", "$weight"], inputs, lambda x, weight: F.conv2d(x, weight))
    for op, function in [("maxPool2d", F.max_pool2d), ("avgPool2d", F.avg_pool2d)]:
        for x, kernel, camel in POOLS:
            args = ["$x", kernel, camel] if camel else ["$x", kernel]
            name = title(f"{op} {x} by {kernel}", camel)
            yield case(name, op, args, {"x": randn(*x)}, lambda x: function(x, kernel, **camel))
