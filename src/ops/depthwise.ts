/** Depthwise convolution: every channel has filters of its own. As matrices these would have one row, so they go direct. */
import { strideGroups } from "../gpu/grid.ts";
import { depthwise, depthwise_grad_weight, depthwise_grad_x } from "../gpu/shaders.generated.ts";
import type { Shape } from "../tensor/shape.ts";
import { sizeOf } from "../tensor/shape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { runReduce } from "./reduce-kernel.ts";
import type { Windows } from "./windows.ts";

/** With more filters per channel the products of matrices have rows enough. */
const MOST_FILTERS = 4;

/** Whether a convolution of images x (N, C, H, W) is a depthwise one that is faster direct. */
export const isDepthwise = (x: Tensor, weight: Tensor, groups: number): boolean =>
  groups > 1 && x.shape[1] === groups && (weight.shape[0] as number) <= MOST_FILTERS * groups;

/** y (N, O, outH, outW) of dense x (N, C, H, W) and weight (O, 1, kH, kW). */
export function runDepthwise(x: Tensor, weight: Tensor, windows: Windows): Tensor {
  const [images, channels] = x.shape as [number, number];
  const outputs = weight.shape[0] as number;
  const y = empty(x.device, [images, outputs, windows.outHeight, windows.outWidth]);
  const strips = images * outputs * windows.outHeight * Math.ceil(windows.outWidth / 4);
  const params = { strips, images, partImages: 0, channels, filters: outputs / channels, ...windows };
  const args = { x: x.binding, weight: weight.binding, y: y.binding, ...params };
  x.device.run(depthwise, args, strideGroups(x.device, strips));
  return y;
}

/** The gradient of x, of this shape, from dense gradY and weight. */
export function runDepthwiseGradX(gradY: Tensor, weight: Tensor, windows: Windows, shape: Shape): Tensor {
  const [images, channels, height, width] = shape as [number, number, number, number];
  const gradX = empty(gradY.device, shape);
  const strips = images * channels * height * Math.ceil(width / 4);
  const params = { strips, images, partImages: 0, channels, filters: (weight.shape[0] as number) / channels };
  gradY.device.run(
    depthwise_grad_x,
    { gradY: gradY.binding, weight: weight.binding, gradX: gradX.binding, ...params, ...windows },
    strideGroups(gradY.device, strips),
    { STRIDE_Y: windows.strideY, STRIDE_X: windows.strideX },
  );
  return gradX;
}

/** Invocations that fill an adapter: the images are cut into parts until there are so many. */
const INVOCATIONS = { software: 1024, gpu: 65536 };

/** The gradient of weight, of this shape, from dense gradY and x. */
export function runDepthwiseGradWeight(gradY: Tensor, x: Tensor, windows: Windows, shape: Shape): Tensor {
  const { device } = x;
  const [images, channels] = x.shape as [number, number];
  const wanted = INVOCATIONS[device.info.isSoftware ? "software" : "gpu"] / sizeOf(shape);
  const partImages = Math.max(1, Math.ceil(images / Math.ceil(wanted)));
  const parts = Math.max(1, Math.ceil(images / partImages));
  const sums = empty(device, [parts, ...shape]);
  const params = { strips: sums.size, images, partImages, channels, filters: (shape[0] as number) / channels };
  device.run(
    depthwise_grad_weight,
    { gradY: gradY.binding, x: x.binding, gradWeight: sums.binding, ...params, ...windows },
    strideGroups(device, sums.size),
  );
  const total = runReduce(sums, [0], "sum");
  sums.dispose();
  return total;
}
