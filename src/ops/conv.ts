/** Two-dimensional convolution (cross-correlation) and its derivatives, which are convolutions of each other's operands. */
import { AUTOCAST_MATMUL } from "../autograd/autocast.ts";
import { isGradEnabled } from "../autograd/modes.ts";
import { defineOp, type Op } from "../autograd/op.ts";
import type { BackwardContext } from "../autograd/op-types.ts";
import { ArgumentError, check, checkKeys, DtypeError, expected, ShapeError } from "../errors.ts";
import { isDepthwise, runDepthwise, runDepthwiseGradWeight, runDepthwiseGradX } from "../kernels/conv/depthwise.ts";
import { runConv, runConvGradWeight, runConvGradX } from "../kernels/conv/run.ts";
import type { Windows } from "../kernels/conv/windows.ts";
import { isFloat } from "../kernels/promotion.ts";
import { scope } from "../tensor/scope.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { add } from "./binary.ts";
import { pad } from "./cat-split.ts";
import { reshape } from "./movement.ts";
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

/** The attributes of a derivative, with the shape of its result. */
interface GradientAttrs extends ConvAttrs {
  readonly shape: readonly number[];
}

type Inputs = [x: Tensor, weight: Tensor, bias?: Tensor];

const convOp: Op<ConvAttrs, Tensor> = defineOp<ConvAttrs>({
  name: "conv2d",
  ...AUTOCAST_MATMUL,
  bilinear: true,
  forward(ctx, [x, weight, bias]: Inputs, attrs) {
    ctx.save(x, weight);
    return isDepthwise(x.shape, weight.shape, attrs.groups)
      ? depthwise(x, weight, bias, attrs.windows)
      : runConv(x, weight, attrs, { bias });
  },
  backward(ctx, gradY: Tensor) {
    const { saved, needsInputGrad, attrs } = ctx;
    const [x, weight] = saved as [Tensor, Tensor];
    const gradX = needsInputGrad[0] ? gradientOfX([gradY, weight], { ...attrs, shape: x.shape }) : undefined;
    return [gradX, ...(isGradEnabled() ? differentiable(ctx, gradY, x, weight.shape) : inPlace(ctx, gradY, x, weight))];
  },
});

/** The gradients of weight and bias, as a graph. */
function differentiable(
  { needsInputGrad, attrs }: BackwardContext<ConvAttrs>,
  gradY: Tensor,
  x: Tensor,
  shape: readonly number[],
): (Tensor | undefined)[] {
  return [
    needsInputGrad[1] ? gradientOfWeight([gradY, x], { ...attrs, shape }) : undefined,
    needsInputGrad[2] ? sum(gradY, [0, 2, 3]) : undefined,
  ];
}

/** The gradients of weight and bias, from one kernel where it gives both, and to where they are wanted. */
function inPlace(ctx: BackwardContext<ConvAttrs>, gradY: Tensor, x: Tensor, weight: Tensor): (Tensor | undefined)[] {
  const { attrs, needsInputGrad, device } = ctx;
  const isComputedHere = needsInputGrad[1] && weight.size > 0 && !isDepthwise(x.shape, weight.shape, attrs.groups);
  if (!isComputedHere) return differentiable(ctx, gradY, x, weight.shape);
  const gradWeight = ctx.gradSlot(1) ?? empty(device, weight.shape);
  const gradBias = needsInputGrad[2] ? (ctx.gradSlot(2) ?? empty(device, weight.shape.slice(0, 1))) : undefined;
  runConvGradWeight(gradY, x, attrs, { gradWeight, gradBias });
  return [gradWeight, gradBias];
}

function depthwise(x: Tensor, weight: Tensor, bias: Tensor | undefined, windows: Windows): Tensor {
  const y = runDepthwise(x, weight, windows);
  if (!bias) return y;
  return scope(() => add(y, reshape(bias, [bias.size, 1, 1])));
}

/** The gradient of x, a transposed convolution of gradY: linear in gradY and weight, whose gradients are convolutions again. */
const gradientOfX: Op<GradientAttrs, Tensor> = defineOp<GradientAttrs>({
  name: "conv2d_grad_x",
  computeDtype: "f32",
  bilinear: true,
  forward(ctx, [gradY, weight]: [gradY: Tensor, weight: Tensor], attrs) {
    ctx.save(gradY, weight);
    return isDepthwise(attrs.shape, weight.shape, attrs.groups)
      ? runDepthwiseGradX(gradY, weight, attrs.windows, attrs.shape)
      : runConvGradX(gradY, weight, attrs, attrs.shape);
  },
  backward({ saved, needsInputGrad, attrs: { windows, groups } }, h: Tensor) {
    const [gradY, weight] = saved as [Tensor, Tensor];
    return [
      needsInputGrad[0] ? convOp([h, weight], { windows, groups }) : undefined,
      needsInputGrad[1] ? gradientOfWeight([gradY, h], { windows, groups, shape: weight.shape }) : undefined,
    ];
  },
});

/** The gradient of weight, a correlation of gradY with x: linear in both. */
const gradientOfWeight: Op<GradientAttrs, Tensor> = defineOp<GradientAttrs>({
  name: "conv2d_grad_weight",
  computeDtype: "f32",
  bilinear: true,
  forward(ctx, [gradY, x]: [gradY: Tensor, x: Tensor], { windows, groups, shape }) {
    ctx.save(gradY, x);
    if (isDepthwise(x.shape, shape, groups)) return runDepthwiseGradWeight(gradY, x, windows, shape);
    const gradWeight = empty(ctx.device, shape);
    runConvGradWeight(gradY, x, { windows, groups }, { gradWeight });
    return gradWeight;
  },
  backward({ saved, needsInputGrad, attrs: { windows, groups } }, h: Tensor) {
    const [gradY, x] = saved as [Tensor, Tensor];
    return [
      needsInputGrad[0] ? convOp([x, h], { windows, groups }) : undefined,
      needsInputGrad[1] ? gradientOfX([gradY, h], { windows, groups, shape: x.shape }) : undefined,
    ];
  },
});

/**
 * Cross-correlation of x (N, C, H, W) or (C, H, W) with weight (O, C / groups, kH, kW), plus bias (O): y (N, O, outH, outW)
 * with outH = floor((H + 2 padding - dilation (kH - 1) - 1) / stride) + 1.
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor, options: Conv2dOptions = {}): Tensor {
  checkKeys("conv2d", options, ["stride", "padding", "dilation", "groups"]);
  for (const [argument, one] of Object.entries({ x, weight, ...(bias && { bias }) })) {
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
  return convOp([x, weight, bias], { windows, groups });
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
