"""A causal language model of two pre-norm transformer blocks in float64: next-token cross entropy, ten AdamW steps on
batches of two. The model: embedding(tokens) + position; each of "blocks": x + attention(norm1(x)), then x +
fc2(gelu(fc1(norm2(x)))); norm, head. The attention has no biases: the gradient of its key bias would be rounding
noise, which Adam's division blows up to a full step. args is [sizes, [optimizer, options]]."""

import torch
from torch.nn import functional as F

from common import randint, randomize, trajectory

STEPS, BATCH = 10, 2
SIZES = {"vocabulary": 7, "time": 5, "width": 6, "heads": 2, "hidden": 8, "blocks": 2}
OPTIMIZER = ["AdamW", {"lr": 0.01, "weightDecay": 0.1}]


class Block(torch.nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm1 = torch.nn.LayerNorm(width)
        self.attention = torch.nn.MultiheadAttention(width, heads, bias=False, batch_first=True)
        self.norm2 = torch.nn.LayerNorm(width)
        self.fc1 = torch.nn.Linear(width, hidden)
        self.fc2 = torch.nn.Linear(hidden, width)

    def forward(self, x):
        y = self.norm1(x)
        forbidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        x = x + self.attention(y, y, y, attn_mask=forbidden, need_weights=False)[0]
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Transformer(torch.nn.Module):
    def __init__(self, vocabulary, time, width, heads, hidden, blocks):
        super().__init__()
        self.embedding = torch.nn.Embedding(vocabulary, width)
        self.position = torch.nn.Parameter(torch.zeros(time, width))
        self.blocks = torch.nn.ModuleList(Block(width, heads, hidden) for _ in range(blocks))
        self.norm = torch.nn.LayerNorm(width)
        self.head = torch.nn.Linear(width, vocabulary)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def next_token_loss(model, x, y):
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


def cases():
    tokens = randint(SIZES["vocabulary"], (STEPS, BATCH, SIZES["time"] + 1))
    inputs = {"x": tokens[..., :-1], "y": tokens[..., 1:]}
    model = randomize(Transformer(**SIZES))
    yield trajectory("transformer", "transformer", [SIZES, OPTIMIZER], model, inputs, next_token_loss)
