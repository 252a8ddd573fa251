/** Batch norm over (N, C, ...): every channel is normalised over the batch, or by running statistics. */

import { AUTOCAST_F32 } from "../autograd/autocast.ts";
import { defineOp } from "../autograd/op.ts";
import type { BackwardContext, ForwardContext } from "../autograd/op-types.ts";
import { ArgumentError, check, checkNumber, DtypeError, expected, ShapeError } from "../errors.ts";
import { channelLaunch, vectorized } from "../gpu/launch-policy.ts";
import {
  batch_norm_apply,
  batch_norm_apply_vec4,
  batch_norm_backward,
  batch_norm_backward_finish,
  batch_norm_backward_sums,
  batch_norm_backward_sums_vec4,
  batch_norm_backward_vec4,
  batch_norm_finish,
  batch_norm_stats,
  batch_norm_stats_vec4,
} from "../gpu/shaders.generated.ts";
import { affineGradients } from "../kernels/norm/affine-gradients.ts";
import { contiguous } from "../tensor/copy.ts";
import { type Shape, sameShape, sizeOf } from "../tensor/shape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { wantedAffine } from "./affine-slots.ts";
import { add, mul, sub } from "./binary.ts";
import { checkEps, checkFloat } from "./check-arguments.ts";
import { reshape } from "./movement.ts";
import { mean } from "./reduce.ts";
import { rsqrt, square } from "./unary.ts";

export interface BatchNormAttrs {
  /** (C), updated in place while training. Without them the batch's own statistics are used in evaluation too. */
  readonly runningMean?: Tensor;
  readonly runningVar?: Tensor;
  /** i32, (): counted up while training. */
  readonly numBatchesTracked?: Tensor;
  readonly training: boolean;
  /** Share of the new statistics in the running ones; null: the average over all batches. Default 0.1. */
  readonly momentum?: number | null;
  /** Default 1e-5. */
  readonly eps?: number;
}

type Inputs = readonly [x: Tensor, weight?: Tensor, bias?: Tensor];

const OP = "batchNorm";

/** x as (batch, channels, inner), channels (inner 1) or inner counted in Elements, and how its kernels run. */
function layoutOf(x: Tensor) {
  const [batch = 0, channels = 0, ...rest] = x.shape;
  const inner = sizeOf(rest);
  const planes = inner !== 1;
  const { width } = vectorized(planes ? inner : channels, 1, 4);
  const counted = planes ? { batch, channels, inner: inner / width } : { batch, channels: channels / width, inner };
  const { groups, lanes, slices, sliceBatch } = channelLaunch(x.device, counted, planes);
  const params = { ...counted, sliceBatch };
  return {
    channels,
    size: batch * inner,
    sliceSize: sliceBatch * inner,
    slices,
    params,
    groups,
    lanes,
    vec4: width === 4,
  };
}

const usesBatch = (attrs: BatchNormAttrs): boolean => attrs.training || !attrs.runningMean || !attrs.runningVar;
const tracks = (attrs: BatchNormAttrs): boolean => attrs.training && !usesBatch({ ...attrs, training: false });

function checkBatchNorm([x, weight, bias]: Inputs, attrs: BatchNormAttrs): void {
  check(x.ndim >= 2, ShapeError, () => expected(OP, "x", "a shape (N, C, ...)", x));
  checkFloat(OP, "x", x);
  const shape: Shape = [x.shape[1] as number];
  const { runningMean, runningVar, numBatchesTracked, momentum = 0.1 } = attrs;
  for (const [name, tensor] of Object.entries({ weight, bias, runningMean, runningVar })) {
    check(!tensor || sameShape(tensor.shape, shape), ShapeError, () => expected(OP, name, `shape [${shape}]`, tensor));
    checkFloat(OP, name, tensor);
  }
  checkEps(OP, attrs.eps ?? 1e-5);
  if (momentum !== null) checkNumber(OP, "momentum", momentum, 0, 1);
  const size = x.size / Math.max(x.shape[1] as number, 1);
  check(!usesBatch(attrs) || size > 1, ShapeError, () =>
    expected(OP, "x", "more than 1 value per channel when statistics are taken from the batch", x),
  );
  check(!tracks(attrs) || momentum !== null || numBatchesTracked, ArgumentError, () =>
    expected(OP, "numBatchesTracked", "a counter, since momentum is null", "none"),
  );
  check(!numBatchesTracked || numBatchesTracked.dtype === "i32", DtypeError, () =>
    expected(OP, "numBatchesTracked", "dtype i32", numBatchesTracked?.dtype),
  );
  for (const [name, tensor] of Object.entries({ runningMean, runningVar, numBatchesTracked })) {
    check(!tensor || tensor.isContiguous, ArgumentError, () =>
      expected(OP, name, "a contiguous tensor", "a strided view"),
    );
  }
}

/** (4, C): mean, 1 / std, scale and shift of every channel; updates the running statistics. */
function statistics(ctx: ForwardContext, [x, weight, bias]: Inputs, attrs: BatchNormAttrs): Tensor {
  const { device } = ctx;
  const { channels, size, sliceSize, slices, params, groups, lanes, vec4 } = layoutOf(x);
  const BATCH = usesBatch(attrs);
  const TRACK = tracks(attrs);
  const spare = (shape: Shape) => ctx.disposeAfterForward(empty(device, shape));
  const parts = BATCH ? spare([slices, 2, channels]) : x;
  if (BATCH) {
    const shader = vec4 ? batch_norm_stats_vec4 : batch_norm_stats;
    device.run(shader, { x: x.binding, parts: parts.binding, ...params }, groups, lanes);
  }
  const stats = spare([4, channels]);
  const runningMean = TRACK || !BATCH ? (attrs.runningMean as Tensor) : spare([1]);
  const runningVar = TRACK || !BATCH ? (attrs.runningVar as Tensor) : spare([1]);
  const { momentum = 0.1, eps = 1e-5 } = attrs;
  device.run(
    batch_norm_finish,
    {
      ...{ parts: parts.binding, weight: (weight ?? x).binding, bias: (bias ?? x).binding, stats: stats.binding },
      ...{ batches: (attrs.numBatchesTracked ?? x).binding },
      ...{ runningMean: runningMean.binding, runningVar: runningVar.binding },
      ...{ channels, slices, sliceSize, size, momentum: momentum ?? -1, eps },
    },
    Math.ceil(channels / 64),
    { HAS_WEIGHT: weight !== undefined, HAS_BIAS: bias !== undefined, BATCH, TRACK, WORKGROUP: 64 },
  );
  return stats;
}

function forward(ctx: ForwardContext, inputs: Inputs, attrs: BatchNormAttrs): Tensor {
  checkBatchNorm(inputs, attrs);
  const dense = inputs.map((input) => input && ctx.disposeAfterForward(contiguous(input))) as unknown as Inputs;
  const [x] = dense;
  const y = empty(ctx.device, x.shape);
  const stats = statistics(ctx, dense, attrs);
  const { params, groups, lanes, vec4 } = layoutOf(x);
  const COUNT = tracks(attrs) && attrs.numBatchesTracked !== undefined;
  const batches = COUNT ? (attrs.numBatchesTracked as Tensor) : ctx.disposeAfterForward(empty(ctx.device, [1], "i32"));
  ctx.device.run(
    vec4 ? batch_norm_apply_vec4 : batch_norm_apply,
    { x: x.binding, stats: stats.binding, y: y.binding, batches: batches.binding, ...params },
    groups,
    { ...lanes, COUNT },
  );
  ctx.save(x, stats);
  return y;
}

function backward(ctx: BackwardContext<BatchNormAttrs>, g: Tensor): (Tensor | undefined)[] {
  const { device } = ctx;
  const [x, stats] = ctx.saved as [Tensor, Tensor];
  const gradY = contiguous(g);
  const { channels, size, slices, params, groups, lanes, vec4 } = layoutOf(x);
  const BATCH = usesBatch(ctx.attrs);
  const shared = { x: x.binding, gradY: gradY.binding, stats: stats.binding };
  const parts = empty(device, [slices, 2, channels]);
  const corrections = empty(device, [2, channels]);
  const { weight, bias, ...places } = affineGradients(device, wantedAffine(ctx), channels);
  // Constant statistics and parameters need no sums.
  if (BATCH || ctx.needsInputGrad[1] || ctx.needsInputGrad[2]) {
    const shader = vec4 ? batch_norm_backward_sums_vec4 : batch_norm_backward_sums;
    device.run(shader, { ...shared, parts: parts.binding, ...params }, groups, lanes);
    device.run(
      batch_norm_backward_finish,
      {
        parts: parts.binding,
        stats: stats.binding,
        corrections: corrections.binding,
        ...places,
        channels,
        slices,
        size,
      },
      Math.ceil(channels / 64),
      { WORKGROUP: 64 },
    );
  }
  if (!ctx.needsInputGrad[0]) return [undefined, weight, bias];
  const gradX = empty(device, x.shape);
  device.run(
    vec4 ? batch_norm_backward_vec4 : batch_norm_backward,
    { ...shared, corrections: corrections.binding, gradX: gradX.binding, ...params },
    groups,
    { ...lanes, BATCH },
  );
  return [gradX, weight, bias];
}

/** Without the update of the running statistics: differentiating again must not count a batch twice. */
function composed([x, weight, bias]: Inputs, attrs: BatchNormAttrs): Tensor {
  const perChannel = x.shape.map((dim, i) => (i === 1 ? dim : 1));
  const dims = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
  const batch = usesBatch(attrs);
  const centre = batch ? mean(x, dims, { keepdim: true }) : reshape(attrs.runningMean as Tensor, perChannel);
  const centred = sub(x, centre);
  const variance = batch
    ? mean(square(centred), dims, { keepdim: true })
    : reshape(attrs.runningVar as Tensor, perChannel);
  let y = mul(centred, rsqrt(add(variance, attrs.eps ?? 1e-5)));
  if (weight) y = mul(y, reshape(weight, perChannel));
  return bias ? add(y, reshape(bias, perChannel)) : y;
}

/**
 * `y = (x - mean) / sqrt(var + eps) * weight + bias` per channel of x (N, C, ...); weight, bias (C). In training mean and
 * biased variance are the batch's, and the running ones move towards them (the variance unbiased). Ioffe and Szegedy 2015.
 */
export const batchNorm = defineOp<BatchNormAttrs>({
  name: OP,
  ...AUTOCAST_F32,
  forward,
  backward,
  decomposition: composed,
});
