/** Pooling over windows of images. */
import { defineOp, type Op } from "../autograd/op.ts";
import { ArgumentError, check, checkKeys, DtypeError, expected } from "../errors.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { avg_pool, avg_pool_backward, max_pool, max_pool_backward } from "../gpu/shaders.generated.ts";
import type { Windows } from "../kernels/conv/windows.ts";
import { isFloat } from "../kernels/promotion.ts";
import { contiguous } from "../tensor/copy.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { gather } from "./indexing.ts";
import { reshape } from "./movement.ts";
import { mean } from "./reduce.ts";
import { onImages, type Pair, type WindowOptions, windowsOn } from "./sliding-window.ts";

export type PoolOptions = Omit<WindowOptions, "dilation">;

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

/** The params of the pooling kernels; `size` is that of what is written. */
function paramsOf(windows: Windows, size: number) {
  const { dilationY: _, dilationX: __, ...params } = windows;
  return { ...params, size };
}

const maxPoolOp = defineOp<Windows>({
  name: "maxPool2d",
  computeDtype: "f32",
  forward(ctx, [x]: [Tensor], windows) {
    const shape = [...x.shape.slice(0, 2), windows.outHeight, windows.outWidth];
    const [y, places] = [empty(ctx.device, shape), ctx.disposeAfterForward(empty(ctx.device, shape, "u32"))];
    const input = ctx.disposeAfterForward(contiguous(x));
    ctx.device.run(
      max_pool,
      { x: input.binding, y: y.binding, places: places.binding, ...paramsOf(windows, y.size) },
      strideGroups(ctx.device, y.size),
    );
    ctx.save(places);
    return y;
  },
  backward: (ctx, g: Tensor) => spreadOp([g, ctx.saved[0]], ctx.attrs),
});

/** The gradient of max pooling: linear in g, its adjoint reads at the places that were chosen. */
const spreadOp: Op<Windows, Tensor> = defineOp<Windows>({
  name: "maxPool2d_backward",
  computeDtype: "f32",
  forward(ctx, [g, places]: [Tensor, Tensor], windows) {
    const gradX = empty(ctx.device, [...g.shape.slice(0, 2), windows.height, windows.width]);
    const gradY = ctx.disposeAfterForward(contiguous(g));
    ctx.device.run(
      max_pool_backward,
      { gradY: gradY.binding, places: places.binding, gradX: gradX.binding, ...paramsOf(windows, gradX.size) },
      strideGroups(ctx.device, gradX.size),
    );
    ctx.save(places);
    return gradX;
  },
  backward(ctx, g: Tensor) {
    const places = ctx.saved[0] as Tensor;
    const lines = (one: Tensor) => reshape(one, [...one.shape.slice(0, 2), -1]);
    return reshape(gather(lines(g), -1, lines(places)), places.shape);
  },
});

/**
 * The largest value of each window of x (N, C, H, W) or (C, H, W). `stride` is the kernel's size unless given; padding is
 * never chosen.
 */
export function maxPool2d(x: Tensor, kernelSize: Pair, options: PoolOptions = {}): Tensor {
  return pooled("maxPool2d", x, kernelSize, options, (images, windows) => maxPoolOp([images], windows));
}

const avgPoolOp = defineOp<Windows>({
  name: "avgPool2d",
  computeDtype: "f32",
  forward(ctx, [x]: [Tensor], windows) {
    const y = empty(ctx.device, [...x.shape.slice(0, 2), windows.outHeight, windows.outWidth]);
    const args = { x: ctx.disposeAfterForward(contiguous(x)).binding, y: y.binding, ...paramsOf(windows, y.size) };
    ctx.device.run(avg_pool, args, strideGroups(ctx.device, y.size));
    return y;
  },
  backward: (ctx, g: Tensor) => avgSpreadOp([g], ctx.attrs),
});

/** The gradient of average pooling, and its adjoint in turn. */
const avgSpreadOp: Op<Windows, Tensor> = defineOp<Windows>({
  name: "avgPool2d_backward",
  computeDtype: "f32",
  forward(ctx, [g]: [Tensor], windows) {
    const gradX = empty(ctx.device, [...g.shape.slice(0, 2), windows.height, windows.width]);
    const gradY = ctx.disposeAfterForward(contiguous(g)).binding;
    const args = { gradY, gradX: gradX.binding, ...paramsOf(windows, gradX.size) };
    ctx.device.run(avg_pool_backward, args, strideGroups(ctx.device, gradX.size));
    return gradX;
  },
  backward: (ctx, g: Tensor) => avgPoolOp([g], ctx.attrs),
});

/** Whether there is one window, the whole image: its mean is better shared out by a reduction. */
const isWholeImage = (w: Windows): boolean =>
  w.kernelHeight === w.height && w.kernelWidth === w.width && w.paddingY + w.paddingX === 0;

/**
 * The mean of each window of x (N, C, H, W) or (C, H, W), zeros of the padding included. `stride` is the kernel's size
 * unless given.
 */
export function avgPool2d(x: Tensor, kernelSize: Pair, options: PoolOptions = {}): Tensor {
  return pooled("avgPool2d", x, kernelSize, options, (images, windows) =>
    isWholeImage(windows) ? mean(images, [2, 3], { keepdim: true }) : avgPoolOp([images], windows),
  );
}
