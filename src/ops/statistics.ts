/** What is made of reductions: variance, norm, logsumexp, running sums. */

import { AUTOCAST_F32, withComputePrecision } from "../autograd/autocast.ts";
import { isGradEnabled, noGrad } from "../autograd/modes.ts";
import { defineOp } from "../autograd/op.ts";
import { check, checkKeys, DtypeError, expected } from "../errors.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { cumsum as cumsumShader } from "../gpu/shaders.generated.ts";
import { isFloat } from "../kernels/promotion.ts";
import { contiguous } from "../tensor/copy.ts";
import { scope } from "../tensor/scope.ts";
import { normalizeDim, normalizeDims, sizeOf } from "../tensor/shape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { add, div, eq, mul, sub, where } from "./binary.ts";
import { flip } from "./movement.ts";
import { type Dim, finish, max, mean, type ReduceOptions, sum } from "./reduce.ts";
import { exp, isfinite, log, sqrt, square } from "./unary.ts";

export interface VarianceOptions extends ReduceOptions {
  /** The divisor is n - correction. Default 1 (Bessel's). */
  correction?: number;
}

/** Variance: mean square of the centred values, over n - correction. */
export function variance(x: Tensor, dim?: Dim, options: VarianceOptions = {}): Tensor {
  checkKeys("var", options, ["keepdim", "correction"]);
  check(isFloat(x.dtype), DtypeError, () => expected("var", "x", "a float tensor", x.dtype));
  const { keepdim = false, correction = 1 } = options;
  const dims = normalizeDims("var", dim, x.ndim);
  const count = sizeOf(dims.map((d) => x.shape[d] as number));
  return wide(x, (wider) => {
    const centred = sub(wider, mean(wider, dims, { keepdim: true }));
    return mul(sum(square(centred), dims, { keepdim }), 1 / Math.max(0, count - correction));
  });
}

/** A function of operations, computed in f32. */
const wide = (x: Tensor, run: (x: Tensor) => Tensor): Tensor =>
  scope(() => withComputePrecision(AUTOCAST_F32, [x], ([wider]) => run(wider as Tensor)));

/** Standard deviation: the root of `var`; its gradient is 0 where all values are equal. */
export const std = (x: Tensor, dim?: Dim, options: VarianceOptions = {}): Tensor =>
  wide(x, (wider) => {
    const squared = variance(wider, dim, options);
    // The root of a constant in place of 0, whose slope is infinite.
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
  backward(ctx, g: Tensor) {
    const [x, y] = ctx.saved as [Tensor, Tensor];
    const isZero = eq(y, 0);
    return where(isZero, 0, mul(x, div(g, where(isZero, 1, y))));
  },
});

/** The Euclidean norm; its gradient at 0 is 0. */
export function norm(x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor {
  checkKeys("norm", options, ["keepdim"]);
  check(isFloat(x.dtype), DtypeError, () => expected("norm", "x", "a float tensor", x.dtype));
  const dims = normalizeDims("norm", dim, x.ndim);
  return finish(normOp([x], { dims }), x, dims, options.keepdim);
}

/** log(sum(exp(x))), shifted by the largest value so that nothing overflows. */
export function logsumexp(x: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor {
  checkKeys("logsumexp", options, ["keepdim"]);
  const dims = normalizeDims("logsumexp", dim, x.ndim);
  if (dims.some((d) => x.shape[d] === 0)) return log(sum(exp(x), dims, options));
  return wide(x, (wider) => {
    const top = detachedMax(wider, dims);
    const total = log(sum(exp(sub(wider, top)), dims, { keepdim: true }));
    return finish(add(total, top), x, dims, options.keepdim);
  });
}

/** The largest values, 0 where they are infinite, outside the graph. */
function detachedMax(x: Tensor, dims: readonly number[]): Tensor {
  return noGrad(() => {
    const top = max(x, dims, { keepdim: true });
    return where(isfinite(top), top, 0);
  });
}

const cumsumOp = defineOp<{ dim: number }>({
  name: "cumsum",
  ...AUTOCAST_F32,
  forward(ctx, [x]: [Tensor], { dim }) {
    const y = empty(ctx.device, x.shape, x.dtype === "bool" ? "i32" : x.dtype);
    const inner = sizeOf(x.shape.slice(dim + 1));
    const length = x.shape[dim] as number;
    const lines = length === 0 ? 0 : x.size / length;
    ctx.device.run(
      cumsumShader,
      { x: ctx.disposeAfterForward(contiguous(x)).binding, y: y.binding, lines, length, inner },
      strideGroups(ctx.device, lines),
      { INTEGER: !isFloat(x.dtype) },
    );
    return y;
  },
  backward: (ctx, g: Tensor) => flip(cumsum(flip(g, ctx.attrs.dim), ctx.attrs.dim), ctx.attrs.dim),
});

/** Running sums along `dim`; of bools an i32. */
export function cumsum(x: Tensor, dim: number): Tensor {
  const at = normalizeDim("cumsum", dim, x.ndim);
  return x.ndim === 0 ? mul(x, 1) : cumsumOp([x], { dim: at });
}
