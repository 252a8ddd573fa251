/** Reading values back to the host. */

import { elementAt } from "../elements.ts";
import { ArgumentError, check } from "../errors.ts";
import { runtimeOf } from "../gpu/device.ts";
import { bindingOf } from "./binding.ts";
import { contiguous } from "./copy.ts";
import { unpackHalf } from "./half.ts";
import type { Shape } from "./shape.ts";
import type { Dtype } from "./storage.ts";
import { assertReadable, type Tensor } from "./tensor.ts";

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
    runtimeOf(x.device).recorder.tape?.assertNotCapturing("a read of a tensor's values");
    return read(x);
  };
}

/** All values in row-major order: Float32Array (f32, f16), Int32Array, Uint32Array, or Uint8Array of 0 and 1 (bool). */
export const readData = reader(async (x): Promise<TypedArray> => {
  assertReadable(x, "data");
  if (x.size === 0) return decode(new ArrayBuffer(0), x.dtype);
  const dense = contiguous(x);
  const bytes = x.size * (x.dtype === "f16" ? 2 : 4);
  const read = runtimeOf(x.device).read({ ...bindingOf(dense), size: bytes });
  if (dense !== x) dense.dispose();
  return decode(await read, x.dtype);
});

/** The value of a tensor with one element. */
export const readItem = reader(async (x): Promise<number> => {
  check(x.size === 1, ArgumentError, () => `item: expected a tensor with one element, got one of shape [${x.shape}]`);
  return elementAt(await readData(x), 0);
});

/** Nested arrays of numbers (booleans for dtype bool). */
export const readList = reader(async (x): Promise<Nested<number | boolean>> => {
  const flat = await readData(x);
  let level: Nested<number | boolean>[] = Array.from(flat, (value) => (x.dtype === "bool" ? value === 1 : value));
  // From the innermost dim outwards, by a loop: a tensor may have thousands of dims.
  const counts = outerCounts(x.shape);
  for (let dim = x.ndim - 1; dim >= 0; dim--) {
    const [length = 0, inner] = [x.shape[dim], level];
    level = Array.from({ length: counts[dim] ?? 0 }, (_, i) => inner.slice(i * length, (i + 1) * length));
  }
  return level[0] ?? [];
});

/** Returns for each dim the product of the dims before it. */
function outerCounts(shape: Shape): number[] {
  let product = 1;
  return shape.map((length) => {
    const count = product;
    product *= length;
    return count;
  });
}
