/** Two-dimensional convolution and its derivatives in float64, element by element. */
import type { Windows } from "../../src/kernels/conv/windows.ts";

export interface ConvCase {
  readonly images: number;
  /** Channels of x and y, of all groups. */
  readonly channels: number;
  readonly outputs: number;
  readonly groups: number;
  readonly windows: Windows;
}

/** Calls `visit` with every product: the indices of an element of x, of weight and of y. */
function products(one: ConvCase, visit: (x: number, weight: number, y: number) => void): void {
  const { images, channels, outputs, groups, windows: w } = one;
  const [reduced, rows] = [channels / groups, outputs / groups];
  for (let y = 0; y < images * outputs * w.outHeight * w.outWidth; y++) {
    const column = y % w.outWidth;
    const row = Math.floor(y / w.outWidth) % w.outHeight;
    const output = Math.floor(y / (w.outWidth * w.outHeight)) % outputs;
    const image = Math.floor(y / (w.outWidth * w.outHeight * outputs));
    for (let tap = 0; tap < reduced * w.kernelHeight * w.kernelWidth; tap++) {
      const left = column * w.strideX - w.paddingX + (tap % w.kernelWidth) * w.dilationX;
      const top = row * w.strideY - w.paddingY + (Math.floor(tap / w.kernelWidth) % w.kernelHeight) * w.dilationY;
      if (left < 0 || left >= w.width || top < 0 || top >= w.height) continue;
      const channel = Math.floor(output / rows) * reduced + Math.floor(tap / (w.kernelWidth * w.kernelHeight));
      const x = ((image * channels + channel) * w.height + top) * w.width + left;
      visit(x, output * reduced * w.kernelHeight * w.kernelWidth + tap, y);
    }
  }
}

/** y of x and weight; the gradient of x from weight and gradY; that of weight from x and gradY: each as its flat values. */
export function convReference(one: ConvCase, x: Float32Array, weight: Float32Array, gradY: Float32Array) {
  const zeros = ({ length }: Float32Array) => new Float64Array(length);
  const sums = { y: zeros(gradY), gradX: zeros(x), gradWeight: zeros(weight) };
  products(one, (i, j, k) => {
    sums.y[k] = (sums.y[k] as number) + (x[i] as number) * (weight[j] as number);
    sums.gradX[i] = (sums.gradX[i] as number) + (gradY[k] as number) * (weight[j] as number);
    sums.gradWeight[j] = (sums.gradWeight[j] as number) + (gradY[k] as number) * (x[i] as number);
  });
  return sums;
}
