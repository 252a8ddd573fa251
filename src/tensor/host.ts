/** Numbers of the host: their shape, their dtype, and their bytes. */
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { packHalf } from "./half.ts";
import type { Dtype } from "./storage.ts";

export type NestedNumbers = number | boolean | readonly NestedNumbers[];
export type TensorData = NestedNumbers | ArrayBufferView<ArrayBufferLike>;

/** Host numbers as the bytes of a dtype. */
export function encode(values: ArrayLike<number>, dtype: Dtype): ArrayBufferView<ArrayBuffer> {
  switch (dtype) {
    case "f32":
      return Float32Array.from(values);
    case "f16":
      return packHalf(values);
    case "i32":
      return Int32Array.from(values);
    case "u32":
      return Uint32Array.from(values);
    case "bool":
      return Uint32Array.from(values, (value) => (value ? 1 : 0));
  }
}

/** PyTorch's int64, as files of others hold it. */
export const isBig = (data: unknown): data is BigInt64Array | BigUint64Array =>
  data instanceof BigInt64Array || data instanceof BigUint64Array;

export function dtypeOf(data: TensorData): Dtype {
  if (data instanceof Int32Array || isBig(data)) return "i32";
  if (data instanceof Uint32Array) return "u32";
  let first: unknown = data;
  while (Array.isArray(first)) first = first[0];
  return typeof first === "boolean" ? "bool" : "f32";
}

export function flatten(data: NestedNumbers, found: number[] = []): number[] {
  if (Array.isArray(data)) for (const one of data) flatten(one, found);
  else found.push(Number(data));
  return found;
}

export function nestedShape(data: NestedNumbers): number[] {
  if (!Array.isArray(data)) {
    check(typeof data === "number" || typeof data === "boolean", ArgumentError, () =>
      expected("tensor", "data", "numbers, booleans, nested arrays of them, or a typed array", data),
    );
    return [];
  }
  const shape = [data.length];
  const inner = data.map(nestedShape);
  for (const one of inner) {
    check(
      String(one) === String(inner[0]),
      ShapeError,
      () => `tensor: argument 'data' expected rows of equal shape, got [${inner[0]}] and [${one}]`,
    );
  }
  return [...shape, ...(inner[0] ?? [])];
}
