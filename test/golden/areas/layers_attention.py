"""Scaled dot-product attention by its formula (this PyTorch has no public function for it), MultiheadAttention and
Embedding, in float64. A boolean mask of nn.scaledDotProductAttention is true where attention is allowed, one of
MultiheadAttention where it is forbidden: so it is in PyTorch. MultiheadAttention's "weights" are the average over
the heads."""

import math

import torch
from torch.nn import functional as F

from common import case, module_case, randint, randn, randomize, title

HEADS, DIM = 2, 6


def attention(q, k, v, mask=None, scale=None):
    scores = q @ k.transpose(-1, -2) * (scale or 1 / math.sqrt(q.shape[-1]))
    if mask is not None:
        scores = scores + additive(mask)
    return torch.softmax(scores, -1) @ v


def additive(mask):
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros(mask.shape).masked_fill(~mask, -math.inf)


def causal(rows, columns):
    return torch.ones(rows, columns, dtype=torch.bool).tril()


def attention_cases():
    op = "nn.scaledDotProductAttention"
    qkv = ["$q", "$k", "$v"]

    def inputs(batch, rows, columns):
        return {"q": randn(*batch, rows, 4), "k": randn(*batch, columns, 4), "v": randn(*batch, columns, 3)}

    for batch, rows, columns in [((2, 2), 3, 3), ((2,), 3, 5), ((), 4, 2)]:
        name = f"attention {batch}, {rows} by {columns}"
        yield case(name, op, qkv, inputs(batch, rows, columns), attention)
    yield case(
        "attention, scale 0.3",
        op,
        [*qkv, {"scale": 0.3}],
        inputs((2,), 3, 3),
        lambda q, k, v: attention(q, k, v, scale=0.3),
    )
    for rows, columns in [(4, 4), (3, 5)]:
        yield case(
            f"attention, causal {rows} by {columns}",
            op,
            [*qkv, {"isCausal": True}],
            inputs((2,), rows, columns),
            lambda q, k, v: attention(q, k, v, causal(rows, columns)),
        )
    masked = [*qkv, {"attnMask": "$mask"}]
    allowed = torch.tensor([[True, False, True], [True, True, True], [False, False, True]])
    yield case("attention, boolean mask", op, masked, {**inputs((2,), 3, 3), "mask": allowed}, attention)
    weighed = {**inputs((2,), 3, 3), "mask": randn(3, 3)}
    yield case("attention, additive mask", op, masked, weighed, attention, fixed=("mask",))


def multihead(name, inputs, call=("$q", "$q", "$q"), bias=True, need_weights=False, **widths):
    module = randomize(torch.nn.MultiheadAttention(DIM, HEADS, bias=bias, batch_first=True, **widths))

    def forward(module, q, k=None, v=None, mask=None, padding=None):
        k, v = (q, q) if k is None else (k, k if v is None else v)
        output, weights = module(q, k, v, key_padding_mask=padding, attn_mask=mask, need_weights=need_weights)
        return {"output": output, "weights": weights} if need_weights else {"output": output}

    args = [DIM, HEADS, {"bias": bias, "batchFirst": True, **widths}]
    return module_case(name, "nn.MultiheadAttention", args, module, inputs, forward, call)


def multihead_cases():
    qqq = ["$q", "$q", "$q"]
    yield multihead("multihead", {"q": randn(2, 3, DIM)})
    yield multihead("multihead, no bias", {"q": randn(2, 3, DIM)}, bias=False)
    cross = {"q": randn(2, 3, DIM), "k": randn(2, 5, DIM), "v": randn(2, 5, DIM)}
    yield multihead("multihead, cross", cross, ["$q", "$k", "$v"])
    call = [*qqq, {"needWeights": True}]
    yield multihead("multihead, weights", {"q": randn(2, 3, DIM)}, call, need_weights=True)
    forbidden = {"q": randn(2, 4, DIM), "mask": ~causal(4, 4)}
    yield multihead("multihead, causal mask", forbidden, [*qqq, {"attnMask": "$mask"}])
    padded = {"q": randn(2, 3, DIM), "padding": torch.tensor([[False, False, True], [False, False, False]])}
    yield multihead("multihead, padding", padded, [*qqq, {"keyPaddingMask": "$padding"}])


def embedding_cases():
    for camel in ({}, {"paddingIdx": 2}):
        module = torch.nn.Embedding(5, 3, padding_idx=camel.get("paddingIdx"))
        module.weight.data.copy_(randn(5, 3))
        index = torch.tensor([[0, 2, 2], [4, 0, 0]])
        yield module_case(
            title("embedding", camel),
            "nn.Embedding",
            [5, 3, camel],
            module,
            {"index": index},
            lambda module, index: module(index),
            ["$index"],
        )
    inputs = {"index": randint(7, (4,)), "weight": randn(7, 2)}
    args = ["$index", "$weight"]
    yield case("embedding, functional", "nn.embedding", args, inputs, lambda index, weight: F.embedding(index, weight))


def wide_cases():
    qkv = ["$q", "$k", "$v"]
    for widths in ({"kdim": 4, "vdim": 5}, {"vdim": 5}):
        key = randn(2, 5, widths.get("kdim", DIM))
        inputs = {"q": randn(2, 3, DIM), "k": key, "v": randn(2, 5, widths["vdim"])}
        yield multihead(title("multihead", widths), inputs, qkv, **widths)
    inputs = {"q": randn(2, 3, DIM), "k": randn(2, 5, 4)}
    yield multihead("multihead, one key and value", inputs, ["$q", "$k", "$k"], kdim=4, vdim=4)


def cases():
    yield from attention_cases()
    yield from multihead_cases()
    yield from embedding_cases()
    inputs = {"index": torch.tensor([[0, 2, 4], [4, 1, 0]]), "weight": randn(5, 3)}
    args = ["$index", "$weight", {"paddingIdx": -1}]
    name = "embedding, padding from the end"
    yield case(name, "nn.embedding", args, inputs, lambda index, weight: F.embedding(index, weight, padding_idx=-1))
    yield from wide_cases()
