/** Pooling against plain loops in float64, and without memory for unrolled windows. */
import { describe, expect, it } from "vitest";
import { avgPool2d, capture, grad, maxPool2d, mul, ones, sum, type Tensor, tensor } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { labels, uniform } from "../support/values.ts";

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
  { shape: [2, 1, 14, 35], kernel: [2, 2], stride: [2, 2], padding: [1, 1] },
  { shape: [1, 2, 12, 21], kernel: [3, 3], stride: [2, 1], padding: [1, 1] },
  { shape: [1, 1, 23, 19], kernel: [11, 7], stride: [1, 1], padding: [5, 3] },
  ...Array.from({ length: 8 }, (_, i) => random(i)),
];

function random(seed: number): Geometry {
  const at = (k: number, low: number, high: number) => low + (labels(10, high - low + 1, 7 * seed + 1)[k] as number);
  const kernel = [at(0, 1, 5), at(1, 1, 5)] as const;
  return {
    shape: [at(2, 1, 3), at(3, 1, 3), at(4, 5, 20), at(5, 5, 20)],
    kernel,
    stride: [at(6, 1, 6), at(7, 1, 6)],
    padding: [(at(8, 0, 2) % (kernel[0] / 2 + 0.5)) | 0, (at(9, 0, 2) % (kernel[1] / 2 + 0.5)) | 0],
  };
}

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

/** The gradient of x where the i-th window's is 2^i, so that it tells which elements got it. */
async function routes(values: number[], rows: number, kernel: number, stride: number): Promise<number[]> {
  const x = tensor(values, { shape: [1, 1, rows, values.length / rows], requiresGrad: true });
  const y = maxPool2d(x, kernel, { stride });
  const upstream = tensor(
    Array.from({ length: y.size }, (_, i) => 2 ** i),
    { shape: y.shape },
  );
  const [gradX] = grad([y], [x], { gradOutputs: [upstream] }) as [Tensor];
  return Array.from(await gradX.data(), Number);
}

describe.each([
  ["disjoint", 2],
  ["overlapping", 1],
] as const)("maxPool2d with %s windows, as in PyTorch", (_, stride) => {
  it("gives the gradient to the first of equal values", async () => {
    const expected = stride === 2 ? [1, 0, 2, 0, 0, 0, 0, 0] : [1, 2, 4, 0, 0, 0, 0, 0];
    expect(await routes([3, 3, 3, 3, 3, 3, 3, 3], 2, 2, stride)).toEqual(expected);
    expect(await routes(new Array(8).fill(-Infinity), 2, 2, stride)).toEqual(expected);
  });

  it("gives the gradient to the last NaN", async () => {
    const expected = stride === 2 ? [0, 0, 0, 0, 1, 0, 2, 0] : [0, 0, 0, 0, 1, 0, 6, 0];
    expect(await routes([1, NaN, 2, NaN, NaN, Infinity, NaN, 5], 2, 2, stride)).toEqual(expected);
  });
});

it.each([
  ["avgPool2d", avgPool2d, 2],
  ["avgPool2d", avgPool2d, 1],
  ["maxPool2d", maxPool2d, 2],
  ["maxPool2d", maxPool2d, 1],
] as const)("a captured %s with its gradient (%#) gives the bits of an eager one", async (_, pool, stride) => {
  const leaf = tensor(uniform(2 * 3 * 6 * 10, -1, 1, 3), { shape: [2, 3, 6, 10], requiresGrad: true });
  const step = (x: Tensor): Tensor => {
    const y = pool(mul(x, leaf).transpose(2, 3), 2, { stride });
    return (grad([sum(mul(y, y))], [leaf]) as [Tensor])[0];
  };
  const captured = capture(step);
  for (const seed of [1, 2]) {
    const x = tensor(uniform(2 * 3 * 6 * 10, -1, 1, seed), { shape: [2, 3, 6, 10] });
    expect(await captured(x).data()).toEqual(await step(x).data());
  }
});
