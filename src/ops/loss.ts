/** Cross entropy of logits, fused with its gradient, and its decomposition, which other losses share. */
import { cast, defineOp } from "../autograd/op.ts";
import { check, DtypeError, expected, ShapeError } from "../errors.ts";
import { runCrossEntropy } from "../kernels/loss.ts";
import { checkFloat } from "../tensor/arguments.ts";
import { arange } from "../tensor/create.ts";
import { type Shape, sameShape } from "../tensor/shape.ts";
import { type Tensor, view } from "../tensor/tensor.ts";
import { add, div, eq, mul, ne, where } from "./binary.ts";
import { reshape, unsqueeze } from "./movement.ts";
import { mean, sum } from "./reduce.ts";
import { logSoftmax } from "./softmax.ts";
import { neg } from "./unary.ts";

export type Reduction = "mean" | "sum" | "none";

export interface CrossEntropyAttrs {
  readonly reduction: Reduction;
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
}

type LabelInputs = readonly [logits: Tensor, target: Tensor, weight?: Tensor];

const OP = "crossEntropy";

/** The dim of the classes of x (C), (N, C) or (N, C, ...). */
export const classDim = (x: Tensor): number => (x.ndim === 1 ? 0 : 1);

/** The number of classes of x (C), (N, C) or (N, C, ...). */
const classCount = (x: Tensor): number => x.shape[classDim(x)] ?? 1;

/** A view with the dim at index `from` moved to index `to`. */
function moveDim(x: Tensor, from: number, to: number): Tensor {
  const move = (list: readonly number[]) => list.toSpliced(from, 1).toSpliced(to, 0, ...list.slice(from, from + 1));
  return view(x, move(x.shape), move(x.strides), x.offset);
}

export function checkLabels(op: string, [x, target, weight]: LabelInputs): void {
  check(x.ndim >= 1, ShapeError, () => expected(op, "x", "a shape (C), (N, C) or (N, C, ...)", x));
  checkFloat(op, "x", x);
  const shape = x.shape.toSpliced(classDim(x), 1);
  check(target.dtype === "i32" || target.dtype === "u32", DtypeError, () =>
    expected(op, "target", `labels of dtype i32 and shape [${shape}]`, `dtype ${target.dtype}`),
  );
  check(sameShape(target.shape, shape), ShapeError, () => expected(op, "target", `shape [${shape}]`, target));
  checkFloat(op, "weight", weight);
  check(!weight || sameShape(weight.shape, [classCount(x)]), ShapeError, () =>
    expected(op, "weight", `shape [${classCount(x)}]`, weight),
  );
}

/** Cross entropy of logits (C), (N, C) or (N, C, ...) and labels (), (N) or (N, ...); the class weights take no gradient. */
export const crossEntropyLabels = defineOp<CrossEntropyAttrs>({
  name: OP,
  computeDtype: "f32",
  autocast: "f32",
  forward(ctx, [x, target, weight]: LabelInputs, attrs) {
    checkLabels(OP, [x, target, weight]);
    const [needsGrad = false] = ctx.needsInputGrad;
    const logits = ctx.disposeAfterForward(moveDim(x, classDim(x), x.ndim - 1));
    const { loss, gradLogits } = runCrossEntropy({ logits, labels: target, weight }, { ...attrs, needsGrad });
    if (gradLogits) ctx.save(ctx.disposeAfterForward(gradLogits));
    return loss;
  },
  backward(ctx, gradY: Tensor) {
    const [gradLogits] = ctx.saved;
    if (!gradLogits) return [undefined, undefined, undefined];
    const factor = ctx.attrs.reduction === "none" ? unsqueeze(gradY, -1) : gradY;
    const gradX = ctx.isUnit(gradY) ? gradLogits : mul(gradLogits, factor);
    return [moveDim(gradX, gradX.ndim - 1, classDim(gradX)), undefined, undefined];
  },
  decomposition([x, target, weight]: LabelInputs, attrs) {
    return labelLoss(logSoftmax(x, classDim(x)), target, weight, attrs);
  },
});

/** Reduces weighted losses; `count` is the divisor of a mean, by default the number of losses. */
export function reduceLoss(losses: Tensor, reduction: Reduction, count?: Tensor): Tensor {
  if (reduction === "none") return losses;
  if (reduction === "sum") return sum(losses);
  return count ? div(sum(losses), count) : mean(losses);
}

/** The shape that broadcasts a list of classes (C) along x. */
const alongClasses = (x: Tensor): Shape => x.shape.map((size, i) => (i === classDim(x) ? size : 1));

/** The loss of log probabilities and labels, in plain operations. A label out of range makes it NaN. */
export function labelLoss(
  logProbabilities: Tensor,
  target: Tensor,
  weight: Tensor | undefined,
  attrs: CrossEntropyAttrs,
): Tensor {
  const { reduction, ignoreIndex, labelSmoothing } = attrs;
  const x = logProbabilities;
  const dim = classDim(x);
  const indices = arange(classCount(x), undefined, 1, { dtype: target.dtype, device: x.device });
  const isLabel = eq(reshape(indices, alongClasses(x)), unsqueeze(target, dim));
  const weights = weight ? reshape(weight, alongClasses(x)) : 1;
  const atLabel = (values: Tensor | number) => sum(where(isLabel, values, 0), dim);
  const counts = ne(target, ignoreIndex);
  const isInRange = atLabel(cast(isLabel, "f32"));
  const labelWeight = where(counts, atLabel(weights), 0);
  let losses = neg(mul(labelWeight, where(counts, atLabel(x), 0)));
  if (labelSmoothing > 0) {
    const all = neg(where(counts, sum(mul(x, weights), dim), 0));
    losses = add(mul(losses, 1 - labelSmoothing), mul(all, labelSmoothing / classCount(x)));
  }
  // Selected, so that the row has no gradient: it must not reach the weights.
  const rows = where(counts, where(isInRange, losses, Number.NaN), 0);
  return reduceLoss(rows, reduction, sum(labelWeight));
}

/** Cross entropy of logits and class probabilities of the same shape, in plain operations. */
export function probabilityLoss(
  logits: Tensor,
  target: Tensor,
  weight: Tensor | undefined,
  attrs: CrossEntropyAttrs,
): Tensor {
  const { reduction, labelSmoothing } = attrs;
  const dim = classDim(logits);
  const uniform = labelSmoothing / classCount(logits);
  const smooth = labelSmoothing > 0 ? add(mul(target, 1 - labelSmoothing), uniform) : target;
  const weighted = weight ? mul(smooth, reshape(weight, alongClasses(logits))) : smooth;
  return reduceLoss(neg(sum(mul(logSoftmax(logits, dim), weighted), dim)), reduction);
}
