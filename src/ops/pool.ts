/** Sliding windows over images, their geometry and checks (for convolution too), and pooling over them. */
import { defineOp, type Op } from "../autograd/op.ts";
import { ArgumentError, check, checkKeys, DtypeError, expected, ShapeError } from "../errors.ts";
import { isGlobal, type Windows } from "../kernels/conv/windows.ts";
import { runAvgPool, runAvgPoolBackward, runMaxPool, runMaxPoolBackward } from "../kernels/pool.ts";
import { isFloat } from "../kernels/promotion.ts";
import { Tensor } from "../tensor/tensor.ts";
import { gather } from "./indexing.ts";
import { reshape, squeeze, unsqueeze } from "./movement.ts";
import { mean } from "./reduce.ts";

/** One number for both directions, or [vertical, horizontal]. */
export type Pair = number | readonly [number, number];

/** Returns both numbers of a pair, checked: integers of at least `low`. */
export function pairOf(op: string, argument: string, value: Pair, low: number): readonly [number, number] {
  const both = typeof value === "number" ? ([value, value] as const) : value;
  const valid = Array.isArray(both) && both.length === 2 && both.every((one) => Number.isInteger(one) && one >= low);
  check(valid, ArgumentError, () => expected(op, argument, `an integer >= ${low} or a pair of them`, value));
  return both;
}

export interface WindowOptions {
  /** Distance from one window to the next. Default 1 (for pooling: the kernel's size). */
  stride?: Pair;
  /** Zeros around the image (for maxPool2d: nothing). Default 0. */
  padding?: Pair;
  /** Distance from one tap of a window to the next. Default 1. */
  dilation?: Pair;
}

/** Applies `run`, which takes images (N, C, H, W), to images or to one image (C, H, W). */
export function onImages(op: string, x: Tensor, run: (images: Tensor) => Tensor): Tensor {
  check(x.ndim === 3 || x.ndim === 4, ShapeError, () => expected(op, "x", "a shape (N, C, H, W) or (C, H, W)", x));
  return x.ndim === 4 ? run(x) : squeeze(run(unsqueeze(x, 0)), 0);
}

/** Checks the options, and returns the geometry of the windows over images x (N, C, H, W). */
export function windowsOn(op: string, x: Tensor, kernelSize: Pair, options: WindowOptions): Windows {
  const kernel = pairOf(op, "kernelSize", kernelSize, 1);
  const stride = pairOf(op, "stride", options.stride ?? 1, 1);
  const padding = pairOf(op, "padding", options.padding ?? 0, 0);
  const dilation = pairOf(op, "dilation", options.dilation ?? 1, 1);
  const [height = 0, width = 0] = x.shape.slice(2);
  check(height > 0 && width > 0, ShapeError, () => expected(op, "x", "images of at least one row and one column", x));
  const along = (i: 0 | 1, size: number) => {
    const extent = dilation[i] * (kernel[i] - 1) + 1;
    const padded = size + 2 * padding[i];
    check(
      padded >= extent,
      ShapeError,
      () => `${op}: a window of ${extent} does not fit into ${padded} (${["height", "width"][i]} of x ${size}, padded)`,
    );
    return Math.floor((padded - extent) / stride[i]) + 1;
  };
  const [outHeight, outWidth] = [along(0, height), along(1, width)];
  const [kernelHeight, kernelWidth] = kernel;
  const [strideY, strideX] = stride;
  const [paddingY, paddingX] = padding;
  const [dilationY, dilationX] = dilation;
  const sizes = { height, width, outHeight, outWidth, kernelHeight, kernelWidth };
  return { ...sizes, strideY, strideX, paddingY, paddingX, dilationY, dilationX };
}

export type PoolOptions = Omit<WindowOptions, "dilation">;

/** Checks the arguments of a pooling, and applies `pool` to its images and windows. */
function pooled(
  op: string,
  x: Tensor,
  kernelSize: Pair,
  options: PoolOptions,
  pool: (images: Tensor, windows: Windows) => Tensor,
): Tensor {
  checkKeys(op, options, ["stride", "padding"]);
  check(x instanceof Tensor && isFloat(x.dtype), DtypeError, () => expected(op, "x", "a float tensor", x?.dtype ?? x));
  return onImages(op, x, (images) => pool(images, poolWindows(op, images, kernelSize, options)));
}

function poolWindows(op: string, x: Tensor, kernelSize: Pair, options: PoolOptions): Windows {
  const windows = windowsOn(op, x, kernelSize, { stride: kernelSize, ...options });
  const { kernelHeight, kernelWidth, paddingY, paddingX } = windows;
  check(2 * paddingY <= kernelHeight && 2 * paddingX <= kernelWidth, ArgumentError, () =>
    expected(op, "padding", `at most half the kernel's size [${kernelHeight}, ${kernelWidth}]`, options.padding),
  );
  return windows;
}

const maxPoolOp = defineOp<Windows, Tensor, [indices: Tensor]>({
  name: "maxPool2d",
  computeDtype: "f32",
  forward(ctx, [x]: [x: Tensor], windows) {
    const { y, indices } = runMaxPool(x, windows);
    ctx.save(ctx.disposeAfterForward(indices));
    return y;
  },
  backward: (ctx, gradY: Tensor) => maxPoolBackwardOp([gradY, ctx.saved[0]], ctx.attrs),
});

/** The gradient of max pooling: linear in gradY, with the reads at the chosen indices as its adjoint. */
const maxPoolBackwardOp: Op<Windows, Tensor> = defineOp<Windows, Tensor, [indices: Tensor]>({
  name: "maxPool2d_backward",
  computeDtype: "f32",
  forward(ctx, [gradY, indices]: [gradY: Tensor, indices: Tensor], windows) {
    ctx.save(indices);
    return runMaxPoolBackward(gradY, indices, windows);
  },
  backward(ctx, g: Tensor) {
    const [indices] = ctx.saved;
    const lines = (one: Tensor) => reshape(one, [...one.shape.slice(0, 2), -1]);
    return reshape(gather(lines(g), -1, lines(indices)), indices.shape);
  },
});

/**
 * Max pooling: the largest value of each window of x (N, C, H, W) or (C, H, W); y (N, C, outH, outW). `stride` defaults to
 * the kernel's size; padding is never chosen.
 */
export function maxPool2d(x: Tensor, kernelSize: Pair, options: PoolOptions = {}): Tensor {
  return pooled("maxPool2d", x, kernelSize, options, (images, windows) => maxPoolOp([images], windows));
}

const avgPoolOp = defineOp<Windows>({
  name: "avgPool2d",
  computeDtype: "f32",
  forward: (_, [x]: [x: Tensor], windows) => runAvgPool(x, windows),
  backward: (ctx, gradY: Tensor) => avgPoolBackwardOp([gradY], ctx.attrs),
});

/** The gradient of average pooling, whose own gradient is average pooling again. */
const avgPoolBackwardOp: Op<Windows, Tensor> = defineOp<Windows>({
  name: "avgPool2d_backward",
  computeDtype: "f32",
  forward: (_, [gradY]: [gradY: Tensor], windows) => runAvgPoolBackward(gradY, windows),
  backward: (ctx, g: Tensor) => avgPoolOp([g], ctx.attrs),
});

/**
 * Average pooling: the mean of each window of x (N, C, H, W) or (C, H, W), with the zeros of the padding; y (N, C, outH,
 * outW). `stride` defaults to the kernel's size.
 */
export function avgPool2d(x: Tensor, kernelSize: Pair, options: PoolOptions = {}): Tensor {
  return pooled("avgPool2d", x, kernelSize, options, (images, windows) =>
    // A reduction shares one long sum out over many invocations.
    isGlobal(windows) ? mean(images, [2, 3], { keepdim: true }) : avgPoolOp([images], windows),
  );
}
