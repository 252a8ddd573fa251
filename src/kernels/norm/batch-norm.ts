/** Launches of batch norm: every channel of x (N, C, ...) is normalized over the batch, or by running statistics. */

import type { BufferSlice } from "../../gpu/buffer-pool.ts";
import { runtimeOf } from "../../gpu/device.ts";
import { channelLaunch, vectorized } from "../../gpu/launch-policy.ts";
import {
  batch_norm_apply,
  batch_norm_apply_vec4,
  batch_norm_backward,
  batch_norm_backward_finish,
  batch_norm_backward_sums,
  batch_norm_backward_sums_vec4,
  batch_norm_backward_vec4,
  batch_norm_finish,
  batch_norm_stats,
  batch_norm_stats_vec4,
} from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { type Scratch, withScratch } from "../../tensor/scratch.ts";
import { sizeOf } from "../../tensor/shape.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import { affineGradients, type WantedGradients } from "./affine-gradients.ts";

/** Invocations per workgroup of the kernels that join the slices, one per channel. */
const FINISH_WORKGROUP = 64;

/** Running statistics, all contiguous. */
export interface RunningStatistics {
  /** (C). */
  readonly mean: Tensor;
  readonly variance: Tensor;
}

export interface BatchNormParams {
  /** Read where `usesBatch` is false, updated where `tracks` is true. */
  readonly running: RunningStatistics | undefined;
  /** i32, (): incremented where `tracks` is true. */
  readonly numBatchesTracked: Tensor | undefined;
  /** Normalize by the batch's own statistics. */
  readonly usesBatch: boolean;
  /** Update the running statistics. */
  readonly tracks: boolean;
  /** Share of the new statistics in the running ones; null: the average over all batches. */
  readonly momentum: number | null;
  readonly eps: number;
}

/** x as (batch, channels, inner), with channels (inner 1) or inner counted in Elements, and the launch of its kernels. */
function layoutOf(x: Tensor) {
  const [batch = 0, channels = 0, ...rest] = x.shape;
  const inner = sizeOf(rest);
  const hasPlanes = inner !== 1;
  const { width } = vectorized(hasPlanes ? inner : channels, 1, 4);
  const counted = hasPlanes ? { batch, channels, inner: inner / width } : { batch, channels: channels / width, inner };
  const { groups, overrides, slices, sliceBatch } = channelLaunch(x.device, counted, hasPlanes);
  const params = { ...counted, sliceBatch };
  return { channels, size: batch * inner, sliceSize: sliceBatch * inner, slices, params, groups, overrides, width };
}

type Layout = ReturnType<typeof layoutOf>;

/**
 * `y = (x - mean) * rstd * weight + bias` per channel. All contiguous: x and y (N, C, ...); weight, bias (C); stats (4, C):
 * mean, rstd, scale and shift, which backward needs.
 */
export function runBatchNorm(
  inputs: readonly [Tensor, Tensor?, Tensor?],
  params: BatchNormParams,
): { y: Tensor; stats: Tensor } {
  const [x] = inputs;
  const layout = layoutOf(x);
  return withScratch((scratch) => {
    const y = empty(x.device, x.shape);
    const stats = empty(x.device, [4, layout.channels]);
    const parts = params.usesBatch ? batchStatistics(scratch, x, layout) : x;
    finishStatistics(scratch, inputs, parts, stats, layout, params);
    const COUNT = params.tracks && params.numBatchesTracked !== undefined;
    const batches = (COUNT && params.numBatchesTracked) || scratch.empty(x.device, [1], "i32");
    runtimeOf(x.device).run(
      layout.width === 4 ? batch_norm_apply_vec4 : batch_norm_apply,
      { x: bindingOf(x), stats: bindingOf(stats), y: bindingOf(y), batches: bindingOf(batches), ...layout.params },
      layout.groups,
      { ...layout.overrides, COUNT },
    );
    return { y, stats };
  });
}

/** (slices, 2, C): mean and sum of squared differences of each channel over each slice of the batch. */
function batchStatistics(scratch: Scratch, x: Tensor, { channels, slices, params, groups, overrides, width }: Layout) {
  const parts = scratch.empty(x.device, [slices, 2, channels]);
  const shader = width === 4 ? batch_norm_stats_vec4 : batch_norm_stats;
  runtimeOf(x.device).run(shader, { x: bindingOf(x), parts: bindingOf(parts), ...params }, groups, overrides);
  return parts;
}

/** Joins the slices' statistics into `stats`, and updates the running ones. */
function finishStatistics(
  scratch: Scratch,
  [x, weight, bias]: readonly [Tensor, Tensor?, Tensor?],
  parts: Tensor,
  stats: Tensor,
  { channels, slices, sliceSize, size }: Layout,
  { running, numBatchesTracked, usesBatch: BATCH, tracks: TRACK, momentum, eps }: BatchNormParams,
): void {
  const used = TRACK || !BATCH ? running : undefined;
  const runningMean = used?.mean ?? scratch.empty(x.device, [1]);
  const runningVar = used?.variance ?? scratch.empty(x.device, [1]);
  runtimeOf(x.device).run(
    batch_norm_finish,
    {
      parts: bindingOf(parts),
      weight: bindingOf(weight ?? x),
      bias: bindingOf(bias ?? x),
      stats: bindingOf(stats),
      batches: bindingOf(numBatchesTracked ?? x),
      runningMean: bindingOf(runningMean),
      runningVar: bindingOf(runningVar),
      channels,
      slices,
      sliceSize,
      size,
      momentum: momentum ?? -1,
      eps,
    },
    Math.ceil(channels / FINISH_WORKGROUP),
    { HAS_WEIGHT: weight !== undefined, HAS_BIAS: bias !== undefined, BATCH, TRACK, WORKGROUP: FINISH_WORKGROUP },
  );
}

export interface BatchNormBackwardParams {
  readonly usesBatch: boolean;
  readonly needsGradX: boolean;
  readonly wanted: WantedGradients;
}

export interface BatchNormGradients {
  /** Like x. */
  readonly x: Tensor | undefined;
  /** (C), or the slot. */
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;
}

/** The gradients of `runBatchNorm`. x and stats as forward had them; gradY like x, any strides. */
export function runBatchNormBackward(
  { x, stats }: { readonly x: Tensor; readonly stats: Tensor },
  gradY: Tensor,
  { usesBatch: BATCH, needsGradX, wanted }: BatchNormBackwardParams,
): BatchNormGradients {
  const { device } = x;
  const layout = layoutOf(x);
  return withScratch((scratch) => {
    const shared = { x: bindingOf(x), gradY: bindingOf(scratch.contiguous(gradY)), stats: bindingOf(stats) };
    const corrections = scratch.empty(device, [2, layout.channels]);
    // Constant statistics without parameters need no sums.
    const needsSums = BATCH || wanted.weight || wanted.bias;
    const { weight, bias } = needsSums ? backwardSums(scratch, shared, x, corrections, layout, wanted) : {};
    if (!needsGradX) return { x: undefined, weight, bias };
    const gradX = empty(device, x.shape);
    runtimeOf(device).run(
      layout.width === 4 ? batch_norm_backward_vec4 : batch_norm_backward,
      { ...shared, corrections: bindingOf(corrections), gradX: bindingOf(gradX), ...layout.params },
      layout.groups,
      { ...layout.overrides, BATCH },
    );
    return { x: gradX, weight, bias };
  });
}

/** Sums over each channel: the gradients of weight and bias, and `corrections` (2, C) of gradX. */
function backwardSums(
  scratch: Scratch,
  shared: Record<"x" | "gradY" | "stats", BufferSlice>,
  { device }: Tensor,
  corrections: Tensor,
  { channels, slices, size, params, groups, overrides, width }: Layout,
  wanted: WantedGradients,
): { weight?: Tensor | undefined; bias?: Tensor | undefined } {
  const parts = scratch.empty(device, [slices, 2, channels]);
  const shader = width === 4 ? batch_norm_backward_sums_vec4 : batch_norm_backward_sums;
  runtimeOf(device).run(shader, { ...shared, parts: bindingOf(parts), ...params }, groups, overrides);
  const { grads, weightAt, biasAt, weight, bias } = affineGradients(scratch, device, wanted, channels);
  runtimeOf(device).run(
    batch_norm_backward_finish,
    {
      parts: bindingOf(parts),
      stats: shared.stats,
      corrections: bindingOf(corrections),
      grads,
      weightAt,
      biasAt,
      channels,
      slices,
      size,
    },
    Math.ceil(channels / FINISH_WORKGROUP),
    { WORKGROUP: FINISH_WORKGROUP },
  );
  return { weight, bias };
}
