"""The optimizers as in the area "optimizers", with gradients near 1e-12 ("tiny"), near 1e4 ("huge") and of exactly
zero ("idle", which leaves only the decay at work)."""

from areas.optimizers import run
from common import title

EXTREMES = [
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("AdaGrad", {}),
    ("RMSProp", {}),
    ("RMSProp", {"centered": True}),
    ("Adam", {}),
    ("AdamW", {}),
]


def cases():
    for name, camel in EXTREMES:
        yield run(f"{title(name, camel)}, tiny", name, camel, 1e-12)
        yield run(f"{title(name, camel)}, huge", name, camel, 1e4)
    for name in ("Adam", "AdamW"):
        camel = {"lr": 0.01, "weightDecay": 0.1}
        yield run(f"{title(name, camel)}, idle", name, camel, 0.0)
