"""Ops that move, choose or join elements, with gradients, in float64: the shape operations of the surface, gather,
scatterAdd and indexSelect with repeated indices, pad, flip, triangles, joins and splits."""

import torch
from torch.nn import functional as F

from common import case, randint, randn

X = (2, 3, 4)


def one(name, op, shape, args, function):
    return case(name, op, ["$x", *args], {"x": randn(*shape)}, function)


def shape_cases():
    yield one("reshape", "reshape", X, [[2, -1]], lambda x: x.reshape(2, -1))
    yield one("flatten", "flatten", X, [], lambda x: x.flatten())
    yield one("flatten from 1", "flatten", X, [1], lambda x: x.flatten(1))
    yield one("transpose", "transpose", X, [0, -1], lambda x: x.transpose(0, -1))
    yield one("permute", "permute", X, [[2, 0, 1]], lambda x: x.permute(2, 0, 1))
    yield one("t", "t", (3, 5), [], lambda x: x.t())
    yield one("squeeze", "squeeze", (1, 3, 1), [], lambda x: x.squeeze())
    yield one("squeeze one", "squeeze", (1, 3, 1), [-1], lambda x: x.squeeze(-1))
    yield one("unsqueeze", "unsqueeze", (3, 4), [1], lambda x: x.unsqueeze(1))
    yield one("expand", "expand", (4, 1), [[5, 4, 3]], lambda x: x.expand(5, 4, 3))
    yield one("narrow", "narrow", X, [-1, 1, 2], lambda x: x.narrow(-1, 1, 2))
    for dims in ([0], [1, 2]):
        arg = dims[0] if len(dims) == 1 else dims
        yield one(f"flip {dims}", "flip", X, [arg], lambda x: x.flip(dims))
    for diagonal in (0, 1, -1, -3):
        args = [diagonal] if diagonal else []
        yield one(f"tril {diagonal}", "tril", X, args, lambda x: x.tril(diagonal))
        yield one(f"triu {diagonal}", "triu", X, args, lambda x: x.triu(diagonal))


def pad_cases():
    """PyTorch lists the pairs from the last dim backwards, the surface from the first dim on."""
    for shape, pairs, value in [
        ((3,), [[1, 2]], 0),
        ((2, 3), [[0, 0], [2, 1]], 0),
        ((2, 3), [[1, 0], [0, 2]], -1.5),
        ((2, 2, 3), [[1, 1], [0, 0], [0, 1]], 7),
    ]:
        backwards = [size for pair in reversed(pairs) for size in pair]
        args = [pairs, value] if value else [pairs]
        yield one(f"pad {pairs} with {value}", "pad", shape, args, lambda x: F.pad(x, backwards, value=value))


def index_cases():
    x, row = {"x": randn(4, 3)}, torch.tensor([2, 0, 2, 2])
    for dim, index in [(0, row), (1, torch.tensor([1, 1, 0])), (-1, torch.tensor([2]))]:
        inputs = {**x, "index": index}
        args = ["$x", dim, "$index"]
        name = f"indexSelect dim {dim} of {len(index)}"
        yield case(name, "indexSelect", args, inputs, lambda x, index: x.index_select(dim, index))
    for shape, dim, index_shape in [
        ((4, 3), 0, (2, 3)),
        ((4, 3), 1, (4, 5)),
        ((2, 3, 4), -1, (2, 3, 2)),
        ((5,), 0, (9,)),
    ]:
        inputs = {"x": randn(*shape), "index": randint(shape[dim], index_shape)}
        name = f"gather {shape} dim {dim} at {index_shape}"
        yield case(name, "gather", ["$x", dim, "$index"], inputs, lambda x, index: x.gather(dim, index))
        inputs = {"x": randn(*shape), "index": randint(shape[dim], index_shape), "source": randn(*index_shape)}
        yield case(
            f"scatterAdd {shape} dim {dim} at {index_shape}",
            "scatterAdd",
            ["$x", dim, "$index", "$source"],
            inputs,
            lambda x, index, source: x.scatter_add(dim, index, source),
        )


def join_cases():
    for dim, shapes in [(0, [(2, 3), (1, 3), (4, 3)]), (-1, [(2, 3), (2, 1), (2, 2)]), (0, [(2,), (0,)])]:
        inputs = {name: randn(*shape) for name, shape in zip("abc", shapes)}
        args = [[f"${name}" for name in inputs], dim]
        name = f"cat {shapes} dim {dim}"
        yield case(name, "cat", args, inputs, lambda **tensors: torch.cat(list(tensors.values()), dim))
    for dim in (0, 1, -1):
        inputs = {name: randn(2, 3) for name in "abc"}
        args = [["$a", "$b", "$c"], dim]
        yield case(f"stack dim {dim}", "stack", args, inputs, lambda a, b, c: torch.stack([a, b, c], dim))
    yield one("split by 2", "split", (5, 3), [2, 0], lambda x: x.split(2, 0))
    yield one("split into 1 and 3", "split", (2, 4), [[1, 3], 1], lambda x: x.split([1, 3], 1))
    yield one("chunk 3 of 7", "chunk", (7, 2), [3, 0], lambda x: x.chunk(3, 0))
    yield one("chunk 2", "chunk", (2, 4), [2, -1], lambda x: x.chunk(2, -1))


def cases():
    yield from shape_cases()
    yield from pad_cases()
    yield from index_cases()
    yield from join_cases()
