/** Launches of cross entropy, fused with the gradient of its logits. */

import { type Device, runtimeOf } from "../gpu/device.ts";
import { defineDeviceAssert } from "../gpu/device-asserts.ts";
import { launchPolicy, type RowLaunch, rowLaunch, vectorized } from "../gpu/launch-policy.ts";
import { cross_entropy, cross_entropy_vec4, label_weight } from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { fill } from "../tensor/copy.ts";
import { type Scratch, withScratch } from "../tensor/scratch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { runReduce } from "./reduce.ts";

/** The fault of a label that is no class, for an operation's argument 'target'. */
export const defineLabelFault = (op: string): number =>
  defineDeviceAssert(
    (row, label) => `${op}: argument 'target' has label ${label} in row ${row}, which is out of range`,
  );

const LABEL_OUT_OF_RANGE = /* @__PURE__ */ defineLabelFault("crossEntropy");

/** Up to this many logits, one workgroup computes everything, mean included. */
const SINGLE_WORKGROUP_LOGITS = 16384;

export interface CrossEntropyOperands {
  /** (..., C). */
  readonly logits: Tensor;
  /** i32 or u32, (...). */
  readonly labels: Tensor;
  /** (C), of the classes. */
  readonly weight: Tensor | undefined;
}

export interface CrossEntropyParams {
  readonly reduction: "mean" | "sum" | "none";
  /** Rows with this label have no loss and no gradient. */
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  readonly needsGrad: boolean;
  /** For rows that are a part of all: the fault that a wrong label is, and the first row's number. */
  readonly faultCode?: number;
  readonly firstRow?: number;
}

export interface CrossEntropyResult {
  /** (), or with reduction "none" like the labels. */
  readonly loss: Tensor;
  /** Like logits, contiguous: the gradient for a gradY of 1. */
  readonly gradLogits: Tensor | undefined;
}

/** Cross entropy of logits and labels. A label out of range makes its row NaN, and the next read throws. */
export function runCrossEntropy(operands: CrossEntropyOperands, params: CrossEntropyParams): CrossEntropyResult {
  const { device } = operands.logits;
  return withScratch((scratch) => {
    const logits = scratch.contiguous(operands.logits);
    const labels = scratch.contiguous(operands.labels);
    const weight = operands.weight && scratch.contiguous(operands.weight);
    const gradLogits = params.needsGrad ? empty(device, logits.shape) : undefined;
    const loss = reduceRows(scratch, { logits, labels, weight }, gradLogits, params);
    return { loss, gradLogits };
  });
}

/** One kernel for few logits; else the labels' weight (for a mean), the rows, and the sum of their losses. */
function reduceRows(
  scratch: Scratch,
  operands: CrossEntropyOperands,
  gradLogits: Tensor | undefined,
  params: CrossEntropyParams,
): Tensor {
  const { logits, labels } = operands;
  const { device } = logits;
  const reduces = params.reduction !== "none";
  if (reduces && logits.size === 0) return lossOfNoRows(logits, params.reduction === "mean");
  const classes = logits.shape[logits.ndim - 1] ?? 0;
  const isSingle =
    reduces && logits.size <= SINGLE_WORKGROUP_LOGITS && classes <= launchPolicy(device).wholeLossClasses;
  const losses = empty(device, isSingle ? [] : labels.shape);
  rowLosses(scratch, operands, { losses, gradLogits, isSingle }, params);
  if (isSingle || !reduces) return losses;
  return runReduce(
    scratch.add(losses),
    labels.shape.map((_, i) => i),
    "sum",
  );
}

function lossOfNoRows({ device }: Tensor, isMean: boolean): Tensor {
  const loss = empty(device, []);
  fill(loss, isMean ? Number.NaN : 0);
  return loss;
}

/** Writes every row's loss, or (`isSingle`) their sum, and the rows of gradLogits. */
function rowLosses(
  scratch: Scratch,
  operands: CrossEntropyOperands,
  { losses, gradLogits, isSingle }: { losses: Tensor; gradLogits: Tensor | undefined; isSingle: boolean },
  params: CrossEntropyParams,
): void {
  const { logits, labels, weight } = operands;
  const { device } = logits;
  const classes = logits.shape[logits.ndim - 1] ?? 0;
  const rows = labels.size;
  const MEAN = params.reduction === "mean";
  const { shader, width } = vectorized(classes, cross_entropy, cross_entropy_vec4);
  const launch = isSingle ? singleLaunch(device) : rowLaunch(device, rows, classes / width);
  runtimeOf(device).run(
    shader,
    {
      logits: bindingOf(logits),
      labels: bindingOf(labels),
      weight: bindingOf(weight ?? logits),
      labelWeight: bindingOf(MEAN && !isSingle ? labelWeightSum(scratch, operands, params.ignoreIndex) : labels),
      losses: bindingOf(losses),
      gradLogits: bindingOf(gradLogits ?? scratch.empty(device, [1])),
      faults: runtimeOf(device).faults.binding,
      rows,
      cols: classes / width,
      ignoreIndex: params.ignoreIndex,
      smoothing: params.labelSmoothing,
      faultCode: params.faultCode ?? LABEL_OUT_OF_RANGE,
      firstRow: params.firstRow ?? 0,
    },
    launch.groups,
    {
      ...launch.overrides,
      HAS_WEIGHT: weight !== undefined,
      SMOOTH: params.labelSmoothing > 0,
      MEAN,
      GRAD: gradLogits !== undefined,
      SINGLE_WORKGROUP: isSingle,
    },
  );
}

/** One workgroup, each thread with rows of its own. */
const singleLaunch = (device: Device): RowLaunch => ({
  groups: 1,
  overrides: { WORKGROUP: launchPolicy(device).singleWorkgroup, ROW_THREADS: 1 },
});

/** The sum of the labels' weights, the divisor of a mean. */
function labelWeightSum(
  scratch: Scratch,
  { logits, labels, weight }: CrossEntropyOperands,
  ignoreIndex: number,
): Tensor {
  return scratch.add(sumWeights(labels, logits.shape[logits.ndim - 1] ?? 0, ignoreIndex, weight));
}

/** (): the number of dense labels that are not ignored; with class weights the sum of theirs. */
export function sumWeights(labels: Tensor, classes: number, ignoreIndex: number, weight?: Tensor): Tensor {
  const { device } = labels;
  const sum = empty(device, []);
  runtimeOf(device).run(
    label_weight,
    {
      labels: bindingOf(labels),
      weight: bindingOf(weight ?? labels),
      sum: bindingOf(sum),
      rows: labels.size,
      classes,
      ignoreIndex,
    },
    1,
    { HAS_WEIGHT: weight !== undefined, WORKGROUP: launchPolicy(device).singleWorkgroup },
  );
  return sum;
}
