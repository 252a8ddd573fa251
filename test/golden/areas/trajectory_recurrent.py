"""Sequence classifiers in float64: two LSTM layers with AdamW, a GRU with momentum; cross entropy of a linear layer
("head") on the last output of "rnn", ten steps on batches of four (batch first). args is [the class, its arguments,
[optimizer, options]]."""

import torch
from torch.nn import functional as F

from common import options, randint, randn, randomize, trajectory

STEPS, BATCH, TIME, INPUT, HIDDEN, CLASSES = 10, 4, 5, 3, 5, 3

VARIANTS = [
    ("LSTM", {"numLayers": 2, "batchFirst": True}, ["AdamW", {"lr": 0.01, "weightDecay": 0.1}]),
    ("GRU", {"batchFirst": True}, ["SGD", {"lr": 0.1, "momentum": 0.9}]),
]


class Classifier(torch.nn.Module):
    def __init__(self, kind, camel):
        super().__init__()
        self.rnn = getattr(torch.nn, kind)(INPUT, HIDDEN, **options(camel))
        self.head = torch.nn.Linear(HIDDEN, CLASSES)

    def forward(self, x):
        output, _ = self.rnn(x)
        return self.head(output[:, -1])


def cases():
    for kind, camel, optimizer in VARIANTS:
        inputs = {"x": randn(STEPS, BATCH, TIME, INPUT, decimals=2), "y": randint(CLASSES, (STEPS, BATCH))}
        yield trajectory(
            f"{kind} classifier",
            f"nn.{kind}",
            [kind, [INPUT, HIDDEN, camel], optimizer],
            randomize(Classifier(kind, camel)),
            inputs,
            lambda model, x, y: F.cross_entropy(model(x), y),
        )
