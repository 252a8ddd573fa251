/** Pooling over sliding windows of images (N, C, H, W), and its adjoints. */

import { type Device, runtimeOf } from "../gpu/device.ts";
import { launchPolicy, strideGroups } from "../gpu/launch-policy.ts";
import {
  avg_pool,
  avg_pool_backward,
  avg_pool_backward_disjoint,
  max_pool,
  max_pool_backward,
  max_pool_backward_disjoint,
} from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { withScratch } from "../tensor/scratch.ts";
import type { Shape } from "../tensor/shape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import type { Windows } from "./conv/windows.ts";

const pooledShape = ([n = 0, channels = 0]: Shape, w: Windows): Shape => [n, channels, w.outHeight, w.outWidth];
const imageShape = ([n = 0, channels = 0]: Shape, w: Windows): Shape => [n, channels, w.height, w.width];

/** No element is in two windows. */
const isDisjoint = (w: Windows): boolean => w.strideY >= w.kernelHeight && w.strideX >= w.kernelWidth;

/** Windows of up to this many elements are constants of the pipeline: larger ones would take long to compile. */
const MAX_CONSTANT_AREA = 9;

const constantsOf = (w: Windows) =>
  Math.max(w.kernelHeight * w.kernelWidth, w.strideY * w.strideX) > MAX_CONSTANT_AREA
    ? {}
    : { KERNEL_HEIGHT: w.kernelHeight, KERNEL_WIDTH: w.kernelWidth, STRIDE_Y: w.strideY, STRIDE_X: w.strideX };

/** The launch of a kernel that goes in runs through images of rows x columns. */
function launch(device: Device, w: Windows, [n = 0, channels = 0]: Shape, rows: number, columns: number) {
  const { poolRun: run } = launchPolicy(device);
  const runsPerRow = Math.ceil(columns / run);
  const runs = n * channels * rows * runsPerRow;
  const { dilationY: _, dilationX: __, ...windows } = w;
  return { params: { runs, runsPerRow, run, rows, ...windows }, groups: strideGroups(device, runs) };
}

/** The launch of a kernel that writes y. */
function forward(x: Tensor, w: Windows) {
  const HAS_EDGES = w.paddingY + w.paddingX > 0;
  return { ...launch(x.device, w, x.shape, w.outHeight, w.outWidth), overrides: { ...constantsOf(w), HAS_EDGES } };
}

/** The launch of a kernel that writes gradX: an element at a time, or a block, which begins where a window does. */
function backward(gradY: Tensor, w: Windows) {
  if (!isDisjoint(w)) {
    return { ...launch(gradY.device, w, gradY.shape, w.height, w.width), overrides: constantsOf(w) };
  }
  const [rows, columns] = [(w.height + w.paddingY) / w.strideY, (w.width + w.paddingX) / w.strideX];
  const { params, groups } = launch(gradY.device, w, gradY.shape, Math.ceil(rows), Math.ceil(columns));
  const isFilled = rows === w.outHeight && columns === w.outWidth && columns % params.run === 0;
  const HAS_EDGES = !isFilled || w.paddingY + w.paddingX > 0;
  return { params, groups, overrides: { ...constantsOf(w), HAS_EDGES } };
}

/** Returns the maximum of each window of x (N, C, H, W) and its index in the image, u32; both (N, C, outH, outW). */
export function runMaxPool(x: Tensor, windows: Windows): { y: Tensor; indices: Tensor } {
  const { device } = x;
  const shape = pooledShape(x.shape, windows);
  const [y, indices] = [empty(device, shape), empty(device, shape, "u32")];
  const { params, groups, overrides } = forward(x, windows);
  withScratch((scratch) => {
    const bindings = { x: bindingOf(scratch.contiguous(x)), y: bindingOf(y), indices: bindingOf(indices) };
    runtimeOf(device).run(max_pool, { ...bindings, ...params }, groups, overrides);
  });
  return { y, indices };
}

/** Returns gradX (N, C, H, W): gradY (N, C, outH, outW) added at the `indices` that runMaxPool gave. */
export function runMaxPoolBackward(gradY: Tensor, indices: Tensor, windows: Windows): Tensor {
  const { device } = gradY;
  const gradX = empty(device, imageShape(gradY.shape, windows));
  const { params, groups, overrides } = backward(gradY, windows);
  withScratch((scratch) => {
    const inputs = { gradY: bindingOf(scratch.contiguous(gradY)), indices: bindingOf(scratch.contiguous(indices)) };
    const shader = isDisjoint(windows) ? max_pool_backward_disjoint : max_pool_backward;
    runtimeOf(device).run(shader, { ...inputs, gradX: bindingOf(gradX), ...params }, groups, overrides);
  });
  return gradX;
}

/** Returns the mean of each window of x (N, C, H, W), with the zeros of the padding: (N, C, outH, outW). */
export function runAvgPool(x: Tensor, windows: Windows): Tensor {
  const { device } = x;
  const y = empty(device, pooledShape(x.shape, windows));
  const { params, groups, overrides } = forward(x, windows);
  withScratch((scratch) => {
    runtimeOf(device).run(
      avg_pool,
      { x: bindingOf(scratch.contiguous(x)), y: bindingOf(y), ...params },
      groups,
      overrides,
    );
  });
  return y;
}

/** Returns gradX (N, C, H, W) from gradY (N, C, outH, outW): the adjoint of runAvgPool. */
export function runAvgPoolBackward(gradY: Tensor, windows: Windows): Tensor {
  const { device } = gradY;
  const gradX = empty(device, imageShape(gradY.shape, windows));
  const { params, groups, overrides } = backward(gradY, windows);
  withScratch((scratch) => {
    const shader = isDisjoint(windows) ? avg_pool_backward_disjoint : avg_pool_backward;
    const args = { gradY: bindingOf(scratch.contiguous(gradY)), gradX: bindingOf(gradX), ...params };
    runtimeOf(device).run(shader, args, groups, overrides);
  });
  return gradX;
}
