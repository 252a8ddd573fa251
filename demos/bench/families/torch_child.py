"""PyTorch on the CPU, as a process that speaks with link.ts: JSON lines over the descriptor that Node passes.

`torch_child.py` answers requests; `torch_child.py cold <request>` takes the first steps and reports once.
"""

import time

START = time.perf_counter()

import json
import os
import re
import socket
import struct
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))

SAMPLE_MS = 12
WARM_UP_MS = 300
MAX_RUNS = 50


def read_file(path):
    """Groups (param, input, infer) of tensors in a safetensors file."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = bytearray(file.read())
    header.pop("__metadata__", None)
    groups = {"param": {}, "input": {}, "infer": {}}
    dtypes = {"F32": torch.float32, "I32": torch.int32}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        group, rest = name.split(".", 1)
        value = torch.frombuffer(body[begin:end], dtype=dtypes[entry["dtype"]]).reshape(entry["shape"])
        groups[group][rest] = value.long() if value.dtype == torch.int32 else value
    return groups


class Classifier(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)

    def loss(self, x, target):
        return F.cross_entropy(self(x), target)


class Regression(Classifier):
    def loss(self, x, target):
        return F.mse_loss(self(x), target)


def convnet():
    def block(before, after):
        return [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(*block(1, 16), *block(16, 32), nn.Flatten(), nn.Linear(32 * 7 * 7, 10))


def conv_norm(before, after, size, stride=1):
    return [nn.Conv2d(before, after, size, stride, (size - 1) // 2, bias=False), nn.BatchNorm2d(after)]


class ResidualBlock(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.body = nn.Sequential(*conv_norm(before, after, 3, stride), nn.ReLU(), *conv_norm(after, after, 3))
        self.shortcut = nn.Sequential(*([] if before == after else conv_norm(before, after, 1, stride)))

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


class GlobalPool(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def residual():
    widths = [32, 32, 32, 64, 64]
    blocks = [ResidualBlock(a, b, 2 if i == 2 else 1) for i, (a, b) in enumerate(zip(widths, widths[1:]))]
    return nn.Sequential(*conv_norm(3, 32, 3), nn.ReLU(), *blocks, GlobalPool(), nn.Linear(64, 10))


class LastOutput(nn.Module):
    def __init__(self, inputs, width, classes):
        super().__init__()
        self.lstm = nn.LSTM(inputs, width, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.lstm(x)[1][0][0])


def mlp():
    def hidden(before, after):
        return [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]

    return nn.Sequential(*hidden(784, 512), *hidden(512, 512), nn.Linear(512, 10))


class Attention(nn.Module):
    """The parameters of nn.MultiheadAttention, whose own forward is slower when it trains."""

    def __init__(self, width, heads, length):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)
        self.register_buffer("mask", torch.full((length, length), float("-inf")).triu(1), persistent=False)

    def forward(self, x):
        batch, length, width = x.shape
        projected = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = projected.view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5 + self.mask
            y = scores.softmax(-1) @ v
        return self.out_proj(y.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads, length)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self, vocabulary, width, heads, layers, length):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*[Block(width, heads, length) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.tok(x) + self.pos.weight)))

    def loss(self, x, target):
        return F.cross_entropy(self(x).flatten(0, 1), target.flatten())


class Word2Vec(nn.Module):
    def __init__(self, vocabulary, width, negatives):
        super().__init__()
        self.center, self.context = nn.Embedding(vocabulary, width), nn.Embedding(vocabulary, width)

    def forward(self, x, words):
        return (self.context(words) @ self.center(x).unsqueeze(2)).squeeze(2)

    def loss(self, x, context, negatives):
        near, far = self(x, context), self(x, negatives)
        return (F.softplus(-near).sum(1) + F.softplus(far).sum(1)).mean()


class VAE(nn.Module):
    def __init__(self, pixels, hidden, width):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), nn.ReLU())
        self.mean, self.logVar = nn.Linear(hidden, width), nn.Linear(hidden, width)
        self.decoder = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

    def forward(self, x):
        return self.decoder(self.mean(self.encoder(x)))

    def loss(self, x, noise):
        hidden = self.encoder(x)
        mean, log_var = self.mean(hidden), self.logVar(hidden)
        logits = self.decoder(mean + noise * (0.5 * log_var).exp())
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        return (reconstruction - 0.5 * (1 + log_var - mean**2 - log_var.exp()).sum()) / x.shape[0]


MODELS = {
    "convnet": lambda sizes: Classifier(convnet()),
    "residual": lambda sizes: Classifier(residual()),
    "gpt128": lambda sizes: GPT(**sizes),
    "gpt256": lambda sizes: GPT(**sizes),
    "lstm": lambda sizes: Classifier(LastOutput(28, sizes["width"], 10)),
    "mlp": lambda sizes: Classifier(mlp()),
    "wide-mlp": lambda sizes: Regression(nn.Sequential(nn.Linear(1024, 4096), nn.ReLU(), nn.Linear(4096, 1024))),
    "word2vec": lambda sizes: Word2Vec(**sizes),
    "vae": lambda sizes: VAE(784, 400, sizes["width"]),
}


def optimizer_of(spec, params):
    if spec["kind"] == "sgd":
        return torch.optim.SGD(params, lr=spec["lr"], momentum=spec["momentum"])
    if spec["kind"] == "adam":
        return torch.optim.Adam(params, lr=spec["lr"], foreach=True)
    return torch.optim.AdamW(params, lr=spec["lr"], weight_decay=spec["weightDecay"], foreach=True)


class Running:
    def __init__(self, family, path):
        data = read_file(path)
        self.model = MODELS[family["name"]](family["sizes"])
        # Counters of batches are PyTorch's own.
        missing = self.model.load_state_dict(data["param"], strict=False)
        unknown = [name for name in missing.missing_keys if not name.endswith("num_batches_tracked")]
        if unknown or missing.unexpected_keys:
            raise ValueError(f"parameters differ: {unknown}, {missing.unexpected_keys}")
        self.clip = family["optimizer"].get("clip")
        self.optimizer = optimizer_of(family["optimizer"], self.model.parameters())
        self.inputs, self.examples = data["input"], data["infer"]
        self.last = None

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.last = self.model.loss(**self.inputs)
        self.last.backward()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()

    def infer(self, batch):
        names = [name for name in ("x", "context") if name in self.examples]
        with torch.inference_mode():
            return self.model(*[self.examples[name][:batch] for name in names]).numpy()


def sampled(fn, budget, runs):
    samples = []
    until = time.perf_counter() + budget / 1000
    while True:
        start = time.perf_counter()
        for _ in range(runs):
            fn()
        samples.append((time.perf_counter() - start) * 1000 / runs)
        if time.perf_counter() >= until:
            return samples


def warm(fn):
    """Runs until it is as fast as it gets; how many runs make a sample."""
    fastest = min(sampled(fn, WARM_UP_MS, 1) + sampled(fn, 0, 1))
    return max(1, min(MAX_RUNS, round(SAMPLE_MS / fastest)))


def blas():
    try:
        with open("/proc/self/maps") as maps:
            loaded = maps.read()
    except OSError:
        loaded = ""
    for pattern, name in (("libmkl", "MKL"), ("openblas", "OpenBLAS"), ("libblis", "BLIS"), ("libatlas", "ATLAS")):
        if pattern in loaded:
            return name
    found = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    return found.group(1) if found else "unknown"


class Requests:
    running = None
    runs = 1

    def open(self, _):
        torch.ones(64, 64) @ torch.ones(64, 64)
        device = f"CPU, {torch.get_num_threads()} threads, BLAS: {blas()}"
        return {"version": torch.__version__, "device": device}

    def prepare(self, request):
        self.running = Running(request["family"], request["file"])
        losses = []
        for _ in range(request["checked"]):
            self.running.step()
            losses.append(self.running.last.item())
        return losses

    def warm(self, _):
        self.runs = warm(self.running.step)

    def measure(self, budget):
        return sampled(self.running.step, budget, self.runs)

    def infer(self, request):
        self.running.model.eval()
        samples = sampled(lambda: self.running.infer(request["batch"]), request["budget"], 1)
        self.running.model.train()
        return samples

    def count(self, _):
        return {"dispatches": 0, "submits": 0}

    def dispose(self, _):
        self.running = None


def serve(channel):
    requests = Requests()
    for line in channel:
        message = json.loads(line)
        answer = {"id": message["id"]}
        if message["method"] == "close":
            reply(channel, answer)
            return
        try:
            answer["value"] = getattr(requests, message["method"])(message.get("argument"))
        except Exception as error:  # Told to the other side, which goes on with other libraries.
            answer["error"] = str(error)
        reply(channel, answer)


def reply(channel, message):
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def cold(channel, request):
    running = Running(request["family"], request["file"])
    running.step()
    running.last.item()
    first = (time.perf_counter() - START) * 1000
    for _ in range(1, request["steps"]):
        running.step()
    peak = 0
    with open("/proc/self/status") as status:
        peak = int(re.search(r"VmHWM:\s*(\d+)", status.read()).group(1)) / 1024
    reply(channel, {"firstStepMs": first, "peakMiB": peak})


def main():
    connection = socket.socket(fileno=int(os.environ["NODE_CHANNEL_FD"]))
    channel = connection.makefile("rw", encoding="utf-8")
    if len(sys.argv) > 2:
        cold(channel, json.loads(sys.argv[2]))
    else:
        serve(channel)


main()
