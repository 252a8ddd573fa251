/** Reductions along dims, the indices of extremes, and running sums. */
import { defineOp } from "../autograd/op.ts";
import { check, DtypeError, expected, ShapeError } from "../errors.ts";
import { runArgReduce, runCumsum, runReduce } from "../kernels/reduce.ts";
import { arange, eye } from "../tensor/create.ts";
import { normalizeDim, normalizeDims, type Shape, sizeOf, stridesOf } from "../tensor/shape.ts";
import { isFloat } from "../tensor/storage.ts";
import { type Tensor, view } from "../tensor/tensor.ts";
import { div, eq, mul, same, where } from "./binary.ts";
import { expand } from "./broadcast.ts";
import { flatten, flip, permute, reshape, unsqueeze } from "./movement.ts";

export type Dim = number | readonly number[];
export interface ReduceOptions {
  /** Keep reduced dims with size 1. Default false. */
  keepdim?: boolean;
}

interface ReduceAttrs {
  readonly dims: readonly number[];
  readonly scale: number;
}

/** The number of elements along `dims`, which a reduction over them combines. */
export const countAlong = (x: Tensor, dims: readonly number[]): number =>
  sizeOf(x.shape.filter((_, i) => dims.includes(i)));

/** The shape with reduced dims of size 1. */
const keptShape = (shape: Shape, dims: readonly number[]): number[] =>
  shape.map((dim, i) => (dims.includes(i) ? 1 : dim));

/** Reshapes the result of a reduction kernel to keep the reduced dims as 1, so that gradients broadcast back. */
export function keepDims(x: Tensor, y: Tensor, dims: readonly number[]): Tensor {
  const shape = keptShape(x.shape, dims);
  const kept = view(y, shape, stridesOf(shape), 0);
  y.dispose();
  return kept;
}

/** Removes the reduced dims from a result that kept them, unless `keepdim`; disposes of `y` then. */
export function dropDims(y: Tensor, x: Tensor, dims: readonly number[], keepdim = false): Tensor {
  if (keepdim) return y;
  const shape = x.shape.filter((_, i) => !dims.includes(i));
  const result = reshape(y, shape);
  y.dispose();
  return result;
}

const sumOp = defineOp<ReduceAttrs & { shape: Shape }>({
  name: "sum",
  computeDtype: "f32",
  autocast: "f32",
  forward: (_, [x]: [Tensor], { dims, scale }) => keepDims(x, runReduce(x, dims, "sum", scale), dims),
  backward(ctx, gradY: Tensor) {
    const { scale, shape } = ctx.attrs;
    return expand(scale === 1 ? gradY : mul(gradY, scale), shape);
  },
});

function reduceSum(
  op: string,
  x: Tensor,
  dim: Dim | undefined,
  options: ReduceOptions,
  scale: (count: number) => number,
): Tensor {
  const dims = normalizeDims(op, dim, x.ndim);
  const attrs = { dims, scale: scale(countAlong(x, dims)), shape: x.shape };
  return dropDims(sumOp([x], attrs), x, dims, options.keepdim);
}

/** Sum of elements; integers and bools give an i32 (u32 stays u32). */
export const sum = (x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor =>
  reduceSum("sum", x, dim, options, () => 1);

/** Arithmetic mean; NaN for no elements. */
export function mean(x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor {
  check(isFloat(x.dtype), DtypeError, () => expected("mean", "x", "a float tensor", x.dtype));
  const dims = normalizeDims("mean", dim, x.ndim);
  const total = (scale: (count: number) => number) => reduceSum("mean", x, dim, options, scale);
  return dims.some((d) => x.shape[d] === 0)
    ? mul(
        total(() => 1),
        Number.NaN,
      )
    : total((count) => 1 / count);
}

const prodOp = defineOp<ReduceAttrs, Tensor, [x: Tensor]>({
  name: "prod",
  computeDtype: "f32",
  autocast: "f32",
  forward(ctx, [x]: [Tensor], { dims }) {
    const y = keepDims(x, runReduce(x, dims, "prod"), dims);
    ctx.save(x);
    return y;
  },
  backward(ctx, gradY: Tensor) {
    const [x] = ctx.saved;
    return mul(gradY, productsOfOthers(x, ctx.attrs.dims));
  },
});

/** Up to this many factors the products of the others are formed directly, in a square of memory; above as quotients. */
const MAX_DIRECT_FACTORS = 2048;

/** For each element, the product of all others along `dims`. */
function productsOfOthers(x: Tensor, dims: readonly number[]): Tensor {
  const order = [...x.shape.keys()].filter((d) => !dims.includes(d)).concat(dims);
  const moved = permute(x, order);
  const lines = dims.length === 0 ? reshape(x, [...x.shape, 1]) : flatten(moved, x.ndim - dims.length, -1);
  const others = countAlong(x, dims) > MAX_DIRECT_FACTORS ? quotients(lines) : directProducts(lines);
  const inverse = order.map((_, i) => order.indexOf(i));
  return permute(reshape(others, moved.shape), inverse);
}

/** The product of all but each element along the last dim, of n copies with one factor each replaced by 1. */
function directProducts(lines: Tensor): Tensor {
  const n = countAlong(lines, [lines.ndim - 1]);
  const copies = expand(unsqueeze(lines, -2), [...lines.shape, n]);
  return prod(where(eye(n, n, { dtype: "bool", device: lines.device }), 1, copies), -1);
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
  const dims = normalizeDims("prod", dim, x.ndim);
  return dropDims(prodOp([x], { dims, scale: 1 }), x, dims, options.keepdim);
}

interface ExtremeAttrs {
  readonly dims: readonly number[];
  readonly largest: boolean;
}

/** Extremes over several dims (or all): equal ones share the gradient, as with PyTorch's amax. */
const extremeOp = defineOp<ExtremeAttrs, Tensor, [x: Tensor, y: Tensor]>({
  name: "extreme",
  computeDtype: "f32",
  forward(ctx, [x]: [Tensor], { dims, largest }) {
    const y = keepDims(x, runReduce(x, dims, largest ? "max" : "min"), dims);
    ctx.save(x, y);
    return y;
  },
  backward(ctx, gradY: Tensor) {
    const [x, y] = ctx.saved;
    const isExtreme = same(x, y);
    return where(isExtreme, div(gradY, sum(isExtreme, ctx.attrs.dims, { keepdim: true })), 0);
  },
});

/** Extremes along one dim: the first takes the gradient, as with PyTorch's max(dim). */
const extremeAlongOp = defineOp<{ dim: number; largest: boolean }, Tensor, [x: Tensor]>({
  name: "extremeAlong",
  computeDtype: "f32",
  forward(ctx, [x]: [Tensor], { dim, largest }) {
    const y = keepDims(x, runReduce(x, [dim], largest ? "max" : "min"), [dim]);
    ctx.save(x);
    return y;
  },
  backward(ctx, gradY: Tensor) {
    const [x] = ctx.saved;
    const { dim, largest } = ctx.attrs;
    const chosen = unsqueeze(largest ? argmax(x, dim) : argmin(x, dim), dim);
    const indices = arange(0, countAlong(x, [dim]), 1, { dtype: "i32", device: x.device });
    const alongDim = x.shape.map((_, i) => (i === dim ? -1 : 1));
    return where(eq(reshape(indices, alongDim), chosen), gradY, 0);
  },
});

function checkNotEmpty(op: string, x: Tensor, hasElements: boolean): void {
  check(hasElements, ShapeError, () => `${op}: expected at least one element to choose from, got shape [${x.shape}]`);
}

function extreme(op: string, x: Tensor, dim: Dim | undefined, options: ReduceOptions, largest: boolean): Tensor {
  const dims = normalizeDims(op, dim, x.ndim);
  checkNotEmpty(op, x, countAlong(x, dims) > 0 || x.size > 0);
  const [first] = dims;
  const isAlongOne = typeof dim === "number" && first !== undefined;
  const y = isAlongOne ? extremeAlongOp([x], { dim: first, largest }) : extremeOp([x], { dims, largest });
  return dropDims(y, x, dims, options.keepdim);
}

/** Largest values; NaN wins. `argmax` gives their indices. */
export const max = (x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor => extreme("max", x, dim, options, true);
/** Smallest values; NaN wins. */
export const min = (x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor =>
  extreme("min", x, dim, options, false);

/** The index (i32) of the largest value along `dim`, or in the flattened tensor; the first of equal ones. */
export const argmax = (x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor =>
  arg("argmax", x, dim, options, true);
/** The index (i32) of the smallest value along `dim`, or in the flattened tensor; the first of equal ones. */
export const argmin = (x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor =>
  arg("argmin", x, dim, options, false);

const argOp = defineOp<{ dim: number; largest: boolean }>({
  name: "argmax",
  computeDtype: "f32",
  forward: (_, [x]: [Tensor], { dim, largest }) => runArgReduce(x, dim, largest),
});

function arg(op: string, x: Tensor, dim: number | undefined, options: ReduceOptions, largest: boolean): Tensor {
  const isFlat = dim === undefined || x.ndim === 0;
  const lines = isFlat ? reshape(x, [x.size]) : x;
  const along = isFlat ? 0 : normalizeDim(op, dim, x.ndim);
  checkNotEmpty(op, x, countAlong(lines, [along]) > 0);
  const y = argOp([lines], { dim: along, largest });
  if (!options.keepdim) return y;
  return reshape(y, dim === undefined ? x.shape.map(() => 1) : keptShape(x.shape, [along]));
}

const cumsumOp = defineOp<{ dim: number }>({
  name: "cumsum",
  computeDtype: "f32",
  autocast: "f32",
  forward: (_, [x]: [Tensor], { dim }) => runCumsum(x, dim),
  backward: (ctx, gradY: Tensor) => flip(cumsum(flip(gradY, ctx.attrs.dim), ctx.attrs.dim), ctx.attrs.dim),
});

/** Running sums along `dim`; bools give an i32. */
export function cumsum(x: Tensor, dim: number): Tensor {
  const along = normalizeDim("cumsum", dim, x.ndim);
  return x.ndim === 0 ? mul(x, 1) : cumsumOp([x], { dim: along });
}
