/** Parameters and buffers of layers, which no scope frees. */

import { currentDevice } from "../gpu/default-device.ts";
import { runtimeOf } from "../gpu/device.ts";
import { fill } from "../tensor/copy.ts";
import { keep } from "../tensor/scope.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Dtype } from "../tensor/storage.ts";
import { asLeaf, empty, type Tensor } from "../tensor/tensor.ts";

/** A parameter, filled by `draw`. */
export function parameter(shape: Shape, draw: (tensor: Tensor) => void): Tensor {
  const tensor = keep(empty(openDevice(), [...shape]));
  draw(tensor);
  return asLeaf(tensor);
}

/** A buffer of one value. */
export function buffer(shape: Shape, value: number, dtype: Dtype = "f32"): Tensor {
  const tensor = keep(empty(openDevice(), [...shape], dtype));
  fill(tensor, value);
  return tensor;
}

function openDevice() {
  const device = currentDevice();
  runtimeOf(device).assertOpen("nn");
  return device;
}
