/** Two-dimensional convolution (cross-correlation) as matrix products over columns of windows. */

import { AUTOCAST_MATMUL, withComputePrecision } from "../autograd/autocast.ts";
import { noGrad } from "../autograd/modes.ts";
import { defineOp } from "../autograd/op.ts";
import type { BackwardContext } from "../autograd/op-types.ts";
import { ArgumentError, check, checkKeys, DtypeError, expected, ShapeError } from "../errors.ts";
import { isDepthwise, runDepthwise, runDepthwiseGradWeight, runDepthwiseGradX } from "../kernels/conv/depthwise.ts";
import type { Windows } from "../kernels/conv/windows.ts";
import { isFloat } from "../kernels/promotion.ts";
import { addInPlace, contiguous } from "../tensor/copy.ts";
import { scope } from "../tensor/scope.ts";
import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { add } from "./binary.ts";
import { cat, pad } from "./cat-split.ts";
import { matmul } from "./matmul.ts";
import { narrow, reshape, transpose } from "./movement.ts";
import { sum } from "./reduce.ts";
import {
  columnsToImage,
  imageToColumns,
  isWhole,
  onImages,
  type Pair,
  pairOf,
  type WindowOptions,
  windowsOn,
} from "./sliding-window.ts";

/** Zeros around the image; `"same"`: so many that y is as large as x, for stride 1; `"valid"`: none. */
export type Padding = Pair | "same" | "valid";

export interface Conv2dOptions extends Omit<WindowOptions, "padding"> {
  /** Default 0. */
  padding?: Padding;
  /** Splits channels: each group of outputs sees its own group of inputs. Default 1. */
  groups?: number;
}

interface ConvAttrs {
  readonly windows: Windows;
  readonly groups: number;
}

/** Elements of columns made at once: the windows of a large batch would not fit into one buffer. */
const MOST_COLUMNS = 2 ** 24;

/** The columns of images x (N, C, H, W) as (N, groups, taps of a group, windows). */
function columnsOf(x: Tensor, { windows, groups }: ConvAttrs): Tensor {
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  if (isWhole(windows)) return reshape(x, [n, groups, channels / groups, height * width]);
  const columns = imageToColumns([reshape(x, [n * channels, height, width])], windows);
  const [, taps, places] = columns.shape as [number, number, number];
  return reshape(columns, [n, groups, (channels / groups) * taps, places]);
}

/** The adjoint of `columnsOf`. */
function imagesOf(columns: Tensor, { windows }: ConvAttrs, shape: readonly number[]): Tensor {
  if (isWhole(windows)) return reshape(columns, shape);
  const images = (shape[0] as number) * (shape[1] as number);
  const taps = windows.kernelHeight * windows.kernelWidth;
  return reshape(
    columnsToImage([reshape(columns, [images, taps, windows.outHeight * windows.outWidth])], windows),
    shape,
  );
}

/** weight (O, C / groups, kH, kW) as (groups, O / groups, taps). */
const weightMatrix = (weight: Tensor, groups: number): Tensor =>
  reshape(weight, [groups, (weight.shape[0] as number) / groups, sizeOf(weight.shape.slice(1))]);

/** y (N, O, outH, outW) of these images, in differentiable operations. */
function convolve(x: Tensor, weight: Tensor, attrs: ConvAttrs): Tensor {
  const { outHeight, outWidth } = attrs.windows;
  const y = matmul(weightMatrix(weight, attrs.groups), columnsOf(x, attrs));
  return reshape(y, [x.shape[0] as number, weight.shape[0] as number, outHeight, outWidth]);
}

/** Parts of the batch, each as [first image, number of images], whose columns fit. */
function partsOf(x: Tensor, { windows }: ConvAttrs): [number, number][] {
  const [n, channels] = x.shape as [number, number];
  const taps = windows.kernelHeight * windows.kernelWidth;
  const each = channels * taps * windows.outHeight * windows.outWidth;
  const most = isWhole(windows) ? n : Math.max(1, Math.floor(MOST_COLUMNS / Math.max(1, each)));
  const parts: [number, number][] = [];
  for (let first = 0; first < n; first += most) parts.push([first, Math.min(most, n - first)]);
  return parts.length > 0 ? parts : [[0, 0]];
}

const convOp = defineOp<ConvAttrs>({
  name: "conv2d",
  ...AUTOCAST_MATMUL,
  bilinear: true,
  forward(ctx, [x, weight]: [Tensor, Tensor], attrs) {
    ctx.save(x, weight);
    if (isDepthwise(x, weight, attrs.groups)) {
      return runDepthwise(
        ctx.disposeAfterForward(contiguous(x)),
        ctx.disposeAfterForward(contiguous(weight)),
        attrs.windows,
      );
    }
    return noGrad(() =>
      scope(() => joined(partsOf(x, attrs).map(([first, n]) => convolve(narrow(x, 0, first, n), weight, attrs)))),
    );
  },
  backward(ctx, g: Tensor) {
    const [x, weight] = ctx.saved as [Tensor, Tensor];
    return [
      ctx.needsInputGrad[0] ? gradientOfImages(ctx, g, x, weight) : undefined,
      ctx.needsInputGrad[1] ? gradientOfWeight(ctx, g, x, weight) : undefined,
    ];
  },
  decomposition: ([x, weight]: [Tensor, Tensor], attrs) => convolve(x, weight, attrs),
});

const joined = (parts: readonly Tensor[]): Tensor => (parts.length === 1 ? (parts[0] as Tensor) : cat(parts, 0));

/** gY of some images as (N, groups, O / groups, windows). */
function gradientMatrix(g: Tensor, first: number, n: number, { groups }: ConvAttrs): Tensor {
  const [, outputs, height, width] = g.shape as [number, number, number, number];
  return reshape(narrow(g, 0, first, n), [n, groups, outputs / groups, height * width]);
}

function gradientOfImages(ctx: BackwardContext<ConvAttrs>, g: Tensor, x: Tensor, weight: Tensor): Tensor {
  const { windows, groups } = ctx.attrs;
  if (isDepthwise(x, weight, groups))
    return scope(() => runDepthwiseGradX(contiguous(g), contiguous(weight), windows, x.shape));
  const matrix = transpose(weightMatrix(weight, ctx.attrs.groups), 1, 2);
  const parts = partsOf(x, ctx.attrs).map(([first, n]) =>
    scope(() => {
      const columns = matmul(matrix, gradientMatrix(g, first, n, ctx.attrs));
      return imagesOf(columns, ctx.attrs, [n, ...x.shape.slice(1)]);
    }),
  );
  return joined(parts);
}

function gradientOfWeight(ctx: BackwardContext<ConvAttrs>, g: Tensor, x: Tensor, weight: Tensor): Tensor {
  const { windows, groups } = ctx.attrs;
  if (isDepthwise(x, weight, groups))
    return scope(() => runDepthwiseGradWeight(contiguous(g), contiguous(x), windows, weight.shape));
  let total: Tensor | undefined;
  for (const [first, n] of partsOf(x, ctx.attrs)) {
    const part = scope(() => {
      const columns = transpose(columnsOf(narrow(x, 0, first, n), ctx.attrs), 2, 3);
      return reshape(sum(matmul(gradientMatrix(g, first, n, ctx.attrs), columns), 0), weight.shape);
    });
    if (total) addInPlace(total, part);
    total ??= part;
  }
  return total as Tensor;
}

/**
 * Cross-correlation of x (N, C, H, W) or (C, H, W) with weight (O, C / groups, kH, kW), plus bias (O): y (N, O, outH, outW)
 * with outH = floor((H + 2 padding - dilation (kH - 1) - 1) / stride) + 1.
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor, options: Conv2dOptions = {}): Tensor {
  checkKeys("conv2d", options, ["stride", "padding", "dilation", "groups"]);
  for (const [argument, one] of Object.entries({ x, weight })) {
    check(one instanceof Tensor && isFloat(one.dtype), DtypeError, () =>
      expected("conv2d", argument, "a float tensor", one?.dtype ?? one),
    );
  }
  check(weight.ndim === 4, ShapeError, () => expected("conv2d", "weight", "4 dims (O, C / groups, kH, kW)", weight));
  return onImages("conv2d", x, (images) => convImages(images, weight, bias, options));
}

function convImages(images: Tensor, weight: Tensor, bias: Tensor | undefined, options: Conv2dOptions): Tensor {
  const kernel = weight.shape.slice(2) as unknown as readonly [number, number];
  const { x, padding } = paddedBy(images, kernel, options);
  const windows = windowsOn("conv2d", x, kernel, { ...options, padding });
  const groups = checkGroups(x, weight, options.groups ?? 1);
  const outputs = weight.shape[0] as number;
  check(!bias || (bias.ndim === 1 && bias.size === outputs), ShapeError, () =>
    expected("conv2d", "bias", `shape [${outputs}]`, bias),
  );
  const y = convOp([x, weight], { windows, groups });
  if (!bias) return y;
  return withComputePrecision(AUTOCAST_MATMUL, [y, bias], ([sums, offset]) =>
    add(sums as Tensor, reshape(offset as Tensor, [outputs, 1, 1])),
  );
}

/** The padding in numbers, checked, but for "same", which is for stride 1. */
export function paddingOf(op: string, padding: Padding, stride: Pair): readonly [number, number] | "same" {
  if (padding === "same") {
    const isOne = pairOf(op, "stride", stride, 1).every((one) => one === 1);
    check(isOne, ArgumentError, () => expected(op, "stride", "1 with padding 'same'", stride));
    return padding;
  }
  check(typeof padding !== "string" || padding === "valid", ArgumentError, () =>
    expected(op, "padding", "a whole number >= 0, a pair of them, 'same' or 'valid'", padding),
  );
  return pairOf(op, "padding", padding === "valid" ? 0 : padding, 0);
}

/** The padding in numbers. Where "same" is odd, x has its last row or column of zeros already, as in PyTorch. */
function paddedBy(x: Tensor, kernel: readonly [number, number], options: Conv2dOptions): { x: Tensor; padding: Pair } {
  const { stride = 1, dilation = 1 } = options;
  const padding = paddingOf("conv2d", options.padding ?? 0, stride);
  if (padding !== "same") return { x, padding };
  const apart = pairOf("conv2d", "dilation", dilation, 1);
  const [tall, wide] = [apart[0] * (kernel[0] - 1), apart[1] * (kernel[1] - 1)];
  const half = [Math.floor(tall / 2), Math.floor(wide / 2)] as const;
  if (tall % 2 === 0 && wide % 2 === 0) return { x, padding: half };
  return { x: pad(x, [[0, 0], [0, 0], ...[tall % 2, wide % 2].map((end) => [0, end] as const)]), padding: half };
}

function checkGroups(x: Tensor, weight: Tensor, groups: number): number {
  const [channels, outputs] = [x.shape[1] as number, weight.shape[0] as number];
  check(
    Number.isInteger(groups) && groups > 0 && channels % groups === 0 && outputs % groups === 0,
    ArgumentError,
    () => expected("conv2d", "groups", `a divisor of ${channels} input and ${outputs} output channels`, groups),
  );
  check(
    weight.shape[1] === channels / groups,
    ShapeError,
    () =>
      `conv2d: argument 'weight' expected ${channels / groups} input channels (x is [${x.shape}], groups ${groups}), got shape [${weight.shape}]`,
  );
  return groups;
}
