import { count, flag, options as optionsOf, signature } from "../arguments.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import { conv2d, type Padding, paddingOf } from "../ops/conv.ts";
import { type Pair, pairOf } from "../ops/pool.ts";
import { pair, windowPadding } from "../tensor/arguments.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { drawDefault } from "./default-weight.ts";
import { type Initializer, zeros } from "./init.ts";
import { Module } from "./module.ts";
import { checkInput, initializer } from "./options.ts";
import { parameter } from "./parameter.ts";

export interface Conv2dLayerOptions {
  /** Distance of neighboring windows. Default 1. */
  stride?: Pair;
  /** Zeros around the image; `"same"`: as many as give a result of the input's size, for stride 1; `"valid"`: none. Default 0. */
  padding?: Padding;
  /** Distance of neighboring taps. Default 1. */
  dilation?: Pair;
  /** Splits channels: each group of outputs sees its own group of inputs. Default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** Default: He normal before activations of the ReLU family, Xavier uniform otherwise. */
  weightInit?: Initializer;
}

const checkArguments = /* @__PURE__ */ signature("Conv2d", () => ({
  inChannels: count,
  outChannels: count,
  kernelSize: pair,
  options: optionsOf({
    stride: pair,
    padding: windowPadding,
    dilation: pair,
    groups: count,
    bias: flag,
    weightInit: initializer,
  }),
}));

/**
 * Cross-correlation of x (N, inChannels, H, W) or (inChannels, H, W) with `weight` (outChannels, inChannels / groups, kH, kW), plus `bias`
 * (outChannels), zero at first. A number stands for both directions, a pair is [vertical, horizontal].
 */
export class Conv2d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number] | "same";
  readonly dilation: readonly [number, number];
  readonly groups: number;
  declare weight: Tensor;
  declare bias: Tensor | null;

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dLayerOptions = {}) {
    checkArguments(arguments);
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true } = options;
    const { weightInit = (weight: Tensor) => drawDefault(weight, undefined) } = options;
    const kernel = pairOf("Conv2d", "kernelSize", kernelSize, 1);
    const pairs = {
      stride: pairOf("Conv2d", "stride", stride, 1),
      padding: paddingOf("Conv2d", padding, stride),
      dilation: pairOf("Conv2d", "dilation", dilation, 1),
    };
    check(inChannels % groups === 0 && outChannels % groups === 0, ArgumentError, () =>
      expected("Conv2d", "groups", `a divisor of ${inChannels} input and ${outChannels} output channels`, groups),
    );
    super();
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = kernel;
    this.stride = pairs.stride;
    this.padding = pairs.padding;
    this.dilation = pairs.dilation;
    this.groups = groups;
    this.registerParameter("weight", parameter([outChannels, inChannels / groups, ...kernel], weightInit));
    this.registerParameter("bias", bias ? parameter([outChannels], zeros()) : null);
  }

  override forward(x: Tensor): Tensor {
    checkInput("Conv2d", arguments);
    const { stride, padding, dilation, groups } = this;
    return conv2d(x, this.weight, this.bias ?? undefined, { stride, padding, dilation, groups });
  }
}
