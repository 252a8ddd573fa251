/** Losses: `(prediction, target, options)`, reduced to a scalar by `reduction` "mean" (default) or "sum", or not by "none". */
import { AUTOCAST_F32, withComputePrecision } from "../autograd/autocast.ts";
import { check, DtypeError, expected, ShapeError } from "../errors.ts";
import { checkIndices, defineIndexFault } from "../kernels/indexing/index-check.ts";
import { isFloat } from "../kernels/promotion.ts";
import { add, mul, sub } from "../ops/binary.ts";
import { checkLinear, linear } from "../ops/linear.ts";
import { linearLoss } from "../ops/linear-loss.ts";
import {
  checkLabels,
  classDim,
  crossEntropyLabels,
  labelLoss,
  probabilityLoss,
  type Reduction,
  reduceLoss,
} from "../ops/loss.ts";
import { reshape } from "../ops/movement.ts";
import { abs, clamp, softplus, square } from "../ops/unary.ts";
import { checkFloat } from "../tensor/arguments.ts";
import { broadcastShapes, sameShape, sizeAt } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface LossOptions {
  /** Default `"mean"`. */
  reduction?: Reduction;
}

export interface LabelLossOptions extends LossOptions {
  /** (C): the loss of each label is multiplied by its class's weight, and a mean divides by their sum. */
  weight?: Tensor;
  /** Rows with this label are ignored. Default -100. */
  ignoreIndex?: number;
}

export interface CrossEntropyOptions extends LabelLossOptions {
  /** The share of the target that is spread evenly over all classes, in [0, 1]. Default 0. */
  labelSmoothing?: number;
}

/**
 * `-log softmax(logits)[target]`: logits (C), (N, C) or (N, C, ...), target i32 labels without the dim of classes, or float
 * probabilities like the logits. A label out of range makes its row NaN, and the next read throws an ArgumentError.
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { reduction = "mean", weight, ignoreIndex = -100, labelSmoothing = 0 } = options;
  const attrs = { reduction, ignoreIndex, labelSmoothing };
  if (!isFloat(target.dtype)) return crossEntropyLabels([logits, target, weight], attrs);
  check(sameShape(logits.shape, target.shape), ShapeError, () =>
    expected("crossEntropy", "target", `probabilities of shape [${logits.shape}], or i32 labels`, target),
  );
  return withComputePrecision(AUTOCAST_F32, [logits, target, weight], ([x, share, perClass]) =>
    probabilityLoss(x, share, perClass, attrs),
  );
}

export interface LinearCrossEntropyOptions extends LossOptions {
  /** (classes). */
  bias?: Tensor;
  /** Rows with this label are ignored. Default -100. */
  ignoreIndex?: number;
  /** The share of the target that is spread evenly over all classes, in [0, 1]. Default 0. */
  labelSmoothing?: number;
}

/**
 * `crossEntropy(linear(x, weight, bias), target)` with at most 16 MiB of the logits in memory at a time, for large
 * vocabularies: x (..., features), weight (classes, features), target i32 labels (...). Computed in f32. With reduction
 * "none" the logits are made as a whole. After Hsu et al. 2024 (Liger Kernel).
 */
export function linearCrossEntropy(
  x: Tensor,
  weight: Tensor,
  target: Tensor,
  options: LinearCrossEntropyOptions = {},
): Tensor {
  const OP = "linearCrossEntropy";
  const { bias, reduction = "mean", ignoreIndex = -100, labelSmoothing = 0 } = options;
  checkLinear(OP, x, weight, bias);
  const shape = x.shape.slice(0, -1);
  check(target.dtype === "i32" || target.dtype === "u32", DtypeError, () =>
    expected(OP, "target", `labels of dtype i32 and shape [${shape}]`, `dtype ${target.dtype}`),
  );
  check(sameShape(target.shape, shape), ShapeError, () => expected(OP, "target", `shape [${shape}]`, target));
  const attrs = { reduction, ignoreIndex, labelSmoothing };
  const [rows, labels] = [reshape(x, [target.size, sizeAt(weight.shape, 1)]), reshape(target, [target.size])];
  if (reduction !== "none") return linearLoss([rows, weight, bias, labels], attrs);
  return reshape(crossEntropyLabels([linear(rows, weight, bias), labels, undefined], attrs), shape);
}

const NO_CLASS = /* @__PURE__ */ defineIndexFault("nllLoss", "target", "a label");

/**
 * `-x[target]` for log probabilities x (C), (N, C) or (N, C, ...). A label out of range makes its row NaN, and the next read
 * throws an ArgumentError.
 */
export function nllLoss(x: Tensor, target: Tensor, options: LabelLossOptions = {}): Tensor {
  const { reduction = "mean", weight, ignoreIndex = -100 } = options;
  checkLabels("nllLoss", [x, target, weight]);
  checkIndices(NO_CLASS, target, sizeAt(x.shape, classDim(x)), ignoreIndex);
  const attrs = { reduction, ignoreIndex, labelSmoothing: 0 };
  return withComputePrecision(AUTOCAST_F32, [x, weight], ([wider, perClass]) =>
    labelLoss(wider, target, perClass, attrs),
  );
}

function checkPair(op: string, x: Tensor, target: Tensor): void {
  for (const [name, tensor] of Object.entries({ x, target })) checkFloat(op, name, tensor);
  check(sameShape(x.shape, target.shape), ShapeError, () => expected(op, "target", `shape [${x.shape}]`, target));
}

/** The loss of x and target by a function of operations, computed in f32. */
const compared = (
  x: Tensor,
  target: Tensor,
  reduction: Reduction,
  losses: (x: Tensor, target: Tensor) => Tensor,
): Tensor => withComputePrecision(AUTOCAST_F32, [x, target], ([a, b]) => reduceLoss(losses(a, b), reduction));

/** `(x - target)^2`. */
export function mseLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const { reduction = "mean" } = options;
  checkPair("mseLoss", x, target);
  return compared(x, target, reduction, (a, b) => square(sub(a, b)));
}

/** `|x - target|`. */
export function l1Loss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const { reduction = "mean" } = options;
  checkPair("l1Loss", x, target);
  return compared(x, target, reduction, (a, b) => abs(sub(a, b)));
}

/** `d^2 / 2` for `d = |x - target| <= delta`, `delta (d - delta / 2)` beyond. `delta` defaults to 1. Huber 1964. */
export function huberLoss(x: Tensor, target: Tensor, options: LossOptions & { delta?: number } = {}): Tensor {
  const { reduction = "mean", delta = 1 } = options;
  checkPair("huberLoss", x, target);
  return compared(x, target, reduction, (a, b) => {
    const size = abs(sub(a, b));
    // One formula for both sides: a branch that is not taken would still have to be finite.
    const near = clamp(size, 0, delta);
    return mul(near, sub(size, mul(near, 0.5)));
  });
}

/**
 * Binary cross entropy of sigmoid(x): `posWeight target softplus(-x) + (1 - target) softplus(x)`, finite for every finite
 * logit. target in [0, 1] like x; posWeight broadcasts to x.
 */
export function bceWithLogits(x: Tensor, target: Tensor, options: LossOptions & { posWeight?: Tensor } = {}): Tensor {
  const { reduction = "mean", posWeight } = options;
  checkPair("bceWithLogits", x, target);
  if (posWeight) broadcastShapes("bceWithLogits", x.shape, posWeight.shape);
  return compared(x, target, reduction, (a, b) => {
    // Not by softplus(x) = softplus(-x) + x, which cancels for a certain and right prediction.
    const onTrue = mul(b, softplus(mul(a, -1)));
    return add(mul(sub(1, b), softplus(a)), posWeight ? mul(posWeight, onTrue) : onTrue);
  });
}
