/** Pooling against plain loops in float64, and without memory for unrolled windows. */
import { describe, expect, it } from "vitest";
import { avgPool2d, grad, maxPool2d, mul, ones, sum, type Tensor, tensor } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { uniform } from "../support/values.ts";

const device = await testDevice();
const close = { rtol: 1e-5, atol: 1e-6 };

interface Geometry {
  readonly shape: readonly [number, number, number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

const geometries: readonly Geometry[] = [
  { shape: [2, 3, 8, 9], kernel: [2, 2], stride: [2, 2], padding: [0, 0] },
  { shape: [1, 2, 7, 5], kernel: [3, 2], stride: [1, 2], padding: [1, 1] },
  { shape: [3, 1, 11, 6], kernel: [5, 3], stride: [2, 1], padding: [2, 0] },
  { shape: [2, 2, 6, 6], kernel: [1, 1], stride: [3, 2], padding: [0, 0] },
  { shape: [2, 3, 5, 4], kernel: [5, 4], stride: [5, 4], padding: [0, 0] },
  { shape: [1, 1, 5, 4], kernel: [5, 4], stride: [9, 9], padding: [2, 1] },
  { shape: [1, 2, 9, 9], kernel: [2, 3], stride: [4, 5], padding: [1, 1] },
  { shape: [0, 2, 4, 4], kernel: [2, 2], stride: [1, 1], padding: [0, 0] },
];

/** Calls `visit` for every element of every window: its index in y, in x, and the window's first element or not. */
function walk({ shape, kernel, stride, padding }: Geometry, visit: (to: number, from: number) => void): number[] {
  const [n, c, height, width] = shape;
  const outHeight = Math.floor((height + 2 * padding[0] - kernel[0]) / stride[0]) + 1;
  const outWidth = Math.floor((width + 2 * padding[1] - kernel[1]) / stride[1]) + 1;
  for (let to = 0; to < n * c * outHeight * outWidth; to++) {
    const image = Math.floor(to / (outHeight * outWidth));
    const top = (Math.floor(to / outWidth) % outHeight) * stride[0] - padding[0];
    const left = (to % outWidth) * stride[1] - padding[1];
    for (let row = Math.max(top, 0); row < Math.min(top + kernel[0], height); row++)
      for (let column = Math.max(left, 0); column < Math.min(left + kernel[1], width); column++)
        visit(to, (image * height + row) * width + column);
  }
  return [n, c, outHeight, outWidth];
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

describe.each(geometries)("on $shape with kernel $kernel, stride $stride, padding $padding", (geometry) => {
  const { shape, kernel, stride, padding } = geometry;
  const outShape = walk(geometry, () => {});
  const values = uniform(sizeOf(shape), -1, 1, 1);
  const upstream = uniform(sizeOf(outShape), -1, 1, 2);
  const options = { stride, padding };
  const leaf = () => tensor(values, { shape: [...shape], requiresGrad: true });

  it("avgPool2d, its gradient and its second derivative match the reference", async () => {
    const area = kernel[0] * kernel[1];
    const y = new Float64Array(upstream.length);
    const gradX = new Float64Array(values.length);
    const second = new Float64Array(upstream.length);
    walk(geometry, (to, from) => {
      y[to] = (y[to] as number) + (values[from] as number) / area;
      gradX[from] = (gradX[from] as number) + (upstream[to] as number) / area;
    });
    // d/dg of sum(x * gradX(g)) is the pool of x.
    walk(geometry, (to, from) => {
      second[to] = (second[to] as number) + (values[from] as number) / area;
    });
    const [x, g] = [leaf(), tensor(upstream, { shape: outShape, requiresGrad: true })];
    const pooled = avgPool2d(x, kernel, options);
    expect(pooled.shape).toEqual(outShape);
    expectClose(await pooled.data(), y, close, "y");
    const [byX] = grad(sum(mul(pooled, g)), [x], { createGraph: true }) as [Tensor];
    expectClose(await byX.data(), gradX, close, "gradX");
    const [byG] = grad(sum(mul(byX, x.detach())), [g]) as [Tensor];
    expectClose(await byG.data(), second, close, "gradient of the gradient");
  });

  it("maxPool2d and its gradient match the reference", async () => {
    const y = new Float64Array(upstream.length).fill(-Infinity);
    const indices = new Int32Array(upstream.length);
    const gradX = new Float64Array(values.length);
    walk(geometry, (to, from) => {
      if ((values[from] as number) <= (y[to] as number)) return;
      y[to] = values[from] as number;
      indices[to] = from;
    });
    indices.forEach((from, to) => {
      gradX[from] = (gradX[from] as number) + (upstream[to] as number);
    });
    const x = leaf();
    const pooled = maxPool2d(x, kernel, options);
    expectClose(await pooled.data(), y, { rtol: 0, atol: 0 }, "y");
    const [byX] = grad([pooled], [x], { gradOutputs: [tensor(upstream, { shape: outShape })] }) as [Tensor];
    expectClose(await byX.data(), gradX, close, "gradX");
  });
});

it.each([
  ["avgPool2d", avgPool2d],
  ["maxPool2d", maxPool2d],
] as const)("%s of a large image needs no memory beyond its inputs and outputs", async (_, pool) => {
  const x = ones([4, 3, 256, 256], { requiresGrad: true });
  const bytes = 4 * x.size;
  await device.sync();
  const before = device.memory().liveBytes;
  const loss = sum(pool(x, 11, { stride: 1 }));
  loss.backward();
  await device.sync();
  const { peakBytes } = device.memory();
  // x, y, the indices of the maxima, gradY, gradX.
  expect(peakBytes - before).toBeLessThan(6 * bytes);
});
