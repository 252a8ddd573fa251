/** Making tensors: from host data, constants, ranges and random numbers. */
import { options as optionsOf, signature } from "../arguments.ts";
import { elementAt, isTypedArray } from "../elements.ts";
import { ArgumentError, check, checkNumber, DtypeError, expected, ShapeError, show } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { createOptions, tensorArgument } from "./arguments.ts";
import { fill, upload } from "./copy.ts";
import { checkHalf } from "./half.ts";
import { checkValue, dtypeOf, encode, flatten, type NestedNumbers, nestedShape, type TensorData } from "./host.ts";

import { fillRandom } from "./random.ts";
import { checkShape, type Shape, sizeOf } from "./shape.ts";
import { DTYPES, type Dtype, isFloat } from "./storage.ts";
import { asLeaf, empty, type Tensor } from "./tensor.ts";

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

const parameters = { options: /* @__PURE__ */ optionsOf(createOptions) };
/** The options of what takes numbers, or another tensor, before them. */
const signatures = {
  arange: /* @__PURE__ */ signature("arange", () => parameters),
  eye: /* @__PURE__ */ signature("eye", () => parameters),
  zerosLike: /* @__PURE__ */ signature("zerosLike", () => parameters),
  onesLike: /* @__PURE__ */ signature("onesLike", () => parameters),
};
type Variadic = keyof typeof signatures;
const HOST_DATA =
  "every replay would read these same numbers again: pass the array itself to the captured function (a typed array, or " +
  "{ data, shape }), or make a constant tensor outside of it";

/** An uninitialised tensor with checked options. */
export function make(op: string, shape: Shape, { dtype = "f32", requiresGrad, device }: CreateOptions): Tensor {
  checkShape(op, shape);
  check(DTYPES.includes(dtype), DtypeError, () => expected(op, "dtype", DTYPES.join(", "), dtype));
  check(!requiresGrad || isFloat(dtype), ArgumentError, () =>
    expected(op, "dtype", "a float with requiresGrad", dtype),
  );
  const owner = device ?? currentDevice();
  if (dtype === "f16") checkHalf(op, owner);
  runtimeOf(owner).assertOpen(op);
  return empty(owner, [...shape], dtype);
}

function finish(tensor: Tensor, options: CreateOptions): Tensor {
  return options.requiresGrad ? asLeaf(tensor) : tensor;
}

/** A tensor of host numbers: a number, nested arrays, or a typed array with a `shape`. Booleans make dtype bool. */
export function tensor(data: TensorData, options: TensorOptions = {}): Tensor {
  const values = isTypedArray(data) ? data : undefined;
  check(values || !ArrayBuffer.isView(data), ArgumentError, () =>
    expected("tensor", "data", "numbers or a typed array", data),
  );
  const inferred = values ? [values.length] : nestedShape(data as NestedNumbers);
  const shape = options.shape ?? inferred;
  checkShape("tensor", shape);
  const count = sizeOf(inferred);
  check(sizeOf(shape) === count, ShapeError, () => expected("tensor", "shape", `a shape of ${count} elements`, shape));
  const dtype = options.dtype ?? dtypeOf(data);
  check(DTYPES.includes(dtype), DtypeError, () => expected("tensor", "dtype", DTYPES.join(", "), dtype));
  const bytes = encode(values ?? flatten(data as NestedNumbers), dtype);
  const result = make("tensor", shape, { ...options, dtype });
  runtimeOf(result.device).recorder.tape?.assertNotCapturing("tensor(...) of host data", HOST_DATA);
  upload(result, bytes);
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
export function zerosLike(x: Tensor, ...rest: unknown[]): Tensor {
  return like("zerosLike", x, 0, rest);
}
/** Ones of the shape, dtype and device of `x`, unless the options say otherwise. */
export function onesLike(x: Tensor): Tensor;
export function onesLike(x: Tensor, options: CreateOptions): Tensor;
export function onesLike(x: Tensor, ...rest: unknown[]): Tensor {
  return like("onesLike", x, 1, rest);
}

/** One value everywhere: a number, or a boolean, which makes dtype bool unless `dtype` says otherwise. */
export const full = (shape: Shape, value: number | boolean, options: CreateOptions = {}): Tensor =>
  filled("full", shape, value, typeof value === "boolean" ? { dtype: "bool", ...options } : options);

function filled(op: string, shape: Shape, value: number | boolean, options: CreateOptions): Tensor {
  const number = checkFilling(op, value, options.dtype ?? "f32");
  const result = make(op, shape, options);
  fill(result, number);
  return finish(result, options);
}

function like(op: Variadic, x: Tensor, value: number, rest: readonly unknown[]): Tensor {
  tensorArgument(op, "x", x);
  x.assertLive(op);
  const isMapped = rest.length === 2 && typeof rest[0] === "number" && Array.isArray(rest[1]);
  const [, { dtype = x.dtype, device = x.device, ...options }] = splitOptions(op, isMapped ? [] : rest, 0);
  return filled(op, x.shape, value, { dtype, device, ...options });
}

/** A value to fill a tensor of `dtype` with, as a number. */
export function checkFilling(op: string, value: unknown, dtype: Dtype): number {
  check(typeof value === "number" || typeof value === "boolean", ArgumentError, () =>
    expected(op, "value", "a number or a boolean", value),
  );
  checkValue(op, "value", Number(value), dtype);
  return Number(value);
}

/** At most `most` numbers, then perhaps options, which may come before numbers that are left out. */
function splitOptions(op: Variadic, given: readonly unknown[], most: number): [(number | undefined)[], CreateOptions] {
  const found = given.findIndex((one) => typeof one !== "number" && one !== undefined);
  const at = found < 0 ? given.length : found;
  check(
    at <= most && given.length <= at + 1,
    ArgumentError,
    () => `${op}: surplus arguments: at most ${most} further numbers and then options, got ${show(given)}`,
  );
  signatures[op]([given[at]]);
  return [given.slice(0, at) as (number | undefined)[], (given[at] ?? {}) as CreateOptions];
}

/**
 * `start, start + step, ...` up to but without `end`: `arange(end)` from 0, `arange(start, end, step = 1)`, each with
 * options last. Integers give f32 too, unless `dtype` says otherwise.
 */
export function arange(end: number, options?: CreateOptions): Tensor;
export function arange(start: number, end: number | undefined, options?: CreateOptions): Tensor;
export function arange(start: number, end: number | undefined, step?: number, options?: CreateOptions): Tensor;
export function arange(start: number, ...rest: (number | CreateOptions | undefined)[]): Tensor {
  const [[end, step = 1], options] = splitOptions("arange", rest, 2);
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
    expected("linspace", "steps", "an integer >= 0", steps),
  );
  const gap = steps > 1 ? (end - start) / (steps - 1) : 0;
  return fromFunction("linspace", [steps], (i) => (i === steps - 1 && steps > 1 ? end : start + i * gap), options);
}

/** The identity matrix `eye(n)`, or a rectangular one `eye(rows, columns)`, each with options last. */
export function eye(rows: number, options?: CreateOptions): Tensor;
export function eye(rows: number, columns?: number, options?: CreateOptions): Tensor;
export function eye(rows: number, ...rest: (number | CreateOptions | undefined)[]): Tensor {
  const [[columns = rows], options] = splitOptions("eye", rest, 1);
  checkShape("eye", [rows, columns], "rows, columns");
  return fromFunction("eye", [rows, columns], (i) => (Math.floor(i / columns) === i % columns ? 1 : 0), options);
}

/** Uniform random numbers in [0, 1). */
export const rand = (shape: Shape, options: CreateOptions = {}): Tensor =>
  random("rand", shape, "uniform", 0, 1, options);
/** Standard normal random numbers. */
export const randn = (shape: Shape, options: CreateOptions = {}): Tensor =>
  random("randn", shape, "normal", 0, 1, options);

/** Random integers in [low, high), i32 unless `dtype` says otherwise. */
export function randint(low: number, high: number, shape: Shape, options: CreateOptions = {}): Tensor {
  check(Number.isSafeInteger(low) && Number.isSafeInteger(high) && low < high, ArgumentError, () =>
    expected("randint", "low, high", "integers with low < high", [low, high]),
  );
  return random("randint", shape, "randint", low, high, { dtype: "i32", ...options });
}

/** A random permutation of 0..n-1, i32. Drawn on the host from the device's seed and random call. */
export function randperm(n: number, options: CreateOptions = {}): Tensor {
  check(Number.isSafeInteger(n) && n >= 0, ArgumentError, () => expected("randperm", "n", "an integer >= 0", n));
  const device = options.device ?? currentDevice();
  runtimeOf(device).recorder.tape?.assertNotCapturing("randperm, which draws on the host");
  const dtype = options.dtype ?? "i32";
  const result = make("randperm", [n], { ...options, dtype, device });
  const order = permutation(n, runtimeOf(device).random.seed, runtimeOf(device).random.call++);
  upload(result, encode(order, dtype, "randperm"));
  return finish(result, options);
}

/** A permutation of 0..n-1 that depends on `seed` and `stream` alone: Fisher and Yates over a 32-bit generator. */
export function permutation(n: number, seed: number, stream = 0): Int32Array<ArrayBuffer> {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const next = splitmix(seed, stream);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [elementAt(order, j), elementAt(order, i)];
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
  const { dtype = "f32" } = options;
  check(dtype !== "f16" && dtype !== "bool", DtypeError, () => expected(op, "dtype", "f32, i32 or u32", dtype));
  if (kind === "randint" && dtype !== "f32") for (const bound of [a, b - 1]) checkValue(op, "low, high", bound, dtype);
  const result = make(op, shape, options);
  fillRandom(result, kind, a, b);
  return finish(result, options);
}

function fromFunction(op: string, shape: Shape, value: (i: number) => number, options: CreateOptions): Tensor {
  const result = make(op, shape, options);
  try {
    const values = Float64Array.from({ length: result.size }, (_, i) => value(i));
    upload(result, encode(values, result.dtype, op));
    return finish(result, options);
  } catch (cause) {
    result.dispose();
    throw cause;
  }
}
