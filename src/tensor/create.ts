/** Making tensors: from host data, constants, ranges and random numbers. */
import { ArgumentError, check, checkKeys, checkNumber, DtypeError, expected, ShapeError } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import type { Device } from "../gpu/device.ts";
import { fill, upload } from "./copy.ts";
import { checkHalf } from "./half.ts";
import { dtypeOf, encode, flatten, isBig, type NestedNumbers, nestedShape, type TensorData } from "./host.ts";

import { fillRandom } from "./random.ts";
import { checkShape, type Shape, sizeOf } from "./shape.ts";
import { DTYPES, type Dtype } from "./storage.ts";
import { empty, type Tensor } from "./tensor.ts";

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
  upload(result, encode(isBig(data) ? Array.from(data, Number) : values, dtype));
  return finish(result, options);
}

/** Zeros of a shape. */
export const zeros = (shape: Shape, options: CreateOptions = {}): Tensor => filled("zeros", shape, 0, options);
/** Ones of a shape. */
export const ones = (shape: Shape, options: CreateOptions = {}): Tensor => filled("ones", shape, 1, options);
// The first form of each is for `map(zerosLike)`, which passes an index as well.
/** Zeros of the shape, dtype and device of `x`, unless the options say otherwise. */
export function zerosLike(x: Tensor): Tensor;
export function zerosLike(x: Tensor, options: CreateOptions): Tensor;
export function zerosLike(x: Tensor, options?: CreateOptions): Tensor {
  return like("zerosLike", x, 0, options);
}
/** Ones of the shape, dtype and device of `x`, unless the options say otherwise. */
export function onesLike(x: Tensor): Tensor;
export function onesLike(x: Tensor, options: CreateOptions): Tensor;
export function onesLike(x: Tensor, options?: CreateOptions): Tensor {
  return like("onesLike", x, 1, options);
}

/** One value everywhere: a number, or a boolean, which makes dtype bool unless `dtype` says otherwise. */
export const full = (shape: Shape, value: number | boolean, options: CreateOptions = {}): Tensor =>
  filled("full", shape, value, typeof value === "boolean" ? { dtype: "bool", ...options } : options);

function filled(op: string, shape: Shape, value: number | boolean, options: CreateOptions): Tensor {
  const number = checkFilling(op, value);
  const result = make(op, shape, options);
  fill(result, number);
  return finish(result, options);
}

const like = (op: string, x: Tensor, value: number, options: CreateOptions = {}): Tensor =>
  filled(op, x.shape, value, { dtype: x.dtype, device: x.device, ...options });

/** A value to fill a tensor with, as a number. */
export function checkFilling(op: string, value: unknown): number {
  check(typeof value === "number" || typeof value === "boolean", ArgumentError, () =>
    expected(op, "value", "a number or a boolean", value),
  );
  return Number(value);
}

/** Numbers, then perhaps options, which may come before numbers that are left out. */
function splitOptions(args: readonly (number | CreateOptions | undefined)[]): [(number | undefined)[], CreateOptions] {
  const at = args.findIndex((one) => typeof one === "object" && one !== null);
  return at < 0
    ? [args as (number | undefined)[], {}]
    : [args.slice(0, at) as (number | undefined)[], args[at] as CreateOptions];
}

/**
 * `start, start + step, ...` up to but without `end`: `arange(end)` from 0, `arange(start, end, step = 1)`, each with
 * options last. Whole numbers give f32 too, unless `dtype` says otherwise.
 */
export function arange(end: number, options?: CreateOptions): Tensor;
export function arange(start: number, end: number | undefined, options?: CreateOptions): Tensor;
export function arange(start: number, end: number | undefined, step?: number, options?: CreateOptions): Tensor;
export function arange(start: number, ...rest: (number | CreateOptions | undefined)[]): Tensor {
  const [[end, step = 1], options] = splitOptions(rest);
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

/** The identity matrix `eye(n)`, or a rectangular one `eye(rows, columns)`, each with options last. */
export function eye(rows: number, options?: CreateOptions): Tensor;
export function eye(rows: number, columns?: number, options?: CreateOptions): Tensor;
export function eye(rows: number, ...rest: (number | CreateOptions | undefined)[]): Tensor {
  const [[columns = rows], options] = splitOptions(rest);
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
  device.recorder.tape?.assertNotCapturing("randperm, which draws on the host");
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
