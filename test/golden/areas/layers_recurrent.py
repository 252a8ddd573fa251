"""RNN, LSTM and GRU with the gradients of input, initial state and every weight, in float64: one and two layers, batch
first, both directions, without biases. Outputs: the sequence ("output") and the last state ("h", for LSTM "c" too)."""

import torch

from common import module_case, options, randn, randomize, title

BATCH, TIME, INPUT, HIDDEN = 2, 4, 3, 4

VARIANTS = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu"}),
    ("RNN", {"numLayers": 2, "batchFirst": True}),
    ("LSTM", {}),
    ("LSTM", {"numLayers": 2}),
    ("LSTM", {"batchFirst": True, "bidirectional": True}),
    ("LSTM", {"numLayers": 2, "batchFirst": True, "bidirectional": True}),
    ("LSTM", {"bias": False}),
    ("GRU", {}),
    ("GRU", {"numLayers": 2, "batchFirst": True}),
    ("GRU", {"bias": False}),
]


def forward(module, x, h=None, c=None):
    output, state = module(x, h if c is None else (h, c))
    last = {"h": state[0], "c": state[1]} if isinstance(module, torch.nn.LSTM) else {"h": state}
    return {"output": output, **last}


def recurrent(kind, camel, given_state):
    module = randomize(getattr(torch.nn, kind)(INPUT, HIDDEN, **options(camel)))
    x = randn(BATCH, TIME, INPUT) if camel.get("batchFirst") else randn(TIME, BATCH, INPUT)
    inputs, call = {"x": x}, ["$x"]
    if given_state:
        rows = camel.get("numLayers", 1) * (2 if camel.get("bidirectional") else 1)
        inputs["h"] = randn(rows, BATCH, HIDDEN)
        call.append("$h")
        if kind == "LSTM":
            inputs["c"] = randn(rows, BATCH, HIDDEN)
            call[1] = ["$h", "$c"]
    name = title(kind, camel) + (", state given" if given_state else "")
    args = [INPUT, HIDDEN, camel]
    return module_case(name, f"nn.{kind}", args, module, inputs, forward, call)


def cases():
    for kind, camel in VARIANTS:
        yield recurrent(kind, camel, given_state=False)
    for kind, camel in [("RNN", {}), ("LSTM", {"numLayers": 2}), ("GRU", {})]:
        yield recurrent(kind, camel, given_state=True)
