"""A small ConvNet with batch norm on 8 x 8 images: cross entropy, ten AdamW steps on batches of four, in float64. args
is [layers, [optimizer, options]] as in the area "mlp"; no convolution before a batch norm has a bias."""

from torch.nn import functional as F

from common import randint, randn, sequential, trajectory

STEPS, BATCH = 10, 4
LAYERS = [
    ["Conv2d", 1, 4, 3, {"padding": 1, "bias": False}],
    ["BatchNorm2d", 4],
    ["ReLU"],
    ["MaxPool2d", 2],
    ["Conv2d", 4, 5, 3, {"stride": 2, "padding": 1, "bias": False}],
    ["BatchNorm2d", 5],
    ["ReLU"],
    ["Flatten"],
    ["Linear", 20, 3],
]
OPTIMIZER = ["AdamW", {"lr": 0.01, "weightDecay": 0.1}]


def cases():
    inputs = {"x": randn(STEPS, BATCH, 1, 8, 8, decimals=2), "y": randint(3, (STEPS, BATCH))}
    yield trajectory(
        "convnet with batch norm",
        "nn.Sequential",
        [LAYERS, OPTIMIZER],
        sequential(LAYERS),
        inputs,
        lambda model, x, y: F.cross_entropy(model(x), y),
    )
