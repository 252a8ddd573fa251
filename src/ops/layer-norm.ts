/** Layer norm, RMS norm and group norm: each row is normalised by itself. */

import { AUTOCAST_F32 } from "../autograd/autocast.ts";
import { defineOp } from "../autograd/op.ts";
import type { BackwardContext, ForwardContext } from "../autograd/op-types.ts";
import { check, expected, ShapeError } from "../errors.ts";
import { rowLaunch, sliceRows, vectorized, workgroupSize } from "../gpu/launch-policy.ts";
import {
  column_parts,
  layer_norm,
  layer_norm_backward,
  layer_norm_backward_rows,
  layer_norm_backward_rows_vec4,
  layer_norm_backward_vec4,
  layer_norm_vec4,
} from "../gpu/shaders.generated.ts";
import { affineGradients } from "../kernels/norm/affine-gradients.ts";
import { contiguous } from "../tensor/copy.ts";
import { checkShape, type Shape, sameShape, sizeOf } from "../tensor/shape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { wantedAffine } from "./affine-slots.ts";
import { add, mul, sub } from "./binary.ts";
import { checkEps, checkFloat } from "./check-arguments.ts";
import { reshape } from "./movement.ts";
import { mean } from "./reduce.ts";
import { rsqrt, square } from "./unary.ts";

export interface RowNormAttrs {
  /** The last dims of x, over which each row is normalised; a number for one dim. */
  readonly normalizedShape: number | Shape;
  /** Added to the variance. Default 1e-5; RMS norm's 1.1920929e-7. */
  readonly eps?: number;
}

type NormInputs = readonly [x: Tensor, weight?: Tensor, bias?: Tensor];

interface RowNorm {
  readonly name: string;
  readonly RMS: boolean;
  readonly eps: number;
}

const LAYER: RowNorm = { name: "layerNorm", RMS: false, eps: 1e-5 };
const ROOT_MEAN_SQUARE: RowNorm = { name: "rmsNorm", RMS: true, eps: 2 ** -23 };

const dimsOf = ({ normalizedShape }: RowNormAttrs): Shape =>
  typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;

function checkRowNorm(kind: RowNorm, [x, weight, bias]: NormInputs, attrs: RowNormAttrs): void {
  const dims = dimsOf(attrs);
  checkShape(kind.name, dims, "normalizedShape");
  const tail = x.shape.slice(x.ndim - dims.length);
  check(dims.length > 0 && sameShape(tail, dims), ShapeError, () =>
    expected(kind.name, "x", `a shape that ends in normalizedShape [${dims}]`, x),
  );
  for (const [name, tensor] of Object.entries({ weight, bias })) {
    check(!tensor || sameShape(tensor.shape, dims), ShapeError, () =>
      expected(kind.name, name, `normalizedShape [${dims}]`, tensor),
    );
    checkFloat(kind.name, name, tensor);
  }
  checkFloat(kind.name, "x", x);
  checkEps(kind.name, attrs.eps ?? kind.eps);
}

function forward(kind: RowNorm, ctx: ForwardContext, inputs: NormInputs, attrs: RowNormAttrs): Tensor {
  checkRowNorm(kind, inputs, attrs);
  const [x, weight, bias] = inputs.map(
    (input) => input && ctx.disposeAfterForward(contiguous(input)),
  ) as unknown as NormInputs;
  const cols = sizeOf(dimsOf(attrs));
  const rows = cols === 0 ? 0 : x.size / cols;
  const y = empty(ctx.device, x.shape);
  const stats = ctx.disposeAfterForward(empty(ctx.device, [rows, 2]));
  const { shader, width } = vectorized(cols, layer_norm, layer_norm_vec4);
  const { groups, lanes } = rowLaunch(ctx.device, rows, cols / width);
  ctx.device.run(
    shader,
    {
      ...{ x: x.binding, weight: (weight ?? x).binding, bias: (bias ?? x).binding, y: y.binding, stats: stats.binding },
      ...{ rows, cols: cols / width, eps: attrs.eps ?? kind.eps },
    },
    groups,
    { ...lanes, HAS_WEIGHT: weight !== undefined, HAS_BIAS: bias !== undefined, RMS: kind.RMS },
  );
  ctx.save(x, stats, ...(weight ? [weight] : []));
  return y;
}

function backward(kind: RowNorm, ctx: BackwardContext<RowNormAttrs>, g: Tensor): (Tensor | undefined)[] {
  const { device } = ctx;
  const [x, stats, weight] = ctx.saved as [Tensor, Tensor, Tensor | undefined];
  const gradY = contiguous(g);
  const cols = sizeOf(dimsOf(ctx.attrs));
  const rows = cols === 0 ? 0 : x.size / cols;
  const HAS_WEIGHT = weight !== undefined;
  const { width } = vectorized(cols, 1, 4);
  const shared = { x: x.binding, weight: (weight ?? x).binding, gradY: gradY.binding, rows, cols: cols / width };
  const means = empty(device, [rows, 4]);
  const { groups, lanes } = rowLaunch(device, rows, cols / width);
  device.run(
    vectorized(cols, layer_norm_backward_rows, layer_norm_backward_rows_vec4).shader,
    { ...shared, stats: stats.binding, means: means.binding },
    groups,
    { ...lanes, HAS_WEIGHT, RMS: kind.RMS },
  );
  const GRAD_X = ctx.needsInputGrad[0] === true;
  const GRAD_PARAMS = ctx.needsInputGrad[1] === true || ctx.needsInputGrad[2] === true;
  const { slices, sliceRows: most } = sliceRows(device, rows, cols / width);
  const gradX = empty(device, GRAD_X ? x.shape : [1]);
  const parts = empty(device, GRAD_PARAMS ? [slices, 2, cols] : [1]);
  const WORKGROUP = workgroupSize(device);
  device.run(
    vectorized(cols, layer_norm_backward, layer_norm_backward_vec4).shader,
    { ...shared, means: means.binding, gradX: gradX.binding, parts: parts.binding, sliceRows: most },
    [Math.ceil(cols / width / WORKGROUP), slices, 1],
    { WORKGROUP, HAS_WEIGHT, GRAD_X, GRAD_PARAMS },
  );
  const params = GRAD_PARAMS ? paramGradients(ctx, parts, cols, slices) : [];
  return [GRAD_X ? gradX : undefined, ...params];
}

/** Adds up the slices' sums. The gradients have the shape of the parameters. */
function paramGradients(ctx: BackwardContext<RowNormAttrs>, parts: Tensor, cols: number, slices: number) {
  const { weight, bias, ...places } = affineGradients(ctx.device, wantedAffine(ctx), cols);
  ctx.device.run(column_parts, { parts: parts.binding, ...places, cols, slices }, Math.ceil(cols / 64), {
    WORKGROUP: 64,
  });
  const shape = dimsOf(ctx.attrs);
  return [weight, bias].map((one) => one && (sameShape(one.shape, shape) ? one : reshape(one, shape)));
}

function composed(kind: RowNorm, [x, weight, bias]: NormInputs, attrs: RowNormAttrs): Tensor {
  const dims = dimsOf(attrs).map((_, i) => -1 - i);
  const centred = kind.RMS ? x : sub(x, mean(x, dims, { keepdim: true }));
  const variance = mean(square(centred), dims, { keepdim: true });
  let y = mul(centred, rsqrt(add(variance, attrs.eps ?? kind.eps)));
  if (weight) y = mul(y, weight);
  return bias ? add(y, bias) : y;
}

const defineRowNorm = /* @__NO_SIDE_EFFECTS__ */ (kind: RowNorm) =>
  defineOp<RowNormAttrs>({
    name: kind.name,
    ...AUTOCAST_F32,
    forward: (ctx, inputs: NormInputs, attrs) => forward(kind, ctx, inputs, attrs),
    backward: (ctx, gradY: Tensor) => backward(kind, ctx, gradY),
    decomposition: (inputs: NormInputs, attrs) => composed(kind, inputs, attrs),
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
  let y = reshape(layerNorm([reshape(x, [batch * groups, size])], { normalizedShape: size, eps }), x.shape);
  const perChannel = [channels, ...inner.map(() => 1)];
  if (weight) y = mul(y, reshape(weight, perChannel));
  return bias ? add(y, reshape(bias, perChannel)) : y;
}
