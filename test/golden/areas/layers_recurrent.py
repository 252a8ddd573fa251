"""RNN, LSTM and GRU with the gradients of input, initial state and every weight, in float64: one and two layers, batch
first, both directions, without biases; with layer norm (which PyTorch's have not) by the formulas of Ba, Kiros and
Hinton 2016, the biases being the norms'. Outputs: the sequence ("output") and the last state ("h", for LSTM "c" too)."""

import torch
from torch.nn import functional as F

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


GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}


class Normed(torch.nn.Module):
    """One layer with layer norm: the RNN's of the sum, the others' of each part, the LSTM's of the cell too."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        rows = GATES[kind] * HIDDEN
        shapes = {"weight_ih": (rows, INPUT), "weight_hh": (rows, HIDDEN), "bias_ih": (rows,), "bias_hh": (rows,)}
        shapes.update({name: (rows,) for name in (["norm"] if kind == "RNN" else ["norm_ih", "norm_hh"])})
        if kind == "LSTM":
            shapes.update({"norm_cell": (HIDDEN,), "bias_cell": (HIDDEN,)})
        for name, shape in shapes.items():
            self.register_parameter(f"{name}_l0", torch.nn.Parameter(torch.zeros(shape)))
        for name, parameter in randomize(self).named_parameters():
            parameter.data += name.startswith("norm")

    def of(self, name, start=0, end=None):
        return getattr(self, f"{name}_l0")[start:end]

    def part(self, which, value, start=0, end=None):
        """Some gates of the input's part ("ih") or of the hidden state's ("hh"), normalised together."""
        gates = value @ self.of(f"weight_{which}", start, end).T
        weight, bias = self.of(f"norm_{which}", start, end), self.of(f"bias_{which}", start, end)
        return F.layer_norm(gates, gates.shape[-1:], weight, bias)

    def step(self, x, h, c):
        if self.kind == "RNN":
            total = x @ self.of("weight_ih").T + h @ self.of("weight_hh").T
            bias = self.of("bias_ih") + self.of("bias_hh")
            return torch.tanh(F.layer_norm(total, total.shape[-1:], self.of("norm")) + bias), c
        if self.kind == "LSTM":
            i, f, g, o = (self.part("ih", x) + self.part("hh", h)).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            shown = F.layer_norm(c, c.shape[-1:], self.of("norm_cell"), self.of("bias_cell"))
            return o.sigmoid() * shown.tanh(), c
        gates = self.part("ih", x, 0, 2 * HIDDEN) + self.part("hh", h, 0, 2 * HIDDEN)
        r, z = gates.sigmoid().chunk(2, -1)
        n = torch.tanh(self.part("ih", x, 2 * HIDDEN) + r * self.part("hh", h, 2 * HIDDEN))
        return (1 - z) * n + z * h, c

    def forward(self, x):
        h, c = torch.zeros(BATCH, HIDDEN), torch.zeros(BATCH, HIDDEN)
        outputs = []
        for one in x:
            h, c = self.step(one, h, c)
            outputs.append(h)
        last = {"h": h[None], "c": c[None]} if self.kind == "LSTM" else {"h": h[None]}
        return {"output": torch.stack(outputs), **last}


def normed(kind):
    inputs = {"x": randn(TIME, BATCH, INPUT)}
    args = [INPUT, HIDDEN, {"layerNorm": True}]
    return module_case(f"{kind}, layer norm", f"nn.{kind}", args, Normed(kind), inputs, lambda module, x: module(x))


def cases():
    for kind, camel in VARIANTS:
        yield recurrent(kind, camel, given_state=False)
    for kind, camel in [("RNN", {}), ("LSTM", {"numLayers": 2}), ("GRU", {})]:
        yield recurrent(kind, camel, given_state=True)
    for kind in GATES:
        yield normed(kind)
