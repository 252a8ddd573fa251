/** The convolution kernels of every kind of adapter, run on the one at hand, against float64. */
import { describe, expect, it } from "vitest";
import { runConv, runConvGradWeight, runConvGradX } from "../../src/kernels/conv/run.ts";
import { canRun, type Variant, variants } from "../../src/kernels/conv/select.ts";
import type { Windows } from "../../src/kernels/conv/windows.ts";
import { tensor } from "../../src/tensor/create.ts";
import { readData } from "../../src/tensor/readback.ts";
import { type ConvCase, convReference } from "../reference/conv.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { uniform } from "../support/values.ts";

const device = await testDevice();

interface Sizes {
  readonly images?: number;
  readonly channels?: number;
  readonly outputs?: number;
  readonly groups?: number;
  readonly image: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly padding?: readonly [number, number];
  readonly dilation?: readonly [number, number];
}

function caseOf({ images = 2, channels = 3, outputs = 5, groups = 1, ...sizes }: Sizes): ConvCase {
  const { image, kernel, stride = [1, 1], padding = [0, 0], dilation = [1, 1] } = sizes;
  const out = ([0, 1] as const).map(
    (i) => Math.floor((image[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1,
  );
  const windows: Windows = {
    height: image[0],
    width: image[1],
    outHeight: out[0] as number,
    outWidth: out[1] as number,
    kernelHeight: kernel[0],
    kernelWidth: kernel[1],
    strideY: stride[0],
    strideX: stride[1],
    paddingY: padding[0],
    paddingX: padding[1],
    dilationY: dilation[0],
    dilationX: dilation[1],
  };
  return { images, channels, outputs, groups, windows };
}

const random = (shape: readonly number[], seed: number) =>
  Float32Array.from(
    uniform(
      shape.reduce((size, dim) => size * dim, 1),
      -1,
      1,
      seed,
    ),
  );
const poisoned = (shape: readonly number[]) => tensor(random(shape, 1).fill(Number.NaN), { shape: [...shape] });

/** Runs the three kernels on a case, the outputs that are given poisoned, and compares every element with float64. */
async function verify(variant: Variant, sizes: Sizes): Promise<void> {
  const one = caseOf(sizes);
  const { images, channels, outputs, groups, windows } = one;
  const shapes = {
    x: [images, channels, windows.height, windows.width],
    weight: [outputs, channels / groups, windows.kernelHeight, windows.kernelWidth],
    y: [images, outputs, windows.outHeight, windows.outWidth],
  };
  const [x, weight, gradY] = [random(shapes.x, 1), random(shapes.weight, 2), random(shapes.y, 3)];
  const offsets = random([outputs], 4);
  const expected = convReference(one, x, weight, gradY);
  const on = { x: tensor(x, { shape: shapes.x }), weight: tensor(weight, { shape: shapes.weight }) };
  const g = tensor(gradY, { shape: shapes.y });
  const y = runConv(on.x, on.weight, one, { variant });
  const moved = runConv(on.x, on.weight, one, { variant, bias: tensor(offsets) });
  const gradX = runConvGradX(g, on.weight, one, shapes.x, { variant });
  const [gradWeight, gradBias] = [poisoned(shapes.weight), poisoned([outputs])];
  runConvGradWeight(g, on.x, one, { gradWeight, gradBias, variant });
  const plane = windows.outHeight * windows.outWidth;
  const offsetOf = (i: number) => Math.floor(i / plane) % outputs;
  const biasSums = new Float64Array(outputs);
  gradY.forEach((value, i) => {
    biasSums[offsetOf(i)] = (biasSums[offsetOf(i)] as number) + value;
  });
  const withBias = expected.y.map((value, i) => value + (offsets[offsetOf(i)] as number));
  // Sums of some hundred products of magnitude 1 in f32.
  const tolerance = { rtol: 1e-5, atol: 2e-5 };
  expectClose(await readData(y), expected.y, tolerance, "y");
  expectClose(await readData(moved), withBias, tolerance, "y with bias");
  expectClose(await readData(gradX), expected.gradX, tolerance, "gradient of x");
  expectClose(await readData(gradWeight), expected.gradWeight, tolerance, "gradient of weight");
  expectClose(await readData(gradBias), biasSums, tolerance, "gradient of bias");
}

const same = { kernel: [3, 3], padding: [1, 1] } as const;
const direct: [string, Sizes][] = [
  ["odd sizes", { channels: 5, outputs: 19, image: [7, 9], ...same }],
  ["one element", { images: 1, channels: 1, outputs: 1, image: [1, 1], ...same }],
  ["no padding", { channels: 8, outputs: 16, image: [5, 6], kernel: [3, 3] }],
  ["more padding than the kernel reaches", { image: [3, 2], kernel: [3, 3], padding: [3, 4] }],
  ["groups", { channels: 18, outputs: 34, groups: 2, image: [6, 5], ...same }],
  ["many images", { images: 35, channels: 9, outputs: 3, image: [8, 8], ...same }],
];
const general: [string, Sizes][] = [
  ["one tap", { channels: 6, outputs: 35, image: [5, 7], kernel: [1, 1] }],
  ["one tap with stride and padding", { image: [5, 7], kernel: [1, 1], stride: [2, 3], padding: [1, 0] }],
  ["stride 2", { channels: 20, outputs: 33, image: [9, 8], ...same, stride: [2, 2] }],
  ["5 x 5", { channels: 4, outputs: 7, image: [9, 6], kernel: [5, 5], padding: [2, 2] }],
  [
    "7 x 7 with stride 2",
    { channels: 3, outputs: 18, image: [15, 17], kernel: [7, 7], stride: [2, 2], padding: [3, 3] },
  ],
  ["dilation", { channels: 17, image: [9, 11], kernel: [3, 2], dilation: [2, 3], padding: [2, 1] }],
  ["stride and dilation that share a factor", { image: [12, 13], kernel: [3, 3], stride: [4, 2], dilation: [2, 2] }],
  ["a stride longer than the window", { channels: 18, image: [11, 10], kernel: [2, 2], stride: [3, 4] }],
  ["groups with stride", { channels: 6, outputs: 9, groups: 3, image: [7, 7], kernel: [3, 3], stride: [2, 1] }],
  ["windows of the whole image", { channels: 4, outputs: 70, image: [4, 4], kernel: [4, 4] }],
  ["a line", { channels: 2, image: [1, 150], kernel: [1, 9], padding: [0, 4], stride: [1, 2] }],
];
const pipelines = variants.filter((variant) => canRun(device, variant, caseOf({ image: [3, 3], ...same }).windows));

describe.each(pipelines)("convolution kernels '%s'", (variant) => {
  it.each(direct)("%s", (_, sizes) => verify(variant, sizes));
  it.each(general.filter(([, sizes]) => canRun(device, variant, caseOf(sizes).windows)))("%s", (_, sizes) =>
    verify(variant, sizes),
  );
});

it("a gradient of a weight gets zeros from an empty batch", async () => {
  const one = caseOf({ images: 0, image: [4, 4], ...same });
  const [gradY, x, gradWeight] = [poisoned([0, 5, 4, 4]), poisoned([0, 3, 4, 4]), poisoned([5, 3, 3, 3])];
  runConvGradWeight(gradY, x, one, { gradWeight });
  expect(new Set(await readData(gradWeight))).toEqual(new Set([0]));
});
