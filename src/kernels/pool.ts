/** Pooling over sliding windows of images (N, C, H, W), and its adjoints. */
import { runtimeOf } from "../gpu/device.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { avg_pool, avg_pool_backward, max_pool, max_pool_backward } from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { withScratch } from "../tensor/scratch.ts";
import type { Shape } from "../tensor/shape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import type { Windows } from "./conv/windows.ts";

/** The params of the pooling kernels; `size` counts the elements of the output. */
function paramsOf({ dilationY: _, dilationX: __, ...params }: Windows, size: number) {
  return { ...params, size };
}

const pooledShape = ([n = 0, channels = 0]: Shape, w: Windows): Shape => [n, channels, w.outHeight, w.outWidth];
const imageShape = ([n = 0, channels = 0]: Shape, w: Windows): Shape => [n, channels, w.height, w.width];

/** Returns the maximum of each window of x (N, C, H, W) and its index in the image, u32; both (N, C, outH, outW). */
export function runMaxPool(x: Tensor, windows: Windows): { y: Tensor; indices: Tensor } {
  const { device } = x;
  const shape = pooledShape(x.shape, windows);
  const [y, indices] = [empty(device, shape), empty(device, shape, "u32")];
  withScratch((scratch) => {
    const outputs = { y: bindingOf(y), indices: bindingOf(indices) };
    const args = { x: bindingOf(scratch.contiguous(x)), ...outputs, ...paramsOf(windows, y.size) };
    runtimeOf(device).run(max_pool, args, strideGroups(device, y.size));
  });
  return { y, indices };
}

/** Returns gradX (N, C, H, W): gradY (N, C, outH, outW) added at the `indices` that runMaxPool gave. */
export function runMaxPoolBackward(gradY: Tensor, indices: Tensor, windows: Windows): Tensor {
  const { device } = gradY;
  const gradX = empty(device, imageShape(gradY.shape, windows));
  withScratch((scratch) => {
    const inputs = { gradY: bindingOf(scratch.contiguous(gradY)), indices: bindingOf(scratch.contiguous(indices)) };
    const args = { ...inputs, gradX: bindingOf(gradX), ...paramsOf(windows, gradX.size) };
    runtimeOf(device).run(max_pool_backward, args, strideGroups(device, gradX.size));
  });
  return gradX;
}

/** Returns the mean of each window of x (N, C, H, W), with the zeros of the padding: (N, C, outH, outW). */
export function runAvgPool(x: Tensor, windows: Windows): Tensor {
  const { device } = x;
  const y = empty(device, pooledShape(x.shape, windows));
  withScratch((scratch) => {
    const args = { x: bindingOf(scratch.contiguous(x)), y: bindingOf(y), ...paramsOf(windows, y.size) };
    runtimeOf(device).run(avg_pool, args, strideGroups(device, y.size));
  });
  return y;
}

/** Returns gradX (N, C, H, W) from gradY (N, C, outH, outW): the adjoint of runAvgPool. */
export function runAvgPoolBackward(gradY: Tensor, windows: Windows): Tensor {
  const { device } = gradY;
  const gradX = empty(device, imageShape(gradY.shape, windows));
  withScratch((scratch) => {
    const args = {
      gradY: bindingOf(scratch.contiguous(gradY)),
      gradX: bindingOf(gradX),
      ...paramsOf(windows, gradX.size),
    };
    runtimeOf(device).run(avg_pool_backward, args, strideGroups(device, gradX.size));
  });
  return gradX;
}
