"""Writes the two files that safetensors.test.ts compares with, by the format's own Python library (0.8.0).

own.safetensors holds the dtypes that gradwell writes, all.safetensors every one that it reads.

    pip install safetensors && python3 test/data/safetensors/make.py
"""

import ctypes
import struct
from pathlib import Path

from safetensors import TensorSpec, serialize

HERE = Path(__file__).parent


# The library takes addresses: what they point at must live until the end.
ALIVE = []


def entry(dtype, shape, code, *values):
    data = struct.pack(f"<{len(values)}{code}", *values)
    memory = ctypes.create_string_buffer(data, len(data))
    ALIVE.append(memory)
    return TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(memory), data_len=len(data))


OWN = {
    "b": entry("float32", [2], "f", 1.5, -2.0),
    "layer.weight": entry("float32", [2, 3], "f", 0.1, 1e-40, -0.0, float("inf"), 3e38, 6.0),
    "10": entry("bool", [3], "B", 1, 0, 1),
    "9": entry("int32", [1, 2], "i", -(2**31), 7),
    "\u00e9": entry("uint32", [2], "I", 2**32 - 1, 0),
    "\U0001f600": entry("uint32", [], "I", 1),
    "\uffee": entry("uint32", [], "I", 2),
    'quote" back\\ \n \x7f \x01': entry("float32", [], "f", 4.0),
    "empty": entry("float32", [0, 3], "f"),
}

ALL = {
    "f64": entry("float64", [2], "d", 0.1, -1e300),
    "f32": entry("float32", [2], "f", 0.1, -2.5),
    "f16": entry("float16", [3], "e", 1.0, -2.5, 65504.0),
    "bf16": entry("bfloat16", [2], "H", 0x3F80, 0xC060),
    "i64": entry("int64", [2], "q", -(2**31), 2**31 - 1),
    "u64": entry("uint64", [1], "Q", 2**32 - 1),
    "i32": entry("int32", [1], "i", -5),
    "u32": entry("uint32", [1], "I", 2**32 - 1),
    "i16": entry("int16", [1], "h", -300),
    "u16": entry("uint16", [1], "H", 65535),
    "i8": entry("int8", [3], "b", -1, 0, 127),
    "u8": entry("uint8", [2], "B", 1, 255),
    "bool": entry("bool", [2, 1], "B", 1, 0),
}

(HERE / "own.safetensors").write_bytes(serialize(OWN, {"format": "pt"}))
(HERE / "all.safetensors").write_bytes(serialize(ALL))
