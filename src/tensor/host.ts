/** Numbers of the host: their shape, their dtype, and their bytes. */
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { packHalf } from "./half.ts";
import type { Dtype } from "./storage.ts";

export type NestedNumbers = number | boolean | readonly NestedNumbers[];
export type TensorData = NestedNumbers | ArrayBufferView<ArrayBufferLike>;

/** The least and the largest value of the integer dtypes. */
const RANGES = { i32: [-(2 ** 31), 2 ** 31 - 1], u32: [0, 2 ** 32 - 1] } as const;

/** Integers lose a fraction, but must hold what is left; every float and bool has a nearest value. */
export function holds(dtype: Dtype, value: number): boolean {
  if (dtype !== "i32" && dtype !== "u32") return true;
  const [least, largest] = RANGES[dtype];
  const integer = Math.trunc(value);
  return integer >= least && integer <= largest;
}

/** Throws where a dtype does not hold a value. */
export function checkValue(op: string, argument: string, value: number, dtype: Dtype, at = ""): void {
  check(holds(dtype, value), ArgumentError, () => {
    const [least, largest] = RANGES[dtype as keyof typeof RANGES];
    return `${expected(op, argument, `what ${dtype} holds, integers from ${least} to ${largest}`, value)}${at}`;
  });
}

/** Host numbers as the bytes of a dtype. Finite values beyond the largest float become infinite, as in PyTorch. */
export function encode(values: ArrayLike<number | bigint>, dtype: Dtype, op = "tensor"): ArrayBufferView<ArrayBuffer> {
  const numbers = isBig(values) ? Float64Array.from(values, Number) : (values as ArrayLike<number>);
  const isHeld =
    (numbers instanceof Int32Array && dtype === "i32") || (numbers instanceof Uint32Array && dtype === "u32");
  if ((dtype === "i32" || dtype === "u32") && !isHeld) {
    for (let i = 0; i < numbers.length; i++) {
      // No check for each of millions of numbers.
      const value = numbers[i] as number;
      if (!holds(dtype, value)) checkValue(op, "data", value, dtype, ` at index ${i}`);
    }
  }
  switch (dtype) {
    case "f32":
      return Float32Array.from(numbers);
    case "f16":
      return packHalf(numbers);
    case "i32":
      return Int32Array.from(numbers);
    case "u32":
      return Uint32Array.from(numbers);
    case "bool":
      return Uint32Array.from(numbers, (value) => (value === 0 ? 0 : 1));
  }
}

/** PyTorch's int64, as files of others hold it. */
export const isBig = (data: unknown): data is BigInt64Array | BigUint64Array =>
  data instanceof BigInt64Array || data instanceof BigUint64Array;

export function dtypeOf(data: TensorData): Dtype {
  if (data instanceof Int32Array || isBig(data)) return "i32";
  if (data instanceof Uint32Array) return "u32";
  return isBoolean(data) ? "bool" : "f32";
}

/** Returns true if a boolean comes first and nothing but booleans after it. */
function isBoolean(data: unknown): boolean {
  if (!Array.isArray(data)) return typeof data === "boolean";
  return data.length > 0 && data.every(isBoolean);
}

/** Returns the numbers of nested arrays in order; for data that has passed `nestedShape`, which bounds the depth. */
export function flatten(data: NestedNumbers, found: number[] = []): number[] {
  if (Array.isArray(data)) for (const one of data) flatten(one, found);
  else found.push(Number(data));
  return found;
}

/** Deeper nesting is a mistake, such as a list that contains itself. */
const MAX_NESTING = 64;

export function nestedShape(data: NestedNumbers, depth = 0): number[] {
  check(
    depth <= MAX_NESTING,
    ShapeError,
    () => `tensor: argument 'data' expected at most ${MAX_NESTING} nested arrays`,
  );
  if (!Array.isArray(data)) {
    check(typeof data === "number" || typeof data === "boolean", ArgumentError, () =>
      expected("tensor", "data", "numbers, booleans, nested arrays of them, or a typed array", data),
    );
    return [];
  }
  const shape = [data.length];
  const inner = data.map((one) => nestedShape(one, depth + 1));
  for (const one of inner) {
    check(
      String(one) === String(inner[0]),
      ShapeError,
      () => `tensor: argument 'data' expected rows of equal shape, got [${inner[0]}] and [${one}]`,
    );
  }
  return [...shape, ...(inner[0] ?? [])];
}
