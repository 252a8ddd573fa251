/** im2col and its adjoint col2im: sliding windows over images as the columns of a matrix. */
import { runtimeOf } from "../../gpu/device.ts";
import { launchPolicy, strideGroups } from "../../gpu/launch-policy.ts";
import { col2im, im2col } from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { withScratch } from "../../tensor/scratch.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import type { Windows } from "./windows.ts";

/** Returns columns (images, kernelHeight * kernelWidth, outHeight * outWidth) of x (images, H, W); 0 outside an image. */
export function runIm2col(x: Tensor, windows: Windows): Tensor {
  const { device } = x;
  const [images = 0] = x.shape;
  const taps = windows.kernelHeight * windows.kernelWidth;
  const columns = empty(device, [images, taps, windows.outHeight * windows.outWidth]);
  const { size } = columns;
  const run = launchPolicy(device).columnRun;
  withScratch((scratch) => {
    const args = { x: bindingOf(scratch.contiguous(x)), columns: bindingOf(columns), size, ...windows };
    runtimeOf(device).run(im2col, args, strideGroups(device, Math.ceil(size / run)), { RUN: run });
  });
  return columns;
}

/** Returns images (images, H, W): each element sums those of the columns (images, taps, windows) that im2col copies it to. */
export function runCol2im(columns: Tensor, windows: Windows): Tensor {
  const { device } = columns;
  const [images = 0] = columns.shape;
  const { strideY, strideX, ...sizes } = windows;
  const x = empty(device, [images, windows.height, windows.width]);
  const { size } = x;
  withScratch((scratch) => {
    const args = { columns: bindingOf(scratch.contiguous(columns)), x: bindingOf(x), size, ...sizes };
    runtimeOf(device).run(col2im, args, strideGroups(device, size), { STRIDE_Y: strideY, STRIDE_X: strideX });
  });
  return x;
}
