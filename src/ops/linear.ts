/** The affine layer y = act(x W^T + b), fused forward and backward. */

import { type Activation, activationRow, DEFAULT_SLOPE } from "../activations.ts";
import { AUTOCAST_HALF } from "../autograd/autocast.ts";
import { defineOp } from "../autograd/op.ts";
import type { BackwardContext, SavedTensors } from "../autograd/op-types.ts";
import { check, DtypeError, expected, ShapeError } from "../errors.ts";
import { matmulOf } from "../kernels/matmul/tensors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { contiguous } from "../tensor/copy.ts";
import { sizeAt, sizeOf } from "../tensor/shape.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { add, gt, mul, sub, where } from "./binary.ts";
import { matmul } from "./matmul.ts";
import { reshape, t } from "./movement.ts";
import { sum } from "./reduce.ts";
import { gelu, leakyRelu, relu, sigmoid, silu, square, tanh } from "./unary.ts";

export interface LinearOptions {
  /** The activation of the result, fused where its derivative follows from the output. Default "none". */
  activation?: Activation;
  /** The slope of leakyRelu below 0. Default 0.01. */
  slope?: number;
}

/** The activations that are not fused. Operations that users call refuse a surplus slope. */
const apply: Record<Activation, (x: Tensor, slope: number) => Tensor> = {
  none: (x) => x,
  relu: (x) => relu(x),
  leakyRelu,
  tanh: (x) => tanh(x),
  sigmoid: (x) => sigmoid(x),
  gelu: (x) => gelu(x),
  silu: (x) => silu(x),
};

interface LinearAttrs {
  readonly activation: Activation;
  readonly slope: number;
}

const linearOp = defineOp<LinearAttrs, Tensor, [x: Tensor, weight: Tensor, y?: Tensor]>({
  name: "linear",
  ...AUTOCAST_HALF,
  bilinear: true,
  forward(ctx, [x, weight, bias]: [Tensor, Tensor, Tensor | undefined], { activation, slope }) {
    const [M, K] = x.shape as [number, number];
    const N = sizeAt(weight.shape, 0);
    const [input, matrix] = [ctx.disposeAfterForward(contiguous(x)), ctx.disposeAfterForward(contiguous(weight))];
    const offset = bias && ctx.disposeAfterForward(contiguous(bias));
    const product = { M, N, K, transB: true, activation, slope };
    const out = empty(ctx.device, [M, N], x.dtype);
    const { c: y } = matmulOf(ctx.device, product, { a: input, b: matrix, c: out, bias: offset });
    if (activation === "none") ctx.save(x, weight);
    else ctx.save(x, weight, y);
    return y;
  },
  backward(ctx, gradY: Tensor) {
    const [x, weight] = [contiguous(ctx.saved[0]), contiguous(ctx.saved[1])];
    const y = ctx.saved[2] && contiguous(ctx.saved[2]);
    const [M, K] = x.shape as [number, number];
    const N = sizeAt(weight.shape, 0);
    const g = ctx.activationGradApplied ? contiguous(gradY) : derivative(gradY, y, ctx.attrs);
    const weightGrads = weightGradients(ctx, g, x, M, N, K);
    return [ctx.needsInputGrad[0] ? inputGradient(ctx, g, x, weight, M, N, K) : undefined, ...weightGrads];
  },
  decomposition([x, weight, bias]: [Tensor, Tensor, Tensor | undefined], { activation, slope }) {
    const z = matmul(x, t(weight));
    return apply[activation](bias ? add(z, bias) : z, slope);
  },
});

/** dLoss/dz from dLoss/dy, where y = act(z). */
function derivative(gradY: Tensor, y: Tensor | undefined, { activation, slope }: LinearAttrs): Tensor {
  if (!y) return contiguous(gradY);
  switch (activation) {
    case "relu":
      return mul(gradY, gt(y, 0));
    case "leakyRelu":
      return where(gt(y, 0), gradY, mul(gradY, slope));
    case "tanh":
      return mul(gradY, sub(1, square(y)));
    case "sigmoid":
      return mul(gradY, mul(y, sub(1, y)));
    default:
      return contiguous(gradY);
  }
}

/** The tensor to write the gradient of input `i` to: its leaf's slot, if that has the dtype that is computed. */
function place(ctx: BackwardContext<object, SavedTensors>, i: number, shape: number[], { dtype }: Tensor): Tensor {
  const slot = dtype === "f32" ? ctx.gradSlot(i) : undefined;
  return slot ?? empty(ctx.device, shape, dtype);
}

/** dW = g^T x and db = column sums of g, in one kernel. */
function weightGradients(
  ctx: BackwardContext<object, SavedTensors>,
  g: Tensor,
  x: Tensor,
  M: number,
  N: number,
  K: number,
): (Tensor | undefined)[] {
  if (!ctx.needsInputGrad[1] && !ctx.needsInputGrad[2]) return [undefined, undefined];
  // Without input features there is no matmul that could compute the sums too.
  if (K === 0) return [empty(ctx.device, [N, K], g.dtype), ctx.needsInputGrad[2] ? sum(g, 0) : undefined];
  const biasSize = ctx.needsInputGrad[2] ? [N] : undefined;
  const { c: weightGrad, biasGrad } = matmulOf(
    ctx.device,
    { M: N, N: K, K: M, transA: true },
    { a: g, b: x, c: place(ctx, 1, [N, K], g), biasGrad: biasSize && place(ctx, 2, biasSize, g) },
  );
  return [weightGrad, biasGrad];
}

/** dx = g W; times the derivative of the activation that made x, when a linear op did and has no other consumer. */
function inputGradient(
  ctx: BackwardContext<object, SavedTensors>,
  g: Tensor,
  x: Tensor,
  weight: Tensor,
  M: number,
  N: number,
  K: number,
): Tensor {
  const producer = ctx.onlyConsumerOf(0);
  const before = producer?.op === linearOp.definition ? (producer.attrs as LinearAttrs) : undefined;
  const fused =
    before && before.activation !== "none" ? { derivative: before.activation, slope: before.slope } : undefined;
  const out = empty(ctx.device, [M, K], g.dtype);
  const product = { M, N: K, K: N, ...fused };
  const { c: gradX } = matmulOf(ctx.device, product, { a: g, b: weight, c: out, saved: fused && x });
  if (before) ctx.applyActivationGrad(0);
  return gradX;
}

/**
 * `act(x W^T + b)`. x (..., inFeatures), weight (outFeatures, inFeatures), bias (outFeatures); y (..., outFeatures).
 * gelu and silu are separate operations: their derivatives need what comes before them.
 */
export function linear(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  { activation = "none", slope = DEFAULT_SLOPE }: LinearOptions = {},
): Tensor {
  checkLinear("linear", x, weight, bias);
  const fused = activationRow(activation).isFromOutput && (activation !== "leakyRelu" || slope > 0);
  const [outFeatures, inFeatures] = weight.shape as [number, number];
  const rows = x.ndim === 2 ? x : reshape(x, [sizeOf(x.shape.slice(0, -1)), inFeatures]);
  const y = linearOp([rows, weight, bias], { activation: fused ? activation : "none", slope });
  const shaped = x.ndim === 2 ? y : reshape(y, [...x.shape.slice(0, -1), outFeatures]);
  return fused ? shaped : apply[activation](shaped, slope);
}

/** Checks the operands of an affine map `x W^T + b`. */
export function checkLinear(op: string, x: Tensor, weight: Tensor, bias: Tensor | undefined): void {
  for (const [argument, one] of Object.entries({ x, weight, ...(bias && { bias }) })) {
    check(one instanceof Tensor && isFloat(one.dtype), DtypeError, () =>
      expected(op, argument, "a float tensor", one?.dtype ?? one),
    );
  }
  check(weight.ndim === 2, ShapeError, () => expected(op, "weight", "shape (outFeatures, inFeatures)", weight));
  const [outFeatures, inFeatures] = weight.shape as [number, number];
  check(x.ndim >= 1 && x.shape[x.ndim - 1] === inFeatures, ShapeError, () =>
    expected(op, "x", `a last dim of ${inFeatures} (inFeatures)`, x),
  );
  check(!bias || (bias.ndim === 1 && bias.shape[0] === outFeatures), ShapeError, () =>
    expected(op, "bias", `shape [${outFeatures}]`, bias),
  );
}
