/** Making tensors: from host data, constants, ranges and random numbers. */
import { ArgumentError, check, checkKeys, checkNumber, DtypeError, expected, ShapeError } from "../errors.ts";
import { currentDevice, type Device } from "../gpu/device.ts";
import { fill, upload } from "./copy.ts";
import { checkHalf, packHalf } from "./half.ts";
import { fillRandom } from "./random.ts";
import { checkShape, type Shape, sizeOf } from "./shape.ts";
import type { Dtype } from "./storage.ts";
import { empty, type Tensor } from "./tensor.ts";

export type NestedNumbers = number | boolean | readonly NestedNumbers[];
export type TensorData = NestedNumbers | ArrayBufferView<ArrayBufferLike>;

export interface CreateOptions {
  /** Default `"f32"`. */
  dtype?: Dtype;
  requiresGrad?: boolean;
  /** Default: the device of the last `init()`. */
  device?: Device;
}

export interface TensorOptions extends CreateOptions {
  /** Default: the nesting of the arrays, or one dim for a typed array. */
  shape?: Shape;
}

const DTYPES: readonly Dtype[] = ["f32", "f16", "i32", "u32", "bool"];
const CREATE_KEYS = ["dtype", "requiresGrad", "device"];

/** An uninitialised tensor with checked options. */
export function make(op: string, shape: Shape, options: CreateOptions): Tensor {
  checkKeys(op, options, op === "tensor" ? ["shape", ...CREATE_KEYS] : CREATE_KEYS);
  checkShape(op, shape);
  const { dtype = "f32", device = currentDevice() } = options;
  check(DTYPES.includes(dtype), DtypeError, () => expected(op, "dtype", DTYPES.join(", "), dtype));
  if (dtype === "f16") checkHalf(op, device);
  device.assertOpen(op);
  return empty(device, [...shape], dtype);
}

function finish(tensor: Tensor, options: CreateOptions): Tensor {
  return options.requiresGrad ? tensor.asLeaf() : tensor;
}

/** A tensor of host numbers: a number, nested arrays, or a typed array with a `shape`. Booleans make dtype bool. */
export function tensor(data: TensorData, options: TensorOptions = {}): Tensor {
  const typed = ArrayBuffer.isView(data);
  const inferred = typed ? [(data as Float32Array).length] : nestedShape(data as NestedNumbers);
  check(!typed || "length" in data, ArgumentError, () => expected("tensor", "data", "numbers or a typed array", data));
  const shape = options.shape ?? inferred;
  checkShape("tensor", shape);
  const count = sizeOf(inferred);
  check(sizeOf(shape) === count, ShapeError, () => expected("tensor", "shape", `a shape of ${count} elements`, shape));
  const dtype = options.dtype ?? dtypeOf(data);
  const result = make("tensor", shape, { ...options, dtype });
  const values = typed ? (data as unknown as ArrayLike<number>) : flatten(data as NestedNumbers);
  upload(result, encode(values, dtype));
  return finish(result, options);
}

/** Zeros of a shape. */
export const zeros = (shape: Shape, options: CreateOptions = {}): Tensor => full(shape, 0, options);
/** Ones of a shape. */
export const ones = (shape: Shape, options: CreateOptions = {}): Tensor => full(shape, 1, options);
export const zerosLike = (x: Tensor): Tensor => zeros(x.shape, { dtype: x.dtype, device: x.device });
export const onesLike = (x: Tensor): Tensor => ones(x.shape, { dtype: x.dtype, device: x.device });

/** One value everywhere. */
export function full(shape: Shape, value: number, options: CreateOptions = {}): Tensor {
  check(typeof value === "number", ArgumentError, () => expected("full", "value", "a number", value));
  const result = make("full", shape, options);
  fill(result, value);
  return finish(result, options);
}

/** `start, start + step, ...` up to but without `end`; `arange(end)` starts at 0. Whole numbers give f32 too, unless `dtype` says. */
export function arange(start: number, end?: number, step = 1, options: CreateOptions = {}): Tensor {
  const [first, last] = end === undefined ? [0, start] : [start, end];
  checkNumber("arange", "start", first);
  checkNumber("arange", "end", last);
  check(Number.isFinite(step) && step !== 0, ArgumentError, () =>
    expected("arange", "step", "a number other than 0", step),
  );
  const count = Math.max(0, Math.ceil((last - first) / step));
  return fromFunction("arange", [count], (i) => first + i * step, options);
}

/** `steps` values from `start` to `end`, both included. */
export function linspace(start: number, end: number, steps: number, options: CreateOptions = {}): Tensor {
  check(Number.isSafeInteger(steps) && steps >= 0, ArgumentError, () =>
    expected("linspace", "steps", "a whole number >= 0", steps),
  );
  const gap = steps > 1 ? (end - start) / (steps - 1) : 0;
  return fromFunction("linspace", [steps], (i) => (i === steps - 1 && steps > 1 ? end : start + i * gap), options);
}

/** The identity matrix, or a rectangular one. */
export function eye(rows: number, columns = rows, options: CreateOptions = {}): Tensor {
  checkShape("eye", [rows, columns], "rows, columns");
  return fromFunction("eye", [rows, columns], (i) => (Math.floor(i / columns) === i % columns ? 1 : 0), options);
}

/** Uniform random numbers in [0, 1). */
export const rand = (shape: Shape, options: CreateOptions = {}): Tensor =>
  random("rand", shape, "uniform", 0, 1, options);
/** Standard normal random numbers. */
export const randn = (shape: Shape, options: CreateOptions = {}): Tensor =>
  random("randn", shape, "normal", 0, 1, options);

/** Random whole numbers in [low, high), i32 unless `dtype` says otherwise. */
export function randint(low: number, high: number, shape: Shape, options: CreateOptions = {}): Tensor {
  check(Number.isSafeInteger(low) && Number.isSafeInteger(high) && low < high, ArgumentError, () =>
    expected("randint", "low, high", "whole numbers with low < high", [low, high]),
  );
  return random("randint", shape, "randint", low, high, { dtype: "i32", ...options });
}

/** A random permutation of 0..n-1, i32. Drawn on the host from the device's seed and random call. */
export function randperm(n: number, options: CreateOptions = {}): Tensor {
  check(Number.isSafeInteger(n) && n >= 0, ArgumentError, () => expected("randperm", "n", "a whole number >= 0", n));
  const device = options.device ?? currentDevice();
  device.recorder.tape?.refuse("randperm, which draws on the host");
  const order = permutation(n, device.random.seed, device.random.call++);
  return tensor(order, { dtype: "i32", ...options });
}

/** A permutation of 0..n-1 that depends on `seed` and `stream` alone: Fisher and Yates over a 32-bit generator. */
export function permutation(n: number, seed: number, stream = 0): Int32Array<ArrayBuffer> {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const next = splitmix(seed, stream);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}

/** Numbers in [0, 1) from a 32-bit mixing generator (splitmix32), for what is drawn on the host. */
export function splitmix(seed: number, stream: number): () => number {
  let state =
    (Math.imul(seed >>> 0, 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35) ^ Math.floor(seed / 2 ** 32)) >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

function random(
  op: string,
  shape: Shape,
  kind: "uniform" | "normal" | "randint",
  a: number,
  b: number,
  options: CreateOptions,
): Tensor {
  const result = make(op, shape, options);
  check(result.dtype !== "f16" && result.dtype !== "bool", DtypeError, () =>
    expected(op, "dtype", "f32, i32 or u32", result.dtype),
  );
  fillRandom(result, kind, a, b);
  return finish(result, options);
}

function fromFunction(op: string, shape: Shape, value: (i: number) => number, options: CreateOptions): Tensor {
  const result = make(op, shape, options);
  const values = Float64Array.from({ length: sizeOf(shape) }, (_, i) => value(i));
  upload(result, encode(values, result.dtype));
  return finish(result, options);
}

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

function dtypeOf(data: TensorData): Dtype {
  if (data instanceof Int32Array) return "i32";
  if (data instanceof Uint32Array) return "u32";
  let first: unknown = data;
  while (Array.isArray(first)) first = first[0];
  return typeof first === "boolean" ? "bool" : "f32";
}

function flatten(data: NestedNumbers, found: number[] = []): number[] {
  if (Array.isArray(data)) for (const one of data) flatten(one, found);
  else found.push(Number(data));
  return found;
}

function nestedShape(data: NestedNumbers): number[] {
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
