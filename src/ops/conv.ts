/** Two-dimensional convolution (cross-correlation) as matmul over columns of windows, or by the depthwise kernels. */
import { AUTOCAST_MATMUL, withComputePrecision } from "../autograd/autocast.ts";
import { noGrad } from "../autograd/modes.ts";
import { defineOp, type Op } from "../autograd/op.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, checkKeys, DtypeError, expected, ShapeError } from "../errors.ts";
import { isDepthwise, runDepthwise, runDepthwiseGradWeight, runDepthwiseGradX } from "../kernels/conv/depthwise.ts";
import { runCol2im, runIm2col } from "../kernels/conv/im2col.ts";
import { isIdentity, type Windows } from "../kernels/conv/windows.ts";
import { isFloat } from "../kernels/promotion.ts";
import { addInPlace } from "../tensor/copy.ts";
import { scope } from "../tensor/scope.ts";
import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { add } from "./binary.ts";
import { cat, pad } from "./cat-split.ts";
import { matmul } from "./matmul.ts";
import { narrow, reshape, transpose } from "./movement.ts";
import { onImages, type Pair, pairOf, type WindowOptions, windowsOn } from "./pool.ts";
import { sum } from "./reduce.ts";

/** Zeros around the image; `"same"`: as many as make y the size of x, for stride 1; `"valid"`: none. */
export type Padding = Pair | "same" | "valid";

export interface Conv2dOptions extends Omit<WindowOptions, "padding"> {
  /** Default 0. */
  padding?: Padding;
  /** Groups of channels: each group of outputs reads its own group of inputs. Default 1. */
  groups?: number;
}

interface ConvAttrs {
  readonly windows: Windows;
  readonly groups: number;
}

/** Most elements of columns in one part of a batch: the windows of a large batch would not fit into one buffer. */
const MAX_COLUMNS = 2 ** 24;

/** x (images, H, W) to columns (images, taps, windows). */
const imageToColumns: Op<Windows, Tensor> = defineOp<Windows>({
  name: "imageToColumns",
  computeDtype: "f32",
  forward: (_, [x]: [x: Tensor], windows) => runIm2col(x, windows),
  backward: (ctx, gradColumns: Tensor) => columnsToImage([gradColumns], ctx.attrs),
});

/** The adjoint: columns (images, taps, windows) summed into images (images, H, W). */
const columnsToImage: Op<Windows, Tensor> = defineOp<Windows>({
  name: "columnsToImage",
  computeDtype: "f32",
  forward: (_, [columns]: [columns: Tensor], windows) => runCol2im(columns, windows),
  backward: (ctx, gradX: Tensor) => imageToColumns([gradX], ctx.attrs),
});

/** Columns of images x (N, C, H, W) as (N, groups, taps of a group, windows). */
function columnsOf(x: Tensor, { windows, groups }: ConvAttrs): Tensor {
  const [n = 0, channels = 0, height = 0, width = 0] = x.shape;
  if (isIdentity(windows)) return reshape(x, [n, groups, channels / groups, height * width]);
  const columns = imageToColumns([reshape(x, [n * channels, height, width])], windows);
  const taps = windows.kernelHeight * windows.kernelWidth;
  return reshape(columns, [n, groups, (channels / groups) * taps, windows.outHeight * windows.outWidth]);
}

/** The adjoint of `columnsOf`: images of this shape. */
function imagesOf(columns: Tensor, { windows }: ConvAttrs, shape: readonly number[]): Tensor {
  if (isIdentity(windows)) return reshape(columns, shape);
  const [n = 0, channels = 0] = shape;
  const taps = windows.kernelHeight * windows.kernelWidth;
  const lines = reshape(columns, [n * channels, taps, windows.outHeight * windows.outWidth]);
  return reshape(columnsToImage([lines], windows), shape);
}

/** weight (O, C / groups, kH, kW) as (groups, O / groups, taps). */
function weightMatrix(weight: Tensor, groups: number): Tensor {
  const [outputs = 0, ...taps] = weight.shape;
  return reshape(weight, [groups, outputs / groups, sizeOf(taps)]);
}

/** y (N, O, outH, outW) of these images, in differentiable ops. */
function convolve(x: Tensor, weight: Tensor, attrs: ConvAttrs): Tensor {
  const { outHeight, outWidth } = attrs.windows;
  const [[n = 0], [outputs = 0]] = [x.shape, weight.shape];
  const y = matmul(weightMatrix(weight, attrs.groups), columnsOf(x, attrs));
  return reshape(y, [n, outputs, outHeight, outWidth]);
}

/** Parts of the batch whose columns fit into a buffer, each as [first image, number of images]. */
function partsOf(x: Tensor, { windows }: ConvAttrs): [number, number][] {
  const [n = 0, channels = 0] = x.shape;
  const taps = windows.kernelHeight * windows.kernelWidth;
  const each = channels * taps * windows.outHeight * windows.outWidth;
  const most = isIdentity(windows) ? n : Math.max(1, Math.floor(MAX_COLUMNS / Math.max(1, each)));
  const parts: [number, number][] = [];
  for (let first = 0; first < n; first += most) parts.push([first, Math.min(most, n - first)]);
  return parts.length > 0 ? parts : [[0, 0]];
}

type Inputs = [x: Tensor, weight: Tensor];

const convOp = defineOp<ConvAttrs, Tensor, Inputs>({
  name: "conv2d",
  ...AUTOCAST_MATMUL,
  bilinear: true,
  forward(ctx, [x, weight]: Inputs, attrs) {
    ctx.save(x, weight);
    if (isDepthwise(x, weight, attrs.groups)) return runDepthwise(x, weight, attrs.windows);
    return noGrad(() => inParts(x, attrs, (first, n) => convolve(narrow(x, 0, first, n), weight, attrs)));
  },
  backward({ saved, needsInputGrad, attrs }, gradY: Tensor) {
    return [
      needsInputGrad[0] ? gradientOfX(gradY, saved, attrs) : undefined,
      needsInputGrad[1] ? gradientOfWeight(gradY, saved, attrs) : undefined,
    ];
  },
  decomposition: ([x, weight]: Inputs, attrs) => convolve(x, weight, attrs),
});

/** Computes images part by part, and concatenates the parts. */
function inParts(x: Tensor, attrs: ConvAttrs, compute: (first: number, n: number) => Tensor): Tensor {
  return scope(() => {
    const parts = partsOf(x, attrs).map(([start, n]) => scope(() => compute(start, n)));
    return parts.length === 1 ? elementAt(parts, 0) : cat(parts, 0);
  });
}

/** gradY (N, O, outH, outW) of some images as (n, groups, O / groups, windows). */
function gradientMatrix(gradY: Tensor, first: number, n: number, { groups }: ConvAttrs): Tensor {
  const [, outputs = 0, height = 0, width = 0] = gradY.shape;
  return reshape(narrow(gradY, 0, first, n), [n, groups, outputs / groups, height * width]);
}

function gradientOfX(gradY: Tensor, [x, weight]: Inputs, attrs: ConvAttrs): Tensor {
  const { windows, groups } = attrs;
  if (isDepthwise(x, weight, groups)) return runDepthwiseGradX(gradY, weight, windows, x.shape);
  const matrix = transpose(weightMatrix(weight, groups), 1, 2);
  return inParts(x, attrs, (first, n) => {
    const columns = matmul(matrix, gradientMatrix(gradY, first, n, attrs));
    return imagesOf(columns, attrs, [n, ...x.shape.slice(1)]);
  });
}

function gradientOfWeight(gradY: Tensor, [x, weight]: Inputs, attrs: ConvAttrs): Tensor {
  const { windows, groups } = attrs;
  if (isDepthwise(x, weight, groups)) return runDepthwiseGradWeight(gradY, x, windows, weight.shape);
  const parts = partsOf(x, attrs).map(
    ([first, n]) =>
      () =>
        scope(() => {
          const columns = transpose(columnsOf(narrow(x, 0, first, n), attrs), 2, 3);
          return reshape(sum(matmul(gradientMatrix(gradY, first, n, attrs), columns), 0), weight.shape);
        }),
  );
  const total = elementAt(parts, 0)();
  for (const part of parts.slice(1)) addInPlace(total, part());
  return total;
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
  const [, , kernelHeight = 0, kernelWidth = 0] = weight.shape;
  const kernel = [kernelHeight, kernelWidth] as const;
  const { x, padding } = paddedBy(images, kernel, options);
  const windows = windowsOn("conv2d", x, kernel, { ...options, padding });
  const groups = checkGroups(x, weight, options.groups ?? 1);
  const [outputs = 0] = weight.shape;
  check(!bias || (bias.ndim === 1 && bias.size === outputs), ShapeError, () =>
    expected("conv2d", "bias", `shape [${outputs}]`, bias),
  );
  const y = convOp([x, weight], { windows, groups });
  if (!bias) return y;
  return withComputePrecision(AUTOCAST_MATMUL, [y, bias], ([sums, offset]) =>
    add(sums, reshape(offset, [outputs, 1, 1])),
  );
}

/** Returns the padding in numbers, checked; or "same", which requires stride 1. */
export function paddingOf(op: string, padding: Padding, stride: Pair): readonly [number, number] | "same" {
  if (padding === "same") {
    const isOne = pairOf(op, "stride", stride, 1).every((one) => one === 1);
    check(isOne, ArgumentError, () => expected(op, "stride", "1 with padding 'same'", stride));
    return padding;
  }
  check(typeof padding !== "string" || padding === "valid", ArgumentError, () =>
    expected(op, "padding", "an integer >= 0, a pair of them, 'same' or 'valid'", padding),
  );
  return pairOf(op, "padding", padding === "valid" ? 0 : padding, 0);
}

/** Returns the padding in numbers. Where "same" is odd, x gets its last row or column of zeros here, as in PyTorch. */
function paddedBy(x: Tensor, kernel: readonly [number, number], options: Conv2dOptions): { x: Tensor; padding: Pair } {
  const { stride = 1, dilation = 1 } = options;
  const padding = paddingOf("conv2d", options.padding ?? 0, stride);
  if (padding !== "same") return { x, padding };
  const [dilationY, dilationX] = pairOf("conv2d", "dilation", dilation, 1);
  const [rows, columns] = [dilationY * (kernel[0] - 1), dilationX * (kernel[1] - 1)];
  const half = [Math.floor(rows / 2), Math.floor(columns / 2)] as const;
  if (rows % 2 === 0 && columns % 2 === 0) return { x, padding: half };
  return { x: pad(x, [[0, 0], [0, 0], ...[rows % 2, columns % 2].map((end) => [0, end] as const)]), padding: half };
}

function checkGroups(x: Tensor, weight: Tensor, groups: number): number {
  const [[, channels = 0], [outputs = 0]] = [x.shape, weight.shape];
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
