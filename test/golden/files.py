"""The files: tensors as JSON, and the distance of a float32 run from what a file holds."""

import json
import math

import numpy as np
import torch

DTYPES = {torch.bool: "bool", torch.int64: "i32", torch.int32: "i32"}


def number(value):
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    shortest = float(str(value))
    is_short_integer = shortest.is_integer() and 0 < abs(shortest) < 1e9
    return int(shortest) if is_short_integer or str(value) == "0.0" else shortest


def encode(value):
    if isinstance(value, torch.Tensor):
        flat = value.detach().reshape(-1)
        if value.dtype in DTYPES:
            return {"shape": list(value.shape), "dtype": DTYPES[value.dtype], "data": [int(item) for item in flat]}
        with np.errstate(over="ignore"):
            nearest = flat.numpy().astype(np.float32)
        return {"shape": list(value.shape), "data": [number(item) for item in nearest]}
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def dump(value):
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def write(file, content):
    """One case to a line, so that a diff shows which case changed."""
    head = ",\n".join(f"{dump(key)}: {dump(value)}" for key, value in content.items() if key != "cases")
    cases = ",\n".join(dump(encode(case)) for case in content["cases"])
    file.write_text(f'{{\n{head},\n"cases": [\n{cases}\n]\n}}\n')


def read(file):
    return json.loads(file.read_text())


def gaps(actual, expected, path=""):
    """(relative, absolute, where) of every float tensor; relative to the tensor's largest magnitude."""
    if isinstance(actual, dict) and "data" in actual:
        pair = np.array([actual["data"], expected["data"]], dtype=np.float64)
        if not np.array_equal(pair[0][~np.isfinite(pair[0])], pair[1][~np.isfinite(pair[1])], equal_nan=True):
            yield math.inf, math.inf, path
            return
        a, b = pair[:, np.isfinite(pair[0])]
        absolute = float(np.abs(a - b).max(initial=0.0))
        yield absolute / max(float(np.abs(b).max(initial=0.0)), 1e-30), absolute, path
    elif isinstance(actual, (dict, list)):
        for key in actual if isinstance(actual, dict) else range(len(actual)):
            yield from gaps(actual[key], expected[key], f"{path}/{key}")


def print_gap(content, committed):
    """The worst few cases of a file."""
    print(f"{content['area']}:")
    worst = []
    for actual, expected in zip(content["cases"], committed["cases"]):
        worst.append(max(gaps(encode(actual), expected), default=(0.0, 0.0, "")) + (actual["name"],))
    for relative, absolute, path, name in sorted(worst, reverse=True)[:12]:
        print(f"  relative {relative:.1e}, absolute {absolute:.1e}: {name}  {path}")
