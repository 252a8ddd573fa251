/** Pooling layers over windows of images x (N, C, H, W). */
import { options as optionsOf, signature } from "../arguments.ts";
import { avgPool2d, maxPool2d, type Pair, pairOf } from "../ops/pool.ts";
import { pair } from "../tensor/arguments.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";
import { checkInput } from "./options.ts";

export interface PoolLayerOptions {
  /** Distance of neighboring windows. Default: the kernel's size. */
  stride?: Pair;
  /** Padding around the image, at most half the kernel's size. Default 0. */
  padding?: Pair;
}

const parameters = { kernelSize: pair, options: /* @__PURE__ */ optionsOf({ stride: pair, padding: pair }) };
const checkMax = /* @__PURE__ */ signature("MaxPool2d", () => parameters);
const checkAvg = /* @__PURE__ */ signature("AvgPool2d", () => parameters);

abstract class Pool extends Module {
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];

  constructor(layer: string, kernelSize: Pair, options: PoolLayerOptions) {
    const kernel = pairOf(layer, "kernelSize", kernelSize, 1);
    const stride = pairOf(layer, "stride", options.stride ?? kernel, 1);
    const padding = pairOf(layer, "padding", options.padding ?? 0, 0);
    super();
    this.kernelSize = kernel;
    this.stride = stride;
    this.padding = padding;
  }
}

/** The largest value of each window. Padding is never chosen. */
export class MaxPool2d extends Pool {
  constructor(kernelSize: Pair, options: PoolLayerOptions = {}) {
    checkMax(arguments);
    super("MaxPool2d", kernelSize, options);
  }

  override get isInitTransparent(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
    checkInput("MaxPool2d", arguments);
    return maxPool2d(x, this.kernelSize, { stride: this.stride, padding: this.padding });
  }
}

/** The mean of each window, zeros of the padding included. */
export class AvgPool2d extends Pool {
  constructor(kernelSize: Pair, options: PoolLayerOptions = {}) {
    checkAvg(arguments);
    super("AvgPool2d", kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    checkInput("AvgPool2d", arguments);
    return avgPool2d(x, this.kernelSize, { stride: this.stride, padding: this.padding });
  }
}
