/** Statistics composed of reductions: variance, standard deviation, norm, logsumexp. */
import { AUTOCAST_F32, withComputePrecision } from "../autograd/autocast.ts";
import { isGradEnabled, noGrad } from "../autograd/modes.ts";
import { defineOp } from "../autograd/op.ts";
import { check, checkKeys, DtypeError, expected } from "../errors.ts";
import { scope } from "../tensor/scope.ts";
import { normalizeDims } from "../tensor/shape.ts";
import { isFloat } from "../tensor/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { add, div, eq, mul, sub, where } from "./binary.ts";
import { countAlong, type Dim, dropDims, max, mean, type ReduceOptions, sum } from "./reduce.ts";
import { exp, isfinite, log, sqrt, square } from "./unary.ts";

export interface VarianceOptions extends ReduceOptions {
  /** The divisor is n - correction. Default 1 (Bessel's). */
  correction?: number;
}

/** Variance: the sum of squared differences from the mean, over n - correction. */
export function variance(x: Tensor, dim?: Dim, options: VarianceOptions = {}): Tensor {
  checkKeys("var", options, ["keepdim", "correction"]);
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

const normOp = defineOp<{ dims: readonly number[] }>({
  name: "norm",
  ...AUTOCAST_F32,
  forward(ctx, [x]: [Tensor], { dims }) {
    const y = noGrad(() => scope(() => sqrt(sum(square(x), dims, { keepdim: true }))));
    ctx.save(x, y);
    return y;
  },
  backward(ctx, gradY: Tensor) {
    const [x, y] = ctx.saved as readonly [Tensor, Tensor];
    const isZero = eq(y, 0);
    return where(isZero, 0, mul(x, div(gradY, where(isZero, 1, y))));
  },
});

/** The Euclidean norm; its gradient at 0 is 0. */
export function norm(x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor {
  checkKeys("norm", options, ["keepdim"]);
  check(isFloat(x.dtype), DtypeError, () => expected("norm", "x", "a float tensor", x.dtype));
  const dims = normalizeDims("norm", dim, x.ndim);
  return dropDims(normOp([x], { dims }), x, dims, options.keepdim);
}

/** `log(sum(exp(x)))`, shifted by the largest value so that nothing overflows. */
export function logsumexp(x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor {
  checkKeys("logsumexp", options, ["keepdim"]);
  const dims = normalizeDims("logsumexp", dim, x.ndim);
  if (dims.some((d) => x.shape[d] === 0)) return log(sum(exp(x), dims, options));
  return inF32(x, (wide) => {
    const top = detachedMax(wide, dims);
    const total = log(sum(exp(sub(wide, top)), dims, { keepdim: true }));
    return dropDims(add(total, top), x, dims, options.keepdim);
  });
}

/** The largest values outside the graph; 0 where they are infinite. */
function detachedMax(x: Tensor, dims: readonly number[]): Tensor {
  return noGrad(() => {
    const top = max(x, dims, { keepdim: true });
    return where(isfinite(top), top, 0);
  });
}
