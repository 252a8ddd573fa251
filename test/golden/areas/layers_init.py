"""What PyTorch's initializers draw from, taken from its own calls: the limits of uniform ones ("low", "high"), mean
and standard deviation of normal ones ("mean", "std"), by the shape of the weight ("shape"); fans ("fanIn",
"fanOut") and gains."""

import math

import torch
from torch.nn import init

from common import title

SHAPES = [[5, 3], [10, 784], [6, 4, 3, 3], [8, 1, 5, 3]]
GAINS = [
    ["linear"],
    ["conv2d"],
    ["sigmoid"],
    ["tanh"],
    ["relu"],
    ["leakyRelu"],
    ["leakyRelu", 0.2],
    ["selu"],
]
TORCH_NAMES = {"leakyRelu": "leaky_relu", "fanOut": "fan_out"}


class Recorder(torch.Tensor):
    """A tensor that notes the distribution it is asked to draw from."""

    def uniform_(self, low, high):
        self.drawn = {"low": torch.tensor(low), "high": torch.tensor(high)}
        return self

    def normal_(self, mean, std):
        self.drawn = {"mean": torch.tensor(float(mean)), "std": torch.tensor(std)}
        return self


def drawn_by(function, shape, **keywords):
    recorder = torch.empty(shape).as_subclass(Recorder)
    function(recorder, **keywords)
    return recorder.drawn


XAVIER = [{}, {"gain": 1.5}]
HE = [
    {"nonlinearity": "relu"},
    {"nonlinearity": "relu", "mode": "fanOut"},
    {"nonlinearity": "leakyRelu", "a": 0.3},
    {"nonlinearity": "tanh"},
]
# gradwell's name, PyTorch's function, options
INITIALIZERS = [
    ("xavierUniform", init.xavier_uniform_, XAVIER),
    ("xavierNormal", init.xavier_normal_, XAVIER),
    ("heUniform", init.kaiming_uniform_, HE),
    ("heNormal", init.kaiming_normal_, HE),
]


def as_torch(camel):
    return {key: TORCH_NAMES.get(value, value) for key, value in camel.items()}


def spread(name, op, args, shape, drawn):
    return {"name": f"{name} of {shape}", "op": op, "args": args, "shape": shape, "outputs": drawn}


def cases():
    for shape in SHAPES:
        fan_in, fan_out = init._calculate_fan_in_and_fan_out(torch.empty(shape))
        fans = {"fanIn": torch.tensor(fan_in), "fanOut": torch.tensor(fan_out)}
        yield {"name": f"fans of {shape}", "op": "nn.init.fans", "args": [shape], "outputs": fans}
        for op, function, variants in INITIALIZERS:
            for camel in variants:
                drawn = drawn_by(function, shape, **as_torch(camel))
                yield spread(title(op, camel), f"nn.init.{op}", [camel], shape, drawn)
        # What torch.nn.Linear and Conv2d call for their weights.
        drawn = drawn_by(init.kaiming_uniform_, shape, a=math.sqrt(5))
        yield spread("torchDefault", "nn.init.torchDefault", [], shape, drawn)
    for args in GAINS:
        gain = torch.tensor(float(init.calculate_gain(TORCH_NAMES.get(args[0], args[0]), *args[1:])))
        name = " ".join(["gain of", *map(str, args)])
        yield {"name": name, "op": "nn.init.calculateGain", "args": args, "outputs": {"out": gain}}
