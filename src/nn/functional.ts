/** Layers as functions, with weights and statistics as arguments. */
import { dropout as dropoutOp } from "../ops/dropout.ts";
import { batchNorm as batchNormOp, layerNorm as layerNormOp, rmsNorm as rmsNormOp } from "../ops/norm.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Dtype } from "../tensor/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";

export { type AttentionOptions, scaledDotProductAttention } from "../ops/attention.ts";
export { type EmbeddingCall, embedding } from "../ops/embedding.ts";
export { type LinearOptions, linear } from "../ops/linear.ts";

/** Normalizes over the last dims, which must be `normalizedShape`; weight and bias have that shape. */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | Shape,
  weight?: Tensor | null,
  bias?: Tensor | null,
  eps = 1e-5,
): Tensor {
  return layerNormOp([x, weight ?? undefined, bias ?? undefined], { normalizedShape, eps });
}

/** The spacing of a dtype's numbers at 1: RMS norm's default eps, as in PyTorch. */
const spacingOf = (dtype: Dtype): number => (dtype === "f16" ? 2 ** -10 : 2 ** -23);

/** Divides by the root mean square over the last dims, which must be `normalizedShape`; weight has that shape. */
export function rmsNorm(x: Tensor, normalizedShape: number | Shape, weight?: Tensor | null, eps?: number): Tensor {
  return rmsNormOp([x, weight ?? undefined], { normalizedShape, eps: eps ?? spacingOf(x.dtype) });
}

export interface BatchNormCall {
  /** Uses the batch's own statistics, and updates the running ones. Default false. */
  training?: boolean;
  /** Share of the batch in the running statistics. Default 0.1. */
  momentum?: number;
  /** Default 1e-5. */
  eps?: number;
}

/** Normalizes the channels of x (N, C, ...) by the running statistics or, in training or without them, by the batch's. */
export function batchNorm(
  x: Tensor,
  runningMean?: Tensor | null,
  runningVar?: Tensor | null,
  weight?: Tensor | null,
  bias?: Tensor | null,
  options: BatchNormCall = {},
): Tensor {
  const { training = false, momentum = 0.1, eps = 1e-5 } = options;
  const statistics = runningMean && runningVar ? { runningMean, runningVar } : {};
  return batchNormOp([x, weight ?? undefined, bias ?? undefined], { ...statistics, training, momentum, eps });
}

/** While training (default): 0 with probability `p`, else x / (1 - p). Otherwise x itself. */
export function dropout(x: Tensor, p = 0.5, training: boolean | { training?: boolean } = true): Tensor {
  if (typeof training === "boolean") return dropoutOp(x, p, training);
  return dropoutOp(x, p, training.training ?? true);
}
