/** Normalization: layer norm, RMS norm and group norm of rows by themselves, batch norm of channels over the batch. */
import { defineOp } from "../autograd/op.ts";
import type { BackwardContext, ForwardContext, SavedTensors } from "../autograd/op-types.ts";
import { ArgumentError, check, checkNumber, DtypeError, expected, ShapeError } from "../errors.ts";
import type { WantedGradients } from "../kernels/norm/affine-gradients.ts";
import { type BatchNormParams, runBatchNorm, runBatchNormBackward } from "../kernels/norm/batch-norm.ts";
import { runLayerNorm, runLayerNormBackward } from "../kernels/norm/layer-norm.ts";
import { checkFloat } from "../tensor/arguments.ts";
import { contiguous } from "../tensor/copy.ts";
import { checkShape, type Shape, sameShape, sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { add, mul, sub } from "./binary.ts";
import { reshape } from "./movement.ts";
import { mean } from "./reduce.ts";
import { rsqrt, square } from "./unary.ts";

type NormInputs = readonly [x: Tensor, weight?: Tensor, bias?: Tensor];

/** The inputs, contiguous; copies are freed after forward. */
function denseInputs(ctx: Pick<ForwardContext, "disposeAfterForward">, [x, weight, bias]: NormInputs): NormInputs {
  const dense = (input: Tensor) => ctx.disposeAfterForward(contiguous(input));
  return [dense(x), weight && dense(weight), bias && dense(bias)];
}

/** Returns which of the gradients of weight and bias are computed, and where. */
function wantedAffine(ctx: BackwardContext<object, SavedTensors>): WantedGradients {
  const [, weight = false, bias = false] = ctx.needsInputGrad;
  return {
    weight,
    bias,
    weightSlot: weight ? ctx.gradSlot(1) : undefined,
    biasSlot: bias ? ctx.gradSlot(2) : undefined,
  };
}

export interface RowNormAttrs {
  /** The last dims of x, over which each row is normalized; a number for one dim. */
  readonly normalizedShape: number | Shape;
  /** Added to the variance. Default 1e-5; RMS norm's 1.1920929e-7. */
  readonly eps?: number;
}

interface RowNorm {
  readonly name: string;
  readonly rms: boolean;
  readonly eps: number;
}

const LAYER: RowNorm = { name: "layerNorm", rms: false, eps: 1e-5 };
const ROOT_MEAN_SQUARE: RowNorm = { name: "rmsNorm", rms: true, eps: 2 ** -23 };

const dimsOf = ({ normalizedShape }: RowNormAttrs): Shape =>
  typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;

function checkRowNorm({ name, eps }: RowNorm, [x, weight, bias]: NormInputs, attrs: RowNormAttrs): void {
  const dims = dimsOf(attrs);
  checkShape(name, dims, "normalizedShape");
  const tail = x.shape.slice(x.ndim - dims.length);
  check(dims.length > 0 && sameShape(tail, dims), ShapeError, () =>
    expected(name, "x", `a shape that ends in normalizedShape [${dims}]`, x),
  );
  for (const [argument, tensor] of Object.entries({ weight, bias })) {
    check(!tensor || sameShape(tensor.shape, dims), ShapeError, () =>
      expected(name, argument, `normalizedShape [${dims}]`, tensor),
    );
    checkFloat(name, argument, tensor);
  }
  checkFloat(name, "x", x);
  checkNumber(name, "eps", attrs.eps ?? eps, 0);
}

const defineRowNorm = /* @__NO_SIDE_EFFECTS__ */ (kind: RowNorm) =>
  defineOp<RowNormAttrs, Tensor, [x: Tensor, stats: Tensor, weight?: Tensor]>({
    name: kind.name,
    computeDtype: "f32",
    autocast: "f32",
    forward(ctx, inputs: NormInputs, attrs) {
      checkRowNorm(kind, inputs, attrs);
      const [x, weight, bias] = denseInputs(ctx, inputs);
      const params = { cols: sizeOf(dimsOf(attrs)), eps: attrs.eps ?? kind.eps, rms: kind.rms };
      const { y, stats } = runLayerNorm([x, weight, bias], params);
      ctx.disposeAfterForward(stats);
      if (weight) ctx.save(x, stats, weight);
      else ctx.save(x, stats);
      return y;
    },
    backward(ctx, gradY: Tensor) {
      const [x, stats, weight] = ctx.saved;
      const shape = dimsOf(ctx.attrs);
      const [needsGradX = false] = ctx.needsInputGrad;
      const params = { cols: sizeOf(shape), rms: kind.rms, needsGradX, wanted: wantedAffine(ctx) };
      const grads = runLayerNormBackward({ x, stats, weight }, gradY, params);
      const shaped = (grad: Tensor) => (sameShape(grad.shape, shape) ? grad : reshape(grad, shape));
      return [grads.x, grads.weight && shaped(grads.weight), grads.bias && shaped(grads.bias)];
    },
    decomposition([x, weight, bias]: NormInputs, attrs) {
      const dims = dimsOf(attrs).map((_, i) => -1 - i);
      const centered = kind.rms ? x : sub(x, mean(x, dims, { keepdim: true }));
      const variance = mean(square(centered), dims, { keepdim: true });
      let y = mul(centered, rsqrt(add(variance, attrs.eps ?? kind.eps)));
      if (weight) y = mul(y, weight);
      return bias ? add(y, bias) : y;
    },
  });

/** `y = (x - mean) / sqrt(var + eps) * weight + bias` over the last dims. Ba, Kiros, Hinton 2016. weight, bias like those dims. */
export const layerNorm = defineRowNorm(LAYER);

/** `y = x / sqrt(mean(x^2) + eps) * weight` over the last dims. Zhang and Sennrich 2019. */
export const rmsNorm = defineRowNorm(ROOT_MEAN_SQUARE);

/** Layer norm over each of `groups` groups of channels of x (N, C, ...); weight, bias (C). Wu and He 2018. */
export function groupNorm(
  [x, weight, bias]: NormInputs,
  { groups, eps = 1e-5 }: { groups: number; eps?: number },
): Tensor {
  const [batch = 0, channels = 0, ...inner] = x.shape;
  check(x.ndim >= 2, ShapeError, () => expected("groupNorm", "x", "a shape (N, C, ...)", x));
  check(Number.isInteger(groups) && groups > 0 && channels % groups === 0, ShapeError, () =>
    expected("groupNorm", "groups", `a divisor of ${channels} channels`, groups),
  );
  for (const [name, tensor] of Object.entries({ weight, bias })) {
    check(!tensor || sameShape(tensor.shape, [channels]), ShapeError, () =>
      expected("groupNorm", name, `shape [${channels}]`, tensor),
    );
  }
  const size = (channels / groups) * sizeOf(inner);
  const y = reshape(layerNorm([reshape(x, [batch * groups, size])], { normalizedShape: size, eps }), x.shape);
  return scaleAndShift(y, weight, bias);
}

/** `y * weight + bias` per channel of y (N, C, ...). */
function scaleAndShift(y: Tensor, weight: Tensor | undefined, bias: Tensor | undefined): Tensor {
  const perChannel = [...y.shape.slice(1, 2), ...y.shape.slice(2).map(() => 1)];
  const scaled = weight ? mul(y, reshape(weight, perChannel)) : y;
  return bias ? add(scaled, reshape(bias, perChannel)) : scaled;
}

export interface BatchNormAttrs {
  /** (C), updated in place while training. Without them the batch's own statistics are used in evaluation too. */
  readonly runningMean?: Tensor;
  readonly runningVar?: Tensor;
  /** i32, (): incremented while training. */
  readonly numBatchesTracked?: Tensor;
  readonly training: boolean;
  /** Share of the new statistics in the running ones; null: the average over all batches. Default 0.1. */
  readonly momentum?: number | null;
  /** Default 1e-5. */
  readonly eps?: number;
}

const BATCH_NORM = "batchNorm";

/** The attributes with defaults, and what follows from them. */
function batchNormParams(attrs: BatchNormAttrs): BatchNormParams {
  const { runningMean, runningVar, numBatchesTracked, training, momentum = 0.1, eps = 1e-5 } = attrs;
  const running = runningMean && runningVar ? { mean: runningMean, variance: runningVar } : undefined;
  const tracks = training && running !== undefined;
  return { running, numBatchesTracked, usesBatch: training || !running, tracks, momentum, eps };
}

function checkBatchNorm([x, weight, bias]: NormInputs, attrs: BatchNormAttrs): void {
  check(x.ndim >= 2, ShapeError, () => expected(BATCH_NORM, "x", "a shape (N, C, ...)", x));
  checkFloat(BATCH_NORM, "x", x);
  const [, channels = 0] = x.shape;
  const { runningMean, runningVar } = attrs;
  for (const [name, tensor] of Object.entries({ weight, bias, runningMean, runningVar })) {
    check(!tensor || sameShape(tensor.shape, [channels]), ShapeError, () =>
      expected(BATCH_NORM, name, `shape [${channels}]`, tensor),
    );
    checkFloat(BATCH_NORM, name, tensor);
  }
  const params = batchNormParams(attrs);
  checkNumber(BATCH_NORM, "eps", params.eps, 0);
  if (params.momentum !== null) checkNumber(BATCH_NORM, "momentum", params.momentum, 0, 1);
  check(!params.usesBatch || x.size / Math.max(channels, 1) > 1, ShapeError, () =>
    expected(BATCH_NORM, "x", "more than 1 value per channel when statistics are taken from the batch", x),
  );
  checkRunning(attrs, params);
}

function checkRunning(attrs: BatchNormAttrs, { tracks, momentum }: BatchNormParams): void {
  const { runningMean, runningVar, numBatchesTracked } = attrs;
  check(!tracks || momentum !== null || numBatchesTracked, ArgumentError, () =>
    expected(BATCH_NORM, "numBatchesTracked", "a counter, since momentum is null", "none"),
  );
  check(!numBatchesTracked || numBatchesTracked.dtype === "i32", DtypeError, () =>
    expected(BATCH_NORM, "numBatchesTracked", "dtype i32", numBatchesTracked?.dtype),
  );
  for (const [name, tensor] of Object.entries({ runningMean, runningVar, numBatchesTracked })) {
    check(!tensor || tensor.isContiguous, ArgumentError, () =>
      expected(BATCH_NORM, name, "a contiguous tensor", "a strided view"),
    );
  }
}

/**
 * `y = (x - mean) / sqrt(var + eps) * weight + bias` per channel of x (N, C, ...); weight, bias (C). In training mean and
 * biased variance are the batch's, and the running ones move towards them (the variance unbiased). Ioffe and Szegedy 2015.
 */
export const batchNorm = defineOp<BatchNormAttrs, Tensor, [x: Tensor, stats: Tensor]>({
  name: BATCH_NORM,
  computeDtype: "f32",
  autocast: "f32",
  forward(ctx, inputs: NormInputs, attrs) {
    checkBatchNorm(inputs, attrs);
    const dense = denseInputs(ctx, inputs);
    const { y, stats } = runBatchNorm(dense, batchNormParams(attrs));
    ctx.save(dense[0], ctx.disposeAfterForward(stats));
    return y;
  },
  backward(ctx, gradY: Tensor) {
    const [x, stats] = ctx.saved;
    const [needsGradX = false] = ctx.needsInputGrad;
    const { usesBatch } = batchNormParams(ctx.attrs);
    const grads = runBatchNormBackward({ x, stats }, gradY, { usesBatch, needsGradX, wanted: wantedAffine(ctx) });
    return [grads.x, grads.weight, grads.bias];
  },
  /** Leaves the running statistics alone: differentiating again must not count a batch twice. */
  decomposition([x, weight, bias]: NormInputs, attrs) {
    const { running, usesBatch, eps } = batchNormParams(attrs);
    const used = usesBatch ? undefined : running;
    const perChannel = x.shape.map((dim, i) => (i === 1 ? dim : 1));
    const dims = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
    const center = used ? reshape(used.mean, perChannel) : mean(x, dims, { keepdim: true });
    const centered = sub(x, center);
    const variance = used ? reshape(used.variance, perChannel) : mean(square(centered), dims, { keepdim: true });
    return scaleAndShift(mul(centered, rsqrt(add(variance, eps))), weight, bias);
  },
});
