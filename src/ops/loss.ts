/** Cross entropy of logits, fused with its gradient; and what it is in plain operations. */

import { AUTOCAST_F32 } from "../autograd/autocast.ts";
import { defineOp } from "../autograd/op.ts";
import type { BackwardContext, ForwardContext } from "../autograd/op-types.ts";
import { ArgumentError, check, checkNumber, DtypeError, expected, ShapeError } from "../errors.ts";
import { defineDeviceAssert } from "../gpu/device-asserts.ts";
import { launchPolicy, rowLaunch, vectorized } from "../gpu/launch-policy.ts";
import { cross_entropy, cross_entropy_vec4, label_weight } from "../gpu/shaders.generated.ts";
import { runReduce } from "../kernels/reduce.ts";
import { contiguous, fill } from "../tensor/copy.ts";
import { arange } from "../tensor/create.ts";
import { type Shape, sameShape } from "../tensor/shape.ts";
import { empty, type Tensor, view } from "../tensor/tensor.ts";
import { add, div, eq, mul, ne, where } from "./binary.ts";
import { to } from "./cast.ts";
import { checkFloat } from "./check-arguments.ts";
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

type Inputs = readonly [logits: Tensor, target: Tensor, weight?: Tensor];

const OP = "crossEntropy";
const NO_CLASS = defineDeviceAssert(
  (row, label) => `${OP}: argument 'target' has label ${label} in row ${row}, which is no class`,
);

/** Up to this many logits one workgroup does it all, mean included. */
const SINGLE_WORKGROUP_LOGITS = 16384;

/** The dim of classes: (C), (N, C) or (N, C, ...). */
export const classDim = (x: Tensor): number => (x.ndim === 1 ? 0 : 1);

/** Moves a dim to the end, as a view. */
function toEnd(x: Tensor, dim: number): Tensor {
  const move = (list: readonly number[]) => [...list.slice(0, dim), ...list.slice(dim + 1), list[dim] as number];
  return view(x, move(x.shape), move(x.strides), x.offset);
}

function fromEnd(x: Tensor, dim: number): Tensor {
  const move = (list: readonly number[]) => list.slice(0, -1).toSpliced(dim, 0, list[list.length - 1] as number);
  return view(x, move(x.shape), move(x.strides), x.offset);
}

export function checkLabels(op: string, [x, target, weight]: Inputs, reduction: Reduction): void {
  check(x.ndim >= 1, ShapeError, () => expected(op, "x", "a shape (C), (N, C) or (N, C, ...)", x));
  checkFloat(op, "x", x);
  const dim = classDim(x);
  const shape = x.shape.toSpliced(dim, 1);
  check(target.dtype === "i32" || target.dtype === "u32", DtypeError, () =>
    expected(op, "target", `labels of dtype i32 and shape [${shape}]`, `dtype ${target.dtype}`),
  );
  check(sameShape(target.shape, shape), ShapeError, () => expected(op, "target", `shape [${shape}]`, target));
  checkFloat(op, "weight", weight);
  check(!weight || sameShape(weight.shape, [x.shape[dim] as number]), ShapeError, () =>
    expected(op, "weight", `shape [${x.shape[dim]}]`, weight),
  );
  checkReduction(op, reduction);
}

export function checkReduction(op: string, reduction: Reduction): void {
  check(["mean", "sum", "none"].includes(reduction), ArgumentError, () =>
    expected(op, "reduction", "'mean', 'sum' or 'none'", reduction),
  );
}

function forward(ctx: ForwardContext, inputs: Inputs, attrs: CrossEntropyAttrs): Tensor {
  const { reduction, labelSmoothing } = attrs;
  checkLabels(OP, inputs, reduction);
  checkNumber(OP, "labelSmoothing", labelSmoothing, 0, 1);
  const dim = classDim(inputs[0]);
  const logits = ctx.disposeAfterForward(contiguous(ctx.disposeAfterForward(toEnd(inputs[0], dim))));
  const [target, weight] = inputs.slice(1).map((one) => one && ctx.disposeAfterForward(contiguous(one))) as [
    Tensor,
    Tensor?,
  ];
  const gradLogits = ctx.disposeAfterForward(empty(ctx.device, ctx.needsInputGrad[0] ? logits.shape : [1]));
  ctx.save(gradLogits);
  return run(ctx, { logits, target, weight, gradLogits }, attrs);
}

interface Operands {
  logits: Tensor;
  target: Tensor;
  weight: Tensor | undefined;
  gradLogits: Tensor;
}

/** The kernels: one for few logits, else the labels' weight (for a mean), the rows, and the sum of their losses. */
function run(ctx: ForwardContext, { logits, target, weight, gradLogits }: Operands, attrs: CrossEntropyAttrs): Tensor {
  const { device } = ctx;
  const { reduction, ignoreIndex, labelSmoothing } = attrs;
  const classes = logits.shape[logits.ndim - 1] as number;
  const rows = target.size;
  const reduced = reduction !== "none";
  const { wholeLossClasses, singleWorkgroup } = launchPolicy(device);
  if (reduced && logits.size === 0) return nothing(ctx, reduction);
  const { shader, width } = vectorized(classes, cross_entropy, cross_entropy_vec4);
  const SINGLE_WORKGROUP = reduced && logits.size <= SINGLE_WORKGROUP_LOGITS && classes <= wholeLossClasses;
  const MEAN = reduction === "mean";
  const HAS_WEIGHT = weight !== undefined;
  const one = { labels: target.binding, weight: (weight ?? logits).binding };
  const labelWeight = MEAN && !SINGLE_WORKGROUP ? ctx.disposeAfterForward(empty(device, [1])) : target;
  if (MEAN && !SINGLE_WORKGROUP) {
    const args = { ...one, sum: labelWeight.binding, rows, classes, ignoreIndex };
    device.run(label_weight, args, 1, { HAS_WEIGHT, WORKGROUP: singleWorkgroup });
  }
  const losses = empty(device, SINGLE_WORKGROUP ? [] : target.shape);
  const { groups, lanes } = rowLaunch(device, rows, classes / width);
  device.run(
    shader,
    {
      ...{ ...one, logits: logits.binding, labelWeight: labelWeight.binding, losses: losses.binding },
      ...{ gradLogits: gradLogits.binding, faults: device.faults.binding },
      ...{ rows, cols: classes / width, ignoreIndex, smoothing: labelSmoothing, faultCode: NO_CLASS },
    },
    SINGLE_WORKGROUP ? 1 : groups,
    {
      ...(SINGLE_WORKGROUP ? { WORKGROUP: singleWorkgroup, ROW_LANES: 1 } : lanes),
      ...{ HAS_WEIGHT, SMOOTH: labelSmoothing > 0, MEAN, GRAD: ctx.needsInputGrad[0] === true, SINGLE_WORKGROUP },
    },
  );
  if (SINGLE_WORKGROUP || !reduced) return losses;
  return runReduce(
    ctx.disposeAfterForward(losses),
    target.shape.map((_, i) => i),
    "sum",
  );
}

/** The loss of no rows. */
function nothing(ctx: ForwardContext, reduction: Reduction): Tensor {
  const loss = empty(ctx.device, []);
  fill(loss, reduction === "mean" ? Number.NaN : 0);
  return loss;
}

function backward(ctx: BackwardContext<CrossEntropyAttrs>, gradY: Tensor): (Tensor | undefined)[] {
  const [saved] = ctx.saved as [Tensor];
  const dim = saved.ndim === 1 ? 0 : 1;
  const perRow = ctx.attrs.reduction === "none" ? unsqueeze(gradY, -1) : gradY;
  return [fromEnd(ctx.isUnit(gradY) ? saved : mul(saved, perRow), dim), undefined, undefined];
}

/** Cross entropy of logits (C), (N, C) or (N, C, ...) and labels (), (N) or (N, ...); the class weights take no gradient. */
export const crossEntropyLabels = defineOp<CrossEntropyAttrs>({
  name: OP,
  ...AUTOCAST_F32,
  forward,
  backward,
  decomposition([x, target, weight]: Inputs, attrs) {
    return labelLoss(logSoftmax(x, classDim(x)), target, weight, attrs);
  },
});

/** The mean, sum or list of weighted losses; `count` is what a mean divides by. */
export function reduceLoss(losses: Tensor, reduction: Reduction, count?: Tensor): Tensor {
  if (reduction === "none") return losses;
  if (reduction === "sum") return sum(losses);
  return count ? div(sum(losses), count) : mean(losses);
}

/** The loss of log probabilities and labels, in plain operations. A label that is no class makes it NaN. */
export function labelLoss(
  logProbabilities: Tensor,
  target: Tensor,
  weight: Tensor | undefined,
  attrs: CrossEntropyAttrs,
): Tensor {
  const { reduction, ignoreIndex, labelSmoothing } = attrs;
  const x = logProbabilities;
  const dim = classDim(x);
  const along: Shape = x.shape.map((size, i) => (i === dim ? size : 1));
  const classes = reshape(
    arange(x.shape[dim] as number, undefined, 1, { dtype: target.dtype, device: x.device }),
    along,
  );
  const isLabel = eq(classes, unsqueeze(target, dim));
  const weights = weight ? reshape(weight, along) : 1;
  const ofLabel = (values: Tensor | number) => sum(where(isLabel, values, 0), dim);
  const counts = ne(target, ignoreIndex);
  const isKnown = ofLabel(to(isLabel, "f32"));
  const labelWeight = where(counts, ofLabel(weights), 0);
  let losses = neg(mul(labelWeight, where(counts, ofLabel(x), 0)));
  if (labelSmoothing > 0) {
    const all = neg(where(counts, sum(mul(x, weights), dim), 0));
    losses = add(mul(losses, 1 - labelSmoothing), mul(all, labelSmoothing / (x.shape[dim] as number)));
  }
  // Selected, so that the row has no gradient: it must not reach the weights.
  const known = where(counts, where(isKnown, losses, Number.NaN), 0);
  return reduceLoss(known, reduction, sum(labelWeight));
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
  const classes = logits.shape[dim] as number;
  const smooth = labelSmoothing > 0 ? add(mul(target, 1 - labelSmoothing), labelSmoothing / classes) : target;
  const along: Shape = logits.shape.map((size, i) => (i === dim ? size : 1));
  const weighted = weight ? mul(smooth, reshape(weight, along)) : smooth;
  return reduceLoss(neg(sum(mul(logSoftmax(logits, dim), weighted), dim)), reduction);
}
