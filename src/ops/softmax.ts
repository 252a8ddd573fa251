/** Softmax and its logarithm along one dim. */
import { defineOp } from "../autograd/op.ts";
import { runSoftmax, runSoftmaxBackward } from "../kernels/softmax.ts";
import { checkFloat } from "../tensor/arguments.ts";
import { normalizeDim } from "../tensor/shape.ts";
import { type Tensor, view } from "../tensor/tensor.ts";
import { sub } from "./binary.ts";
import { logsumexp } from "./statistics.ts";
import { exp } from "./unary.ts";

interface Attrs {
  readonly dim: number;
}

/** A view with `dim` and the last dim swapped; swapping again restores their order. */
function swapWithLast(x: Tensor, dim: number): Tensor {
  const last = x.ndim - 1;
  const swap = (list: readonly number[]): number[] =>
    list.map((value, i) => (i === dim ? list[last] : i === last ? list[dim] : value) ?? value);
  return view(x, swap(x.shape), swap(x.strides), x.offset);
}

/* @__NO_SIDE_EFFECTS__ */
function defineSoftmax(name: string, isLog: boolean) {
  const op = defineOp<Attrs, Tensor, [y: Tensor]>({
    name,
    computeDtype: "f32",
    autocast: "f32",
    forward(ctx, [x]: [Tensor], { dim }) {
      const y = ctx.disposeAfterForward(runSoftmax(ctx.disposeAfterForward(swapWithLast(x, dim)), isLog));
      ctx.save(y);
      return swapWithLast(y, dim);
    },
    backward(ctx, gradY: Tensor) {
      const [y] = ctx.saved;
      const { dim } = ctx.attrs;
      return swapWithLast(runSoftmaxBackward(y, swapWithLast(gradY, dim), isLog), dim);
    },
    decomposition([x]: [Tensor], { dim }) {
      const y = sub(x, logsumexp(x, dim, { keepdim: true }));
      return isLog ? y : exp(y);
    },
  });
  return (x: Tensor, dim: number): Tensor => {
    checkFloat(name, "x", x);
    return op([x], { dim: normalizeDim(name, dim, x.ndim) });
  };
}

/** `exp(x) / sum(exp(x))` along `dim`. All of it NaN where x has NaN or inf, or only -inf, as in PyTorch. */
export const softmax = defineSoftmax("softmax", false);

/** `x - log(sum(exp(x)))` along `dim`. */
export const logSoftmax = defineSoftmax("logSoftmax", true);
