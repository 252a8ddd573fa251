/** Sliding windows over images: their geometry, and the pair of adjoint operations between images and columns. */
import { defineOp, type Op } from "../autograd/op.ts";
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { launchPolicy, strideGroups } from "../gpu/launch-policy.ts";
import { col2im, im2col } from "../gpu/shaders.generated.ts";
import type { Windows } from "../kernels/conv/windows.ts";
import { contiguous } from "../tensor/copy.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { squeeze, unsqueeze } from "./movement.ts";

/** One number for both directions, or [vertical, horizontal]. */
export type Pair = number | readonly [number, number];

/** Both numbers of a pair, each a whole number of at least `low`. */
export function pairOf(op: string, argument: string, value: Pair, low: number): readonly [number, number] {
  const both = typeof value === "number" ? ([value, value] as const) : value;
  const valid = Array.isArray(both) && both.length === 2 && both.every((one) => Number.isInteger(one) && one >= low);
  check(valid, ArgumentError, () => expected(op, argument, `a whole number >= ${low} or a pair of them`, value));
  return both;
}

export interface WindowOptions {
  /** Default 1 (for pooling: the kernel's size). */
  stride?: Pair;
  /** Zeros (for maxPool2d: nothing) around the image. Default 0. */
  padding?: Pair;
  /** Distance of neighbouring taps. Default 1. */
  dilation?: Pair;
}

/** Runs what takes images (N, C, H, W) on one image (C, H, W) as well. */
export function onImages(op: string, x: Tensor, run: (images: Tensor) => Tensor): Tensor {
  check(x.ndim === 3 || x.ndim === 4, ShapeError, () => expected(op, "x", "a shape (N, C, H, W) or (C, H, W)", x));
  return x.ndim === 4 ? run(x) : squeeze(run(unsqueeze(x, 0)), 0);
}

/** Checks the options and counts the windows on images x (N, C, H, W). */
export function windowsOn(op: string, x: Tensor, kernelSize: Pair, options: WindowOptions): Windows {
  const kernel = pairOf(op, "kernelSize", kernelSize, 1);
  const stride = pairOf(op, "stride", options.stride ?? 1, 1);
  const padding = pairOf(op, "padding", options.padding ?? 0, 0);
  const dilation = pairOf(op, "dilation", options.dilation ?? 1, 1);
  const size = [x.shape[2] as number, x.shape[3] as number] as const;
  check(size[0] > 0 && size[1] > 0, ShapeError, () =>
    expected(op, "x", "images of at least one row and one column", x),
  );
  const out = ([0, 1] as const).map((i) => {
    const reach = dilation[i] * (kernel[i] - 1) + 1;
    const room = size[i] + 2 * padding[i];
    check(
      room >= reach,
      ShapeError,
      () => `${op}: a window of ${reach} does not fit into ${room} (${["height", "width"][i]} of x ${size[i]}, padded)`,
    );
    return Math.floor((room - reach) / stride[i]) + 1;
  }) as [number, number];
  return {
    ...{ height: size[0], width: size[1], outHeight: out[0], outWidth: out[1] },
    ...{ kernelHeight: kernel[0], kernelWidth: kernel[1], strideY: stride[0], strideX: stride[1] },
    ...{ paddingY: padding[0], paddingX: padding[1], dilationY: dilation[0], dilationX: dilation[1] },
  };
}

/** Whether every window is one element and every element a window, in order: columns are then the image itself. */
export const isWhole = (w: Windows): boolean =>
  w.kernelHeight * w.kernelWidth * w.strideY * w.strideX === 1 && w.paddingY + w.paddingX === 0;

/** x (images, H, W) to columns (images, taps, windows). */
export const imageToColumns: Op<Windows, Tensor> = defineOp<Windows>({
  name: "imageToColumns",
  computeDtype: "f32",
  forward(ctx, [x]: [Tensor], windows) {
    const taps = windows.kernelHeight * windows.kernelWidth;
    const columns = empty(ctx.device, [x.shape[0] as number, taps, windows.outHeight * windows.outWidth]);
    const { size } = columns;
    // On a GPU neighbouring lanes should write neighbouring words.
    const run = launchPolicy(ctx.device).columnRun;
    ctx.device.run(
      im2col,
      { x: ctx.disposeAfterForward(contiguous(x)).binding, columns: columns.binding, size, ...windows },
      strideGroups(ctx.device, Math.ceil(size / run)),
      { RUN: run },
    );
    return columns;
  },
  backward: (ctx, g: Tensor) => columnsToImage([g], ctx.attrs),
});

/** The adjoint: columns (images, taps, windows) summed into images (images, H, W). */
export const columnsToImage: Op<Windows, Tensor> = defineOp<Windows>({
  name: "columnsToImage",
  computeDtype: "f32",
  forward(ctx, [columns]: [Tensor], windows) {
    const x = empty(ctx.device, [columns.shape[0] as number, windows.height, windows.width]);
    const { size } = x;
    const { strideY, strideX, ...sizes } = windows;
    ctx.device.run(
      col2im,
      { columns: ctx.disposeAfterForward(contiguous(columns)).binding, x: x.binding, size, ...sizes },
      strideGroups(ctx.device, size),
      { STRIDE_Y: strideY, STRIDE_X: strideX },
    );
    return x;
  },
  backward: (ctx, g: Tensor) => imageToColumns([g], ctx.attrs),
});
