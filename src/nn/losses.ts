/** Losses: `(prediction, target, options)`, reduced to a scalar by `reduction` "mean" (default) or "sum", or not by "none". */
import { check, checkKeys, checkNumber, DtypeError, expected, ShapeError } from "../errors.ts";
import { add, le, mul, sub, where } from "../ops/binary.ts";
import {
  checkLabels,
  checkReduction,
  crossEntropyLabels,
  labelLoss,
  probabilityLoss,
  type Reduction,
  reduceLoss,
} from "../ops/loss.ts";
import { abs, softplus, square } from "../ops/unary.ts";
import { broadcastShapes, sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface LossOptions {
  /** Default `"mean"`. */
  reduction?: Reduction;
}

export interface LabelLossOptions extends LossOptions {
  /** (C): the loss of each label is multiplied by its class's weight, and a mean divides by their sum. */
  weight?: Tensor;
  /** Rows with this label count for nothing. Default -100. */
  ignoreIndex?: number;
}

export interface CrossEntropyOptions extends LabelLossOptions {
  /** The share of the target that is spread evenly over all classes, in [0, 1]. Default 0. */
  labelSmoothing?: number;
}

/**
 * `-log softmax(logits)[target]`: logits (C), (N, C) or (N, C, ...), target i32 labels without the dim of classes, or f32
 * probabilities like the logits. A label that is no class makes its row NaN, and the next read throws an ArgumentError.
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkKeys("crossEntropy", options, ["reduction", "weight", "ignoreIndex", "labelSmoothing"]);
  const { reduction = "mean", weight, ignoreIndex = -100, labelSmoothing = 0 } = options;
  const attrs = { reduction, ignoreIndex, labelSmoothing };
  if (target.dtype !== "f32") return crossEntropyLabels([logits, target, weight], attrs);
  checkReduction("crossEntropy", reduction);
  checkNumber("crossEntropy", "labelSmoothing", labelSmoothing, 0, 1);
  check(sameShape(logits.shape, target.shape), ShapeError, () =>
    expected("crossEntropy", "target", `probabilities of shape [${logits.shape}], or i32 labels`, target),
  );
  return probabilityLoss(logits, target, weight, attrs);
}

/** `-x[target]` for log probabilities x (C), (N, C) or (N, C, ...). A label that is no class makes its row NaN. */
export function nllLoss(x: Tensor, target: Tensor, options: LabelLossOptions = {}): Tensor {
  checkKeys("nllLoss", options, ["reduction", "weight", "ignoreIndex"]);
  const { reduction = "mean", weight, ignoreIndex = -100 } = options;
  checkLabels("nllLoss", [x, target, weight], reduction);
  return labelLoss(x, target, weight, { reduction, ignoreIndex, labelSmoothing: 0 });
}

function checkPair(op: string, x: Tensor, target: Tensor, reduction: Reduction): void {
  checkReduction(op, reduction);
  for (const [name, tensor] of Object.entries({ x, target })) {
    check(tensor.dtype === "f32" || tensor.dtype === "f16", DtypeError, () =>
      expected(op, name, "a float tensor", `dtype ${tensor.dtype}`),
    );
  }
  check(sameShape(x.shape, target.shape), ShapeError, () => expected(op, "target", `shape [${x.shape}]`, target));
}

/** `(x - target)^2`. */
export function mseLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkKeys("mseLoss", options, ["reduction"]);
  const { reduction = "mean" } = options;
  checkPair("mseLoss", x, target, reduction);
  return reduceLoss(square(sub(x, target)), reduction);
}

/** `|x - target|`. */
export function l1Loss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkKeys("l1Loss", options, ["reduction"]);
  const { reduction = "mean" } = options;
  checkPair("l1Loss", x, target, reduction);
  return reduceLoss(abs(sub(x, target)), reduction);
}

/** `d^2 / 2` for `d = |x - target| <= delta`, `delta (d - delta / 2)` beyond. `delta` defaults to 1. Huber 1964. */
export function huberLoss(x: Tensor, target: Tensor, options: LossOptions & { delta?: number } = {}): Tensor {
  checkKeys("huberLoss", options, ["reduction", "delta"]);
  const { reduction = "mean", delta = 1 } = options;
  checkPair("huberLoss", x, target, reduction);
  checkNumber("huberLoss", "delta", delta, Number.MIN_VALUE);
  const off = sub(x, target);
  const size = abs(off);
  const losses = where(le(size, delta), mul(square(off), 0.5), mul(sub(size, delta / 2), delta));
  return reduceLoss(losses, reduction);
}

/**
 * Binary cross entropy of sigmoid(x): `posWeight target softplus(-x) + (1 - target) softplus(x)`, finite for every finite
 * logit. target in [0, 1] like x; posWeight broadcasts to x.
 */
export function bceWithLogits(x: Tensor, target: Tensor, options: LossOptions & { posWeight?: Tensor } = {}): Tensor {
  checkKeys("bceWithLogits", options, ["reduction", "posWeight"]);
  const { reduction = "mean", posWeight } = options;
  checkPair("bceWithLogits", x, target, reduction);
  if (posWeight) broadcastShapes("bceWithLogits", x.shape, posWeight.shape);
  // softplus(x) = softplus(-x) + x, so that one softplus does.
  const negative = softplus(mul(x, -1));
  const share = posWeight ? add(mul(target, sub(posWeight, 1)), 1) : undefined;
  const losses = add(mul(sub(1, target), x), share ? mul(share, negative) : negative);
  return reduceLoss(losses, reduction);
}
