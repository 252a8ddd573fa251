/** Statistics composed of reductions: variance, standard deviation, norm, logsumexp. */
import { AUTOCAST_F32, withComputePrecision } from "../autograd/autocast.ts";
import { isGradEnabled, noGrad } from "../autograd/modes.ts";
import { defineOp } from "../autograd/op.ts";
import { check, DtypeError, expected } from "../errors.ts";
import { runReduce } from "../kernels/reduce.ts";
import { scope } from "../tensor/scope.ts";
import { normalizeDims } from "../tensor/shape.ts";
import { isFloat } from "../tensor/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { add, div, eq, mul, sub, where } from "./binary.ts";
import { countAlong, type Dim, dropDims, keepDims, mean, type ReduceOptions, sum } from "./reduce.ts";
import { exp, isfinite, log, sqrt, square } from "./unary.ts";

export interface VarianceOptions extends ReduceOptions {
  /** The divisor is n - correction. Default 1 (Bessel's). */
  correction?: number;
}

/** Variance: the sum of squared differences from the mean, over n - correction. */
export function variance(x: Tensor, dim?: Dim, options: VarianceOptions = {}): Tensor {
  check(isFloat(x.dtype), DtypeError, () => expected("var", "x", "a float tensor", x.dtype));
  const { keepdim = false, correction = 1 } = options;
  const dims = normalizeDims("var", dim, x.ndim);
  const count = countAlong(x, dims);
  return inF32(x, (wide) => {
    const centered = sub(wide, mean(wide, dims, { keepdim: true }));
    return mul(sum(square(centered), dims, { keepdim }), 1 / Math.max(0, count - correction));
  });
}

/** Runs `fn`, made of operations, in f32; frees what it leaves but its result. */
const inF32 = (x: Tensor, fn: (x: Tensor) => Tensor): Tensor =>
  scope(() => withComputePrecision(AUTOCAST_F32, [x], ([wide = x]) => fn(wide)));

/** Standard deviation: the square root of `var`; its gradient is 0 where all values are equal. */
export const std = (x: Tensor, dim?: Dim, options: VarianceOptions = {}): Tensor =>
  inF32(x, (wide) => {
    const squared = variance(wide, dim, options);
    // The root of a constant replaces that of 0, whose slope is infinite.
    return isGradEnabled() && x.requiresGrad ? where(squared, sqrt(where(squared, squared, 1)), 0) : sqrt(squared);
  });

const normOp = defineOp<{ dims: readonly number[] }, Tensor, [x: Tensor, y: Tensor]>({
  name: "norm",
  computeDtype: "f32",
  autocast: "f32",
  forward(ctx, [x]: [Tensor], { dims }) {
    const y = noGrad(() => scope(() => sqrt(sum(square(x), dims, { keepdim: true }))));
    ctx.save(x, y);
    return y;
  },
  backward(ctx, gradY: Tensor) {
    const [x, y] = ctx.saved;
    const isZero = eq(y, 0);
    return where(isZero, 0, mul(x, div(gradY, where(isZero, 1, y))));
  },
});

/** The Euclidean norm; its gradient at 0 is 0. */
export function norm(x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor {
  check(isFloat(x.dtype), DtypeError, () => expected("norm", "x", "a float tensor", x.dtype));
  const dims = normalizeDims("norm", dim, x.ndim);
  return dropDims(normOp([x], { dims }), x, dims, options.keepdim);
}

/** `log(sum(exp(x)))`, shifted by the largest value so that nothing overflows. */
export function logsumexp(x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor {
  const dims = normalizeDims("logsumexp", dim, x.ndim);
  if (dims.some((d) => x.shape[d] === 0)) return log(sum(exp(x), dims, options));
  return inF32(x, (wide) => {
    const top = detachedMax(wide, dims);
    const total = log(sum(exp(sub(wide, top)), dims, { keepdim: true }));
    return dropDims(add(total, top), x, dims, options.keepdim);
  });
}

/** The largest values, reduced dims kept as 1. Unlike `max` it has no derivative, and none of what that would need. */
const largestOp = defineOp<{ dims: readonly number[] }>({
  name: "max",
  computeDtype: "f32",
  forward: (_, [x]: [Tensor], { dims }) => keepDims(x, runReduce(x, dims, "max"), dims),
});

/** The largest values outside the graph; 0 where they are infinite. */
function detachedMax(x: Tensor, dims: readonly number[]): Tensor {
  return noGrad(() => {
    const top = largestOp([x], { dims });
    return where(isfinite(top), top, 0);
  });
}
