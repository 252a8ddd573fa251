/** Tensors as a safetensors file, which the Python libraries read and write too. */

import { ArgumentError, check, expected } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { bindingOf } from "../tensor/binding.ts";
import { contiguous, upload } from "../tensor/copy.ts";
import { unpackHalf } from "../tensor/half.ts";
import { encode } from "../tensor/host.ts";
import { bytesOf, type Dtype } from "../tensor/storage.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { bytesOfFile, type FileBytes } from "./bytes.ts";
import { type Entry, type FileDtype, fail, readHeader, sorted, writeHeader } from "./safetensors-header.ts";

const FILE_DTYPES: Readonly<Record<Dtype, FileDtype>> = {
  f32: "F32",
  f16: "F16",
  i32: "I32",
  u32: "U32",
  bool: "BOOL",
};

/**
 * A safetensors file of named tensors (and strings as `metadata`), byte for byte as the Python library lays it out:
 * f32, f16, i32, u32 and bool become F32, F16, I32, U32 and BOOL.
 */
export async function saveSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  checkArguments(tensors, metadata);
  const entries = sorted(
    Object.entries(tensors).map(([name, tensor]) => ({
      name,
      tensor,
      dtype: FILE_DTYPES[tensor.dtype],
      shape: tensor.shape,
    })),
  );
  const header = writeHeader(entries, metadata);
  const values = await Promise.all(entries.map(({ tensor }) => bytesInFile(tensor)));
  const file = new Uint8Array(header.length + values.reduce((total, { length }) => total + length, 0));
  file.set(header);
  let at = header.length;
  for (const bytes of values) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

export interface LoadSafetensorsOptions {
  /** Default: the device of the last `init()`. */
  device?: Device;
}

/**
 * The tensors of a safetensors file by name. F32, F16, I32, U32 and BOOL load as they are (F16 as f32 on adapters
 * without halves); BF16 and F64 as f32; I8, I16 and I64 as i32, U8, U16 and U64 as u32. DataError with the byte offset
 * for a file that breaks the format, or whose integers do not fit 32 bits.
 */
export function loadSafetensors(bytes: FileBytes, options: LoadSafetensorsOptions = {}): Record<string, Tensor> {
  const { device = currentDevice() } = options;
  runtimeOf(device).assertOpen("loadSafetensors");
  const file = bytesOfFile("loadSafetensors", bytes);
  // Decoded before the first is uploaded: a bad file leaves nothing on the GPU.
  const decoded = readHeader(file).entries.map((entry) => [entry, decode(file, entry, device)] as const);
  const tensors = decoded.map(([{ name, shape }, { dtype, values }]): [string, Tensor] => {
    const tensor = empty(device, shape, dtype);
    upload(tensor, values);
    return [name, tensor];
  });
  return Object.fromEntries(tensors);
}

/** The strings that a safetensors file carries beside its tensors. */
export function safetensorsMetadata(bytes: FileBytes): Readonly<Record<string, string>> {
  return readHeader(bytesOfFile("safetensorsMetadata", bytes)).metadata;
}

function checkArguments(tensors: Readonly<Record<string, Tensor>>, metadata: Readonly<Record<string, string>>): void {
  check(typeof tensors === "object" && tensors !== null && !(tensors instanceof Tensor), ArgumentError, () =>
    expected("saveSafetensors", "tensors", "an object of tensors by name", tensors),
  );
  for (const [name, tensor] of Object.entries(tensors)) {
    check(tensor instanceof Tensor, ArgumentError, () => expected("saveSafetensors", name, "a tensor", tensor));
    tensor.assertLive("saveSafetensors");
    check(name !== "__metadata__", ArgumentError, () =>
      expected("saveSafetensors", "tensors", "another name, this one is the format's own", name),
    );
  }
  for (const [key, value] of Object.entries(metadata)) {
    check(typeof value === "string", ArgumentError, () =>
      expected("saveSafetensors", `metadata.${key}`, "a string", value),
    );
  }
}

async function bytesInFile(tensor: Tensor): Promise<Uint8Array> {
  const dense = contiguous(tensor);
  const read = runtimeOf(tensor.device).read({ ...bindingOf(dense), size: tensor.size * bytesOf(tensor.dtype) });
  if (dense !== tensor) dense.dispose();
  const bytes = await read;
  return tensor.dtype === "bool" ? Uint8Array.from(new Uint32Array(bytes)) : new Uint8Array(bytes);
}

interface Decoded {
  readonly dtype: Dtype;
  readonly values: ArrayBufferView<ArrayBuffer>;
}

function decode(file: Uint8Array<ArrayBuffer>, entry: Entry, device: Device): Decoded {
  const { begin, end } = entry;
  // A copy: views of more than a byte need an aligned start.
  const bytes = file.slice(begin, end).buffer;
  switch (entry.dtype) {
    case "F32":
      return { dtype: "f32", values: new Float32Array(bytes) };
    case "F16":
      if (device.features.f16) return { dtype: "f16", values: new Uint16Array(bytes) };
      return { dtype: "f32", values: unpackHalf(new Uint16Array(bytes)) };
    case "BF16":
      return { dtype: "f32", values: Uint32Array.from(new Uint16Array(bytes), (bits) => bits << 16) };
    case "F64":
      return { dtype: "f32", values: Float32Array.from(new Float64Array(bytes)) };
    case "I32":
      return { dtype: "i32", values: new Int32Array(bytes) };
    case "U32":
      return { dtype: "u32", values: new Uint32Array(bytes) };
    case "I8":
      return { dtype: "i32", values: encode(new Int8Array(bytes), "i32") };
    case "I16":
      return { dtype: "i32", values: encode(new Int16Array(bytes), "i32") };
    case "U8":
      return { dtype: "u32", values: encode(new Uint8Array(bytes), "u32") };
    case "U16":
      return { dtype: "u32", values: encode(new Uint16Array(bytes), "u32") };
    case "BOOL":
      return { dtype: "bool", values: bools(entry, new Uint8Array(bytes)) };
    case "I64":
      return { dtype: "i32", values: narrowed(entry, new BigInt64Array(bytes), -(2n ** 31n), 2n ** 31n - 1n) };
    case "U64":
      return { dtype: "u32", values: narrowed(entry, new BigUint64Array(bytes), 0n, 2n ** 32n - 1n) };
  }
}

function bools({ name, begin }: Entry, values: Uint8Array): Uint32Array<ArrayBuffer> {
  const wrong = values.findIndex((value) => value > 1);
  if (wrong >= 0) fail(begin + wrong, `'${name}': expected 0 or 1 for BOOL, got ${values[wrong]}`);
  return Uint32Array.from(values);
}

/** 64-bit integers as 32 bits. */
function narrowed(
  { name, dtype, begin }: Entry,
  values: BigInt64Array | BigUint64Array,
  low: bigint,
  high: bigint,
): Int32Array<ArrayBuffer> {
  return Int32Array.from({ length: values.length }, (_, i) => {
    const value = values[i] as bigint;
    if (value < low || value > high) {
      fail(begin + 8 * i, `'${name}': the ${dtype} value ${value} does not fit 32 bits (${low} to ${high})`);
    }
    return Number(BigInt.asIntN(32, value));
  });
}
