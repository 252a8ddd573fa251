import { AUTOCAST_F32 } from "../autograd/autocast.ts";
import { defineOp } from "../autograd/op.ts";
import { check, checkKeys, DtypeError, expected, ShapeError } from "../errors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { runArgReduce, runReduce } from "../kernels/reduce.ts";
import { arange, eye } from "../tensor/create.ts";
import { normalizeDim, normalizeDims, type Shape, sizeOf, stridesOf } from "../tensor/shape.ts";
import { type Tensor, view } from "../tensor/tensor.ts";
import { div, eq, mul, same, where } from "./binary.ts";
import { expand } from "./broadcast.ts";
import { flatten, permute, reshape, unsqueeze } from "./movement.ts";

export type Dim = number | readonly number[];
export interface ReduceOptions {
  /** Keep reduced dims with size 1. Default false. */
  keepdim?: boolean;
}

interface ReduceAttrs {
  readonly dims: readonly number[];
  readonly scale: number;
}

/** The shape with reduced dims of size 1. */
const keptShape = (shape: Shape, dims: readonly number[]): number[] =>
  shape.map((dim, i) => (dims.includes(i) ? 1 : dim));

/** Runs a kernel whose result keeps reduced dims as 1, so that gradients broadcast back. */
function keepDims(x: Tensor, y: Tensor, dims: readonly number[]): Tensor {
  const shape = keptShape(x.shape, dims);
  const kept = view(y, shape, stridesOf(shape), 0);
  y.dispose();
  return kept;
}

/** The result of a reduction that kept its dims, without them unless `keepdim`. */
export function finish(y: Tensor, x: Tensor, dims: readonly number[], keepdim = false): Tensor {
  if (keepdim) return y;
  const shape = x.shape.filter((_, i) => !dims.includes(i));
  const result = reshape(y, shape);
  y.dispose();
  return result;
}

const sumOp = defineOp<ReduceAttrs & { shape: Shape }>({
  name: "sum",
  ...AUTOCAST_F32,
  forward: (_, [x]: [Tensor], { dims, scale }) => keepDims(x, runReduce(x, dims, "sum", scale), dims),
  backward: (ctx, g: Tensor) => expand(ctx.attrs.scale === 1 ? g : mul(g, ctx.attrs.scale), ctx.attrs.shape),
});

function reduceSum(
  op: string,
  x: Tensor,
  dim: Dim | undefined,
  options: ReduceOptions,
  scale: (count: number) => number,
): Tensor {
  checkKeys(op, options, ["keepdim"]);
  const dims = normalizeDims(op, dim, x.ndim);
  const count = sizeOf(dims.map((d) => x.shape[d] as number));
  return finish(sumOp([x], { dims, scale: scale(count), shape: x.shape }), x, dims, options.keepdim);
}

/** Sum of elements; of whole numbers and bools an i32 (u32 stays u32). */
export const sum = (x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor =>
  reduceSum("sum", x, dim, options, () => 1);

/** Arithmetic mean; NaN for none. */
export function mean(x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor {
  check(isFloat(x.dtype), DtypeError, () => expected("mean", "x", "a float tensor", x.dtype));
  const dims = normalizeDims("mean", dim, x.ndim);
  if (dims.some((d) => x.shape[d] === 0))
    return mul(
      reduceSum("mean", x, dim, options, () => 1),
      Number.NaN,
    );
  return reduceSum("mean", x, dim, options, (count) => 1 / count);
}

const prodOp = defineOp<ReduceAttrs>({
  name: "prod",
  ...AUTOCAST_F32,
  forward(ctx, [x]: [Tensor], { dims }) {
    const y = keepDims(x, runReduce(x, dims, "prod"), dims);
    ctx.save(x);
    return y;
  },
  backward(ctx, g: Tensor) {
    const x = ctx.saved[0] as Tensor;
    return mul(g, productsOfOthers(x, ctx.attrs.dims));
  },
});

/** Above this many factors the product of the others is a quotient rather than a square of memory. */
const SQUARE_LIMIT = 2048;

/** For each element the product of all others along `dims`. */
function productsOfOthers(x: Tensor, dims: readonly number[]): Tensor {
  const order = [...x.shape.keys()].filter((d) => !dims.includes(d)).concat(dims as number[]);
  const turned = permute(x, order);
  const lines = dims.length === 0 ? reshape(x, [...x.shape, 1]) : flatten(turned, x.ndim - dims.length, -1);
  const n = lines.shape[lines.ndim - 1] as number;
  const others =
    n > SQUARE_LIMIT
      ? quotients(lines)
      : prod(
          where(eye(n, n, { dtype: "bool", device: x.device }), 1, expand(unsqueeze(lines, -2), [...lines.shape, n])),
          -1,
        );
  return permute(
    reshape(others, turned.shape),
    order.map((_, i) => order.indexOf(i)),
  );
}

/** The product of all but each element along the last dim, as a quotient: of the others alone where the element is 0. */
function quotients(lines: Tensor): Tensor {
  const isZero = eq(lines, 0);
  const zeros = sum(isZero, -1, { keepdim: true });
  const rest = prod(where(isZero, 1, lines), -1, { keepdim: true });
  return where(isZero, where(eq(zeros, 1), rest, 0), where(eq(zeros, 0), div(rest, where(isZero, 1, lines)), 0));
}

/** Product of elements. */
export function prod(x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor {
  checkKeys("prod", options, ["keepdim"]);
  const dims = normalizeDims("prod", dim, x.ndim);
  return finish(prodOp([x], { dims, scale: 1 }), x, dims, options.keepdim);
}

interface ExtremeAttrs {
  readonly dims: readonly number[];
  readonly largest: boolean;
}

/** Over several dims (or all) equal extremes share the gradient, as PyTorch's amax. */
const extremeOp = defineOp<ExtremeAttrs>({
  name: "extreme",
  computeDtype: "f32",
  forward(ctx, [x]: [Tensor], { dims, largest }) {
    const y = keepDims(x, runReduce(x, dims, largest ? "max" : "min"), dims);
    ctx.save(x, y);
    return y;
  },
  backward(ctx, g: Tensor) {
    const [x, y] = ctx.saved as [Tensor, Tensor];
    const hits = same(x, y);
    return where(hits, div(g, sum(hits, ctx.attrs.dims, { keepdim: true })), 0);
  },
});

/** Along one dim the first extreme takes the gradient, as PyTorch's max(dim). */
const extremeAlongOp = defineOp<{ dim: number; largest: boolean }>({
  name: "extremeAlong",
  computeDtype: "f32",
  forward(ctx, [x]: [Tensor], { dim, largest }) {
    const y = keepDims(x, runReduce(x, [dim], largest ? "max" : "min"), [dim]);
    ctx.save(x);
    return y;
  },
  backward(ctx, g: Tensor) {
    const x = ctx.saved[0] as Tensor;
    const { dim, largest } = ctx.attrs;
    const place = unsqueeze(largest ? argmax(x, dim) : argmin(x, dim), dim);
    const places = arange(0, x.shape[dim] as number, 1, { dtype: "i32", device: x.device });
    const along = x.shape.map((_, i) => (i === dim ? -1 : 1));
    return where(eq(reshape(places, along), place), g, 0);
  },
});

function extreme(op: string, x: Tensor, dim: Dim | undefined, options: ReduceOptions, largest: boolean): Tensor {
  checkKeys(op, options, ["keepdim"]);
  const dims = normalizeDims(op, dim, x.ndim);
  const count = sizeOf(dims.map((d) => x.shape[d] as number));
  check(
    count > 0 || x.size > 0,
    ShapeError,
    () => `${op}: expected at least one element to choose from, got shape [${x.shape}]`,
  );
  const y =
    typeof dim === "number" && x.ndim > 0
      ? extremeAlongOp([x], { dim: dims[0] as number, largest })
      : extremeOp([x], { dims, largest });
  return finish(y, x, dims, options.keepdim);
}

/** Largest values; NaN wins. `argmax` gives their places. */
export const max = (x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor => extreme("max", x, dim, options, true);
/** Smallest values; NaN wins. */
export const min = (x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor =>
  extreme("min", x, dim, options, false);

/** The place (i32) of the largest value along `dim`, or in the flattened tensor; the first of equal ones. */
export const argmax = (x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor =>
  arg("argmax", x, dim, options, true);
/** The place (i32) of the smallest value along `dim`, or in the flattened tensor; the first of equal ones. */
export const argmin = (x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor =>
  arg("argmin", x, dim, options, false);

const argOp = defineOp<{ dim: number; largest: boolean }>({
  name: "argmax",
  computeDtype: "f32",
  forward: (_, [x]: [Tensor], { dim, largest }) => runArgReduce(x, dim, largest),
});

function arg(op: string, x: Tensor, dim: number | undefined, options: ReduceOptions, largest: boolean): Tensor {
  checkKeys(op, options, ["keepdim"]);
  const lines = dim === undefined || x.ndim === 0 ? reshape(x, [x.size]) : x;
  const at = dim === undefined || x.ndim === 0 ? 0 : normalizeDim(op, dim, x.ndim);
  check(
    (lines.shape[at] as number) > 0,
    ShapeError,
    () => `${op}: expected at least one element to choose from, got shape [${x.shape}]`,
  );
  const y = argOp([lines], { dim: at, largest });
  if (!options.keepdim) return y;
  return reshape(y, dim === undefined ? x.shape.map(() => 1) : keptShape(x.shape, [at]));
}
