/** Softmax and its logarithm along one dim. */

import { AUTOCAST_F32 } from "../autograd/autocast.ts";
import { defineOp } from "../autograd/op.ts";
import { rowLaunch, vectorized } from "../gpu/launch-policy.ts";
import {
  softmax_backward,
  softmax_backward_vec4,
  softmax_vec4,
  softmax as softmaxShader,
} from "../gpu/shaders.generated.ts";
import { contiguous } from "../tensor/copy.ts";
import { normalizeDim } from "../tensor/shape.ts";
import { empty, type Tensor, view } from "../tensor/tensor.ts";
import { sub } from "./binary.ts";
import { checkFloat } from "./check-arguments.ts";
import { logsumexp } from "./statistics.ts";
import { exp } from "./unary.ts";

interface Attrs {
  readonly dim: number;
}

/** A view with `dim` and the last dim swapped; the same again swaps them back. */
function swapped(x: Tensor, dim: number): Tensor {
  const swap = (list: readonly number[]): number[] => {
    const result = [...list];
    const last = list.length - 1;
    if (dim < last) [result[dim], result[last]] = [list[last] as number, list[dim] as number];
    return result;
  };
  return view(x, swap(x.shape), swap(x.strides), x.offset);
}

/** Rows along the last dim, and how their kernel runs. */
function rowsOf(x: Tensor) {
  const length = x.shape[x.ndim - 1] ?? 1;
  const rows = length === 0 ? 0 : x.size / length;
  const { width } = vectorized(length, 1, 4);
  return { ...rowLaunch(x.device, rows, length / width), params: { rows, cols: length / width }, length };
}

/* @__NO_SIDE_EFFECTS__ */
function defineSoftmax(name: string, LOG: boolean) {
  const op = defineOp<Attrs>({
    name,
    ...AUTOCAST_F32,
    forward(ctx, [x]: [Tensor], { dim }) {
      const rows = ctx.disposeAfterForward(contiguous(ctx.disposeAfterForward(swapped(x, dim))));
      const y = ctx.disposeAfterForward(empty(ctx.device, rows.shape));
      const { groups, lanes, params, length } = rowsOf(rows);
      const { shader } = vectorized(length, softmaxShader, softmax_vec4);
      ctx.device.run(shader, { x: rows.binding, y: y.binding, ...params }, groups, { ...lanes, LOG });
      ctx.save(y);
      return swapped(y, dim);
    },
    backward(ctx, g: Tensor) {
      const [y] = ctx.saved as [Tensor];
      const gradY = contiguous(swapped(g, ctx.attrs.dim));
      const gradX = empty(ctx.device, y.shape);
      const { groups, lanes, params, length } = rowsOf(y);
      const { shader } = vectorized(length, softmax_backward, softmax_backward_vec4);
      const bindings = { y: y.binding, gradY: gradY.binding, gradX: gradX.binding };
      ctx.device.run(shader, { ...bindings, ...params }, groups, { ...lanes, LOG });
      return swapped(gradX, ctx.attrs.dim);
    },
    decomposition([x]: [Tensor], { dim }) {
      const y = sub(x, logsumexp(x, dim, { keepdim: true }));
      return LOG ? y : exp(y);
    },
  });
  return (x: Tensor, dim: number): Tensor => {
    checkFloat(name, "x", x);
    return op([x], { dim: normalizeDim(name, dim, x.ndim) });
  };
}

/** `exp(x) / sum(exp(x))` along `dim`. All of it NaN where x has NaN or inf, or nothing but -inf, as in PyTorch. */
export const softmax = defineSoftmax("softmax", false);

/** `x - log(sum(exp(x)))` along `dim`. */
export const logSoftmax = defineSoftmax("logSoftmax", true);
