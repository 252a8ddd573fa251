/**
 * Depthwise convolution: every channel has its own filters. As a matmul each group would have a single row or a few, so
 * these kernels sum the windows directly.
 */
import { runtimeOf } from "../../gpu/device.ts";
import { launchPolicy, strideGroups } from "../../gpu/launch-policy.ts";
import { depthwise, depthwise_grad_weight, depthwise_grad_x } from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { withScratch } from "../../tensor/scratch.ts";
import { type Shape, sizeOf } from "../../tensor/shape.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import { runReduce } from "../reduce.ts";
import type { Windows } from "./windows.ts";

/** With more filters per channel a matmul has enough rows. */
const MAX_FILTERS = 4;

/** Neighbors in a row that an invocation computes. */
const STRIP = 4;

/** Returns true when the convolution of images (N, C, H, W) with weight (O, C / groups, kH, kW) is depthwise, with so few filters that these kernels are faster. */
export function isDepthwise([, channels]: Shape, [outputs = 0]: Shape, groups: number): boolean {
  return groups > 1 && channels === groups && outputs <= MAX_FILTERS * groups;
}

/** The params of all three kernels for images (N, C, H, W); `strips` counts the work items. */
function paramsOf(strips: number, [images = 0, channels = 1]: Shape, outputs: number, windows: Windows) {
  return { strips, images, partImages: images, channels, filters: outputs / channels, ...windows };
}

/** Returns y (N, O, outH, outW) of x (N, C, H, W) and weight (O, 1, kH, kW). */
export function runDepthwise(x: Tensor, weight: Tensor, windows: Windows): Tensor {
  const { device } = x;
  const [images = 0] = x.shape;
  const [outputs = 0] = weight.shape;
  const y = empty(device, [images, outputs, windows.outHeight, windows.outWidth]);
  const strips = images * outputs * windows.outHeight * Math.ceil(windows.outWidth / STRIP);
  const params = paramsOf(strips, x.shape, outputs, windows);
  withScratch((scratch) => {
    const inputs = { x: bindingOf(scratch.contiguous(x)), weight: bindingOf(scratch.contiguous(weight)) };
    runtimeOf(device).run(depthwise, { ...inputs, y: bindingOf(y), ...params }, strideGroups(device, strips));
  });
  return y;
}

/** Returns the gradient of x, of this shape (N, C, H, W), from gradY (N, O, outH, outW) and weight (O, 1, kH, kW). */
export function runDepthwiseGradX(gradY: Tensor, weight: Tensor, windows: Windows, shape: Shape): Tensor {
  const { device } = gradY;
  const [outputs = 0] = weight.shape;
  const gradX = empty(device, shape);
  const strips = sizeOf(shape.slice(0, 3)) * Math.ceil(windows.width / STRIP);
  const params = paramsOf(strips, shape, outputs, windows);
  withScratch((scratch) => {
    const inputs = { gradY: bindingOf(scratch.contiguous(gradY)), weight: bindingOf(scratch.contiguous(weight)) };
    runtimeOf(device).run(
      depthwise_grad_x,
      { ...inputs, gradX: bindingOf(gradX), ...params },
      strideGroups(device, strips),
      {
        STRIDE_Y: windows.strideY,
        STRIDE_X: windows.strideX,
      },
    );
  });
  return gradX;
}

/** Returns the gradient of weight, of this shape (O, 1, kH, kW), from gradY (N, O, outH, outW) and x (N, C, H, W). */
export function runDepthwiseGradWeight(gradY: Tensor, x: Tensor, windows: Windows, shape: Shape): Tensor {
  const { device } = x;
  const [images = 0] = x.shape;
  const [outputs = 0] = shape;
  const wanted = Math.ceil(launchPolicy(device).fillInvocations / sizeOf(shape));
  const partImages = Math.max(1, Math.ceil(images / wanted));
  return withScratch((scratch) => {
    const sums = scratch.empty(device, [Math.max(1, Math.ceil(images / partImages)), ...shape]);
    const inputs = { gradY: bindingOf(scratch.contiguous(gradY)), x: bindingOf(scratch.contiguous(x)) };
    const params = { ...paramsOf(sums.size, x.shape, outputs, windows), partImages };
    const args = { ...inputs, gradWeight: bindingOf(sums), ...params };
    runtimeOf(device).run(depthwise_grad_weight, args, strideGroups(device, sums.size));
    return runReduce(sums, [0], "sum");
  });
}
