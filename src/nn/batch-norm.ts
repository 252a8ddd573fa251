import { count, flag, numberIn, options as optionsOf, orNull, probability, signature } from "../arguments.ts";
import { check, expected, ShapeError } from "../errors.ts";
import { batchNorm } from "../ops/norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ones, zeros } from "./init.ts";
import { Module } from "./module.ts";
import { checkInput } from "./options.ts";
import { buffer, parameter } from "./parameter.ts";

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Share of each batch in the running statistics; null averages over all batches equally. Default 0.1. */
  momentum?: number | null;
  /** Has a weight and a bias. Default true. */
  affine?: boolean;
  /** Keeps running statistics; without them evaluation uses the batch's own. Default true. */
  trackRunningStats?: boolean;
}

const parameters = {
  numFeatures: count,
  options: /* @__PURE__ */ optionsOf({
    eps: /* @__PURE__ */ numberIn(0),
    momentum: /* @__PURE__ */ orNull(probability),
    affine: flag,
    trackRunningStats: flag,
  }),
};
const check1d = /* @__PURE__ */ signature("BatchNorm1d", () => parameters);
const check2d = /* @__PURE__ */ signature("BatchNorm2d", () => parameters);

/** Batch norm over the channels of x (N, C, ...). Ioffe and Szegedy 2015. */
abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  declare weight: Tensor | null;
  declare bias: Tensor | null;
  declare runningMean: Tensor | null;
  declare runningVar: Tensor | null;
  declare numBatchesTracked: Tensor | null;

  constructor(numFeatures: number, options: BatchNormOptions) {
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    super();
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.registerParameter("weight", affine ? parameter([numFeatures], ones()) : null);
    this.registerParameter("bias", affine ? parameter([numFeatures], zeros()) : null);
    this.registerBuffer("runningMean", trackRunningStats ? buffer([numFeatures], 0) : null);
    this.registerBuffer("runningVar", trackRunningStats ? buffer([numFeatures], 1) : null);
    this.registerBuffer("numBatchesTracked", trackRunningStats ? buffer([], 0, "i32") : null);
  }

  /** Description of the expected input, for the error. */
  protected abstract accepts(ndim: number): string | undefined;

  override get isInitTransparent(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
    checkInput(this.constructor.name, arguments);
    const wanted =
      this.accepts(x.ndim) ?? (x.shape[1] === this.numFeatures ? undefined : `${this.numFeatures} channels`);
    check(wanted === undefined, ShapeError, () => expected(this.constructor.name, "x", wanted as string, x));
    const { weight, bias, runningMean, runningVar, numBatchesTracked, training, momentum, eps } = this;
    const statistics = runningMean && runningVar && { runningMean, runningVar };
    const counter = numBatchesTracked && { numBatchesTracked };
    const attrs = { ...statistics, ...counter, training, momentum, eps };
    return batchNorm([x, weight ?? undefined, bias ?? undefined], attrs);
  }
}

/** Batch norm of x (N, C) or (N, C, L). Running statistics move in training only, with the unbiased variance. */
export class BatchNorm1d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    check1d(arguments);
    super(numFeatures, options);
  }

  protected override accepts(ndim: number): string | undefined {
    return ndim === 2 || ndim === 3 ? undefined : "a shape (N, C) or (N, C, L)";
  }
}

/** Batch norm of x (N, C, H, W). */
export class BatchNorm2d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    check2d(arguments);
    super(numFeatures, options);
  }

  protected override accepts(ndim: number): string | undefined {
    return ndim === 4 ? undefined : "a shape (N, C, H, W)";
  }
}
