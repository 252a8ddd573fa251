/** Norms that look at one sample at a time: the same in training and evaluation. */
import { anything, count, flag, numberIn, options as optionsOf, signature } from "../arguments.ts";
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { groupNorm, layerNorm } from "../ops/norm.ts";
import { type Shape, sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { rmsNorm } from "./functional.ts";
import { ones, zeros } from "./init.ts";
import { Module } from "./module.ts";
import { checkInput, normDims } from "./options.ts";
import { parameter } from "./parameter.ts";

export interface LayerNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Has a weight and a bias. Default true. */
  affine?: boolean;
  /** Has a bias beside the weight. Default true. */
  bias?: boolean;
}

export interface RMSNormOptions {
  /** Added to the mean square. Default the spacing of x's numbers at 1: 2^-23, of f16 2^-10. */
  eps?: number;
  /** Has a weight. Default true. */
  affine?: boolean;
}

// `normDims` checks the shape.
const checkLayerNorm = /* @__PURE__ */ signature("LayerNorm", () => ({
  normalizedShape: anything,
  options: optionsOf({ eps: numberIn(0), affine: flag, bias: flag }),
}));
const checkRmsNorm = /* @__PURE__ */ signature("RMSNorm", () => ({
  normalizedShape: anything,
  options: optionsOf({ eps: numberIn(0), affine: flag }),
}));
const checkGroupNorm = /* @__PURE__ */ signature("GroupNorm", () => ({
  numGroups: count,
  numChannels: count,
  options: optionsOf({ eps: numberIn(0), affine: flag }),
}));

function checkTail(layer: string, x: Tensor, dims: Shape): void {
  check(sameShape(x.shape.slice(Math.max(0, x.ndim - dims.length)), dims), ShapeError, () =>
    expected(layer, "x", `a shape that ends in [${dims}]`, x),
  );
}

/** Normalizes over the last dims, which must be `normalizedShape`. Ba, Kiros, Hinton 2016. */
export class LayerNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number;
  declare weight: Tensor | null;
  declare bias: Tensor | null;

  constructor(normalizedShape: number | Shape, options: LayerNormOptions = {}) {
    checkLayerNorm(arguments);
    const dims = normDims("LayerNorm", normalizedShape);
    const { eps = 1e-5, affine = true, bias = true } = options;
    super();
    this.normalizedShape = dims;
    this.eps = eps;
    this.registerParameter("weight", affine ? parameter(dims, ones()) : null);
    this.registerParameter("bias", affine && bias ? parameter(dims, zeros()) : null);
  }

  override get isInitTransparent(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
    checkInput("LayerNorm", arguments);
    const { normalizedShape, eps, weight, bias } = this;
    checkTail("LayerNorm", x, normalizedShape);
    return layerNorm([x, weight ?? undefined, bias ?? undefined], { normalizedShape, eps });
  }
}

/** Divides by the root mean square over the last dims, which must be `normalizedShape`. Zhang and Sennrich 2019. */
export class RMSNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number | undefined;
  declare weight: Tensor | null;

  constructor(normalizedShape: number | Shape, options: RMSNormOptions = {}) {
    checkRmsNorm(arguments);
    const dims = normDims("RMSNorm", normalizedShape);
    const { eps, affine = true } = options;
    super();
    this.normalizedShape = dims;
    this.eps = eps;
    this.registerParameter("weight", affine ? parameter(dims, ones()) : null);
  }

  override get isInitTransparent(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
    checkInput("RMSNorm", arguments);
    const { normalizedShape, eps, weight } = this;
    checkTail("RMSNorm", x, normalizedShape);
    return rmsNorm(x, normalizedShape, weight, eps);
  }
}

/** Normalizes each of `numGroups` groups of channels of x (N, C, ...). Wu and He 2018. */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  declare weight: Tensor | null;
  declare bias: Tensor | null;

  constructor(numGroups: number, numChannels: number, options: Omit<LayerNormOptions, "bias"> = {}) {
    checkGroupNorm(arguments);
    check(numChannels % numGroups === 0, ArgumentError, () =>
      expected("GroupNorm", "numGroups", `a divisor of numChannels ${numChannels}`, numGroups),
    );
    const { eps = 1e-5, affine = true } = options;
    super();
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.registerParameter("weight", affine ? parameter([numChannels], ones()) : null);
    this.registerParameter("bias", affine ? parameter([numChannels], zeros()) : null);
  }

  override get isInitTransparent(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
    checkInput("GroupNorm", arguments);
    const { numGroups: groups, numChannels, eps, weight, bias } = this;
    check(x.ndim >= 2 && x.shape[1] === numChannels, ShapeError, () =>
      expected("GroupNorm", "x", `a shape (N, ${numChannels}, ...)`, x),
    );
    return groupNorm([x, weight ?? undefined, bias ?? undefined], { groups, eps });
  }
}
