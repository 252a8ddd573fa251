/** Reading values back to the host. */
import { ArgumentError, check } from "../errors.ts";
import { contiguous } from "./copy.ts";
import { unpackHalf } from "./half.ts";
import type { Dtype } from "./storage.ts";
import type { Tensor } from "./tensor.ts";

export type TypedArray =
  | Float32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;
export type Nested<T> = T | Nested<T>[];

function decode(bytes: ArrayBuffer, dtype: Dtype): TypedArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(bytes);
    case "f16":
      return unpackHalf(new Uint16Array(bytes));
    case "i32":
      return new Int32Array(bytes);
    case "u32":
      return new Uint32Array(bytes);
    case "bool":
      return Uint8Array.from(new Uint32Array(bytes));
  }
}

/** Inside a captured function a read throws at the call: its promise might be dropped, and reject unseen. */
function reader<T>(read: (x: Tensor) => Promise<T>): (x: Tensor) => Promise<T> {
  return (x) => {
    x.device.recorder.tape?.assertNotCapturing("a read of a tensor's values");
    return read(x);
  };
}

/** All values in row-major order: Float32Array (f32, f16), Int32Array, Uint32Array, or Uint8Array of 0 and 1 (bool). */
export const readData = reader(async (x): Promise<TypedArray> => {
  x.assertReadable("data");
  if (x.size === 0) return decode(new ArrayBuffer(0), x.dtype);
  const dense = contiguous(x);
  const bytes = x.size * (x.dtype === "f16" ? 2 : 4);
  const read = x.device.read({ ...dense.binding, size: bytes });
  if (dense !== x) dense.dispose();
  return decode(await read, x.dtype);
});

/** The value of a tensor with one element. */
export const readItem = reader(async (x): Promise<number> => {
  check(x.size === 1, ArgumentError, () => `item: expected a tensor with one element, got one of shape [${x.shape}]`);
  return (await readData(x))[0] as number;
});

/** Nested arrays of numbers (booleans for dtype bool). */
export const readList = reader(async (x): Promise<Nested<number | boolean>> => {
  const flat = await readData(x);
  let at = 0;
  const build = (dim: number): Nested<number | boolean> => {
    if (dim === x.ndim) {
      const value = flat[at++] as number;
      return x.dtype === "bool" ? value === 1 : value;
    }
    return Array.from({ length: x.shape[dim] as number }, () => build(dim + 1));
  };
  return build(0);
});
