import { check, checkKeys, checkNumber, expected, ShapeError } from "../errors.ts";
import { batchNorm } from "../ops/batch-norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ones, zeros } from "./init.ts";
import { Module } from "./module.ts";
import { checkCount, checkFlag } from "./options.ts";
import { buffer, parameter } from "./parameter.ts";

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Share of each batch in the running statistics; null averages over all batches equally. Default 0.1. */
  momentum?: number | null;
  /** Whether there are a weight and a bias. Default true. */
  affine?: boolean;
  /** Whether running statistics are kept; without them evaluation uses the batch's own. Default true. */
  trackRunningStats?: boolean;
}

/** Batch norm over the channels of x (N, C, ...). Ioffe and Szegedy 2015. */
abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  weight: Tensor | null;
  bias: Tensor | null;
  declare runningMean: Tensor | null;
  declare runningVar: Tensor | null;
  declare numBatchesTracked: Tensor | null;

  constructor(layer: string, numFeatures: number, options: BatchNormOptions) {
    checkCount(layer, "numFeatures", numFeatures);
    checkKeys(layer, options, ["eps", "momentum", "affine", "trackRunningStats"]);
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    checkNumber(layer, "eps", eps, 0);
    if (momentum !== null) checkNumber(layer, "momentum", momentum, 0, 1);
    checkFlag(layer, "affine", affine);
    checkFlag(layer, "trackRunningStats", trackRunningStats);
    super();
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? parameter([numFeatures], ones()) : null;
    this.bias = affine ? parameter([numFeatures], zeros()) : null;
    this.registerBuffer("runningMean", trackRunningStats ? buffer([numFeatures], 0) : null);
    this.registerBuffer("runningVar", trackRunningStats ? buffer([numFeatures], 1) : null);
    this.registerBuffer("numBatchesTracked", trackRunningStats ? buffer([], 0, "i32") : null);
  }

  /** What the layer's input must look like, for the error. */
  protected abstract accepts(ndim: number): string | undefined;

  override get isInitTransparent(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
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
    super("BatchNorm1d", numFeatures, options);
  }

  protected override accepts(ndim: number): string | undefined {
    return ndim === 2 || ndim === 3 ? undefined : "a shape (N, C) or (N, C, L)";
  }
}

/** Batch norm of x (N, C, H, W). */
export class BatchNorm2d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super("BatchNorm2d", numFeatures, options);
  }

  protected override accepts(ndim: number): string | undefined {
    return ndim === 4 ? undefined : "a shape (N, C, H, W)";
  }
}
