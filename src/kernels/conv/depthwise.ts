/** Depthwise convolution: every channel has filters of its own. As matrices these would have one row, so they go direct. */
import { launchPolicy, strideGroups } from "../../gpu/launch-policy.ts";
import { depthwise, depthwise_grad_weight, depthwise_grad_x } from "../../gpu/shaders.generated.ts";
import { type Shape, sizeOf } from "../../tensor/shape.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import { runReduce } from "../reduce.ts";
import type { Windows } from "./windows.ts";

/** With more filters per channel the products of matrices have rows enough. */
const MOST_FILTERS = 4;

/** Whether a convolution of images x (N, C, H, W) is a depthwise one that is faster direct. */
export const isDepthwise = (x: Tensor, weight: Tensor, groups: number): boolean =>
  groups > 1 && x.shape[1] === groups && (weight.shape[0] as number) <= MOST_FILTERS * groups;

/** What the kernels take beside their buffers; `strips` is what their invocations share out. */
const paramsOf = (strips: number, [images = 0, channels = 1]: Shape, outputs: number, windows: Windows) => ({
  ...{ strips, images, partImages: images, channels, filters: outputs / channels },
  ...windows,
});

/** y (N, O, outH, outW) of dense x (N, C, H, W) and weight (O, 1, kH, kW). */
export function runDepthwise(x: Tensor, weight: Tensor, windows: Windows): Tensor {
  const { device } = x;
  const outputs = weight.shape[0] as number;
  const y = empty(device, [x.shape[0] as number, outputs, windows.outHeight, windows.outWidth]);
  const strips = sizeOf(y.shape.slice(0, 3)) * Math.ceil(windows.outWidth / 4);
  const params = paramsOf(strips, x.shape, outputs, windows);
  device.run(
    depthwise,
    { x: x.binding, weight: weight.binding, y: y.binding, ...params },
    strideGroups(device, strips),
  );
  return y;
}

/** The gradient of x, of this shape, from dense gradY and weight. */
export function runDepthwiseGradX(gradY: Tensor, weight: Tensor, windows: Windows, shape: Shape): Tensor {
  const { device } = gradY;
  const gradX = empty(device, shape);
  const strips = sizeOf(shape.slice(0, 3)) * Math.ceil(windows.width / 4);
  const params = paramsOf(strips, shape, weight.shape[0] as number, windows);
  device.run(
    depthwise_grad_x,
    { gradY: gradY.binding, weight: weight.binding, gradX: gradX.binding, ...params },
    strideGroups(device, strips),
    { STRIDE_Y: windows.strideY, STRIDE_X: windows.strideX },
  );
  return gradX;
}

/** The gradient of weight, of this shape, from dense gradY and x. */
export function runDepthwiseGradWeight(gradY: Tensor, x: Tensor, windows: Windows, shape: Shape): Tensor {
  const { device } = x;
  const images = x.shape[0] as number;
  const wanted = Math.ceil(launchPolicy(device).fillInvocations / sizeOf(shape));
  const partImages = Math.max(1, Math.ceil(images / wanted));
  const sums = empty(device, [Math.max(1, Math.ceil(images / partImages)), ...shape]);
  const params = { ...paramsOf(sums.size, x.shape, shape[0] as number, windows), partImages };
  device.run(
    depthwise_grad_weight,
    { gradY: gradY.binding, x: x.binding, gradWeight: sums.binding, ...params },
    strideGroups(device, sums.size),
  );
  const total = runReduce(sums, [0], "sum");
  sums.dispose();
  return total;
}
