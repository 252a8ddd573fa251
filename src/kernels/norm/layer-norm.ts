/** Launches of layer norm and RMS norm: every row of x (rows, cols) is normalized by itself. */

import { type Device, runtimeOf } from "../../gpu/device.ts";
import { rowLaunch, sliceRows, vectorized, workgroupSize } from "../../gpu/launch-policy.ts";
import {
  layer_norm,
  layer_norm_backward,
  layer_norm_backward_finish,
  layer_norm_backward_rows,
  layer_norm_backward_rows_vec4,
  layer_norm_backward_vec4,
  layer_norm_vec4,
} from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { type Scratch, withScratch } from "../../tensor/scratch.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import { affineGradients, type WantedGradients } from "./affine-gradients.ts";

/** Invocations per workgroup of the sum over slices. */
const FINISH_WORKGROUP = 64;

const rowsOf = (x: Tensor, cols: number): number => (cols === 0 ? 0 : x.size / cols);

export interface LayerNormParams {
  /** The length of a row. */
  readonly cols: number;
  readonly eps: number;
  /** RMS norm: nothing is subtracted, and the root mean square takes the standard deviation's role. */
  readonly rms: boolean;
}

/**
 * `y = (x - mean) * rstd * weight + bias` per row. All contiguous: x and y of any shape with rows of `cols` elements;
 * weight, bias (cols); stats (rows, 2): mean and rstd, which backward needs.
 */
export function runLayerNorm(
  [x, weight, bias]: readonly [Tensor, Tensor?, Tensor?],
  { cols, eps, rms }: LayerNormParams,
): { y: Tensor; stats: Tensor } {
  const { device } = x;
  const rows = rowsOf(x, cols);
  const y = empty(device, x.shape);
  const stats = empty(device, [rows, 2]);
  const { shader, width } = vectorized(cols, layer_norm, layer_norm_vec4);
  const { groups, overrides } = rowLaunch(device, rows, cols / width);
  runtimeOf(device).run(
    shader,
    {
      x: bindingOf(x),
      weight: bindingOf(weight ?? x),
      bias: bindingOf(bias ?? x),
      y: bindingOf(y),
      stats: bindingOf(stats),
      rows,
      cols: cols / width,
      eps,
    },
    groups,
    { ...overrides, HAS_WEIGHT: weight !== undefined, HAS_BIAS: bias !== undefined, RMS: rms },
  );
  return { y, stats };
}

export interface LayerNormSaved {
  /** As forward had it. */
  readonly x: Tensor;
  /** (rows, 2), of forward. */
  readonly stats: Tensor;
  /** (cols). */
  readonly weight: Tensor | undefined;
}

export interface LayerNormBackwardParams extends Pick<LayerNormParams, "cols" | "rms"> {
  readonly needsGradX: boolean;
  readonly wanted: WantedGradients;
}

export interface LayerNormGradients {
  /** Like x. */
  readonly x: Tensor | undefined;
  /** (cols), or the slot. */
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;
}

/** The gradients of `runLayerNorm`. gradY like x, any strides. */
export function runLayerNormBackward(
  saved: LayerNormSaved,
  gradY: Tensor,
  params: LayerNormBackwardParams,
): LayerNormGradients {
  return withScratch((scratch) => {
    const dense = scratch.contiguous(gradY);
    return backwardColumns(scratch, saved, dense, rowMeans(scratch, saved, dense, params), params);
  });
}

/** (rows, 4): mean, rstd, mean of g, mean of g * normalized x. */
function rowMeans(
  scratch: Scratch,
  { x, stats, weight }: LayerNormSaved,
  gradY: Tensor,
  { cols, rms }: LayerNormBackwardParams,
): Tensor {
  const { device } = x;
  const rows = rowsOf(x, cols);
  const means = scratch.empty(device, [rows, 4]);
  const { shader, width } = vectorized(cols, layer_norm_backward_rows, layer_norm_backward_rows_vec4);
  const { groups, overrides } = rowLaunch(device, rows, cols / width);
  runtimeOf(device).run(
    shader,
    {
      x: bindingOf(x),
      weight: bindingOf(weight ?? x),
      gradY: bindingOf(gradY),
      stats: bindingOf(stats),
      means: bindingOf(means),
      rows,
      cols: cols / width,
    },
    groups,
    { ...overrides, HAS_WEIGHT: weight !== undefined, RMS: rms },
  );
  return means;
}

/** One pass down the columns, by slices of the rows: gradX, and the slices' sums for weight and bias. */
function backwardColumns(
  scratch: Scratch,
  { x, weight }: LayerNormSaved,
  gradY: Tensor,
  means: Tensor,
  { cols, needsGradX, wanted }: LayerNormBackwardParams,
): LayerNormGradients {
  const { device } = x;
  const rows = rowsOf(x, cols);
  const needsParams = wanted.weight || wanted.bias;
  const { shader, width } = vectorized(cols, layer_norm_backward, layer_norm_backward_vec4);
  const { slices, sliceRows: rowsPerSlice } = sliceRows(device, rows, cols / width);
  const gradX = needsGradX ? empty(device, x.shape) : scratch.empty(device, [1]);
  const parts = scratch.empty(device, needsParams ? [slices, 2, cols] : [1]);
  const WORKGROUP = workgroupSize(device);
  runtimeOf(device).run(
    shader,
    {
      x: bindingOf(x),
      weight: bindingOf(weight ?? x),
      gradY: bindingOf(gradY),
      means: bindingOf(means),
      gradX: bindingOf(gradX),
      parts: bindingOf(parts),
      rows,
      cols: cols / width,
      sliceRows: rowsPerSlice,
    },
    [Math.ceil(cols / width / WORKGROUP), slices, 1],
    { WORKGROUP, HAS_WEIGHT: weight !== undefined, GRAD_X: needsGradX, GRAD_PARAMS: needsParams },
  );
  const affine = needsParams ? sumSlices(scratch, device, parts, { cols, slices }, wanted) : undefined;
  return { x: needsGradX ? gradX : undefined, weight: affine?.weight, bias: affine?.bias };
}

/** The gradients of weight and bias: `parts` (slices, 2, cols) summed over the slices. */
function sumSlices(
  scratch: Scratch,
  device: Device,
  parts: Tensor,
  { cols, slices }: { cols: number; slices: number },
  wanted: WantedGradients,
) {
  const { grads, weightAt, biasAt, weight, bias } = affineGradients(scratch, device, wanted, cols);
  const args = { parts: bindingOf(parts), grads, weightAt, biasAt, cols, slices };
  const groups = Math.ceil(cols / FINISH_WORKGROUP);
  runtimeOf(device).run(layer_norm_backward_finish, args, groups, { WORKGROUP: FINISH_WORKGROUP });
  return { weight, bias };
}
