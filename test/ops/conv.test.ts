import { describe, expect, it } from "vitest";
import {
  avgPool2d,
  conv2d,
  grad,
  maxPool2d,
  mul,
  narrow,
  nn,
  ones,
  reshape,
  split,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { gradcheck, gradgradcheck } from "../../src/testing/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { products } from "../support/tolerance.ts";
import { uniform } from "../support/values.ts";

await testDevice();

await goldenSuite("ops_conv", products);

it("a large batch gives the results of its images", async () => {
  const [n, channels, size] = [9, 8, 176];
  const x = tensor(uniform(n * channels * size * size, -1, 1, 1), {
    shape: [n, channels, size, size],
    requiresGrad: true,
  });
  const weight = tensor(uniform(2 * channels * 9, -1, 1, 2), { shape: [2, channels, 3, 3], requiresGrad: true });
  const weighed = (y: Tensor) => sum(mul(y, y));
  const end = (all: Tensor) => narrow(reshape(all, [all.size]), 0, all.size - 500, 500).data();
  const y = conv2d(x, weight, undefined, { padding: 1 });
  // The second grad reaches the same leaves, which frees y.
  const endOfY = end(y);
  const [byX, byWeight] = grad(weighed(y), [x, weight]) as [Tensor, Tensor];
  const images = split(x, 1).map((image) => conv2d(image, weight, undefined, { padding: 1 }));
  const [byLast, byWeights] = grad(images.map(weighed), [x, weight]) as [Tensor, Tensor];
  expectClose(await endOfY, await end(images.at(-1) as Tensor), products, "last image");
  expectClose(await end(byX), await end(byLast), { rtol: 1e-5, atol: 1e-4 }, "gradient of the last image");
  // Sums of 280,000 products, added in another order.
  expectClose(await byWeight.data(), await byWeights.data(), { rtol: 1e-4, atol: 0.5 }, "gradient of the weight");
});

it("a convolution of each channel for many images is a dense one with zeros between the channels", async () => {
  // Enough images for an invocation to sum several for the weight, the last one fewer.
  const [n, channels, filters] = [131, 2, 2];
  const x = tensor(uniform(n * channels * 30, -1, 1, 1), { shape: [n, channels, 5, 6], requiresGrad: true });
  const own = tensor(uniform(channels * filters * 9, -1, 1, 2), { shape: [channels * filters, 1, 3, 3] }).detach();
  own.requiresGrad = true;
  const mask = tensor([1, 0, 1, 0, 0, 1, 0, 1], { shape: [channels * filters, channels, 1, 1] });
  const gradY = tensor(uniform(n * 4 * 15, -1, 1, 3), { shape: [n, 4, 5, 3] });
  const options = { stride: [1, 2], padding: 1 } as const;
  const y = conv2d(x, own, undefined, { ...options, groups: channels });
  const dense = conv2d(x, mul(own, mask), undefined, options);
  expectClose(await y.data(), await dense.data(), products, "y");
  const [byX, byOwn] = grad([y], [x, own], { gradOutputs: [gradY] }) as [Tensor, Tensor];
  const [denseX, denseOwn] = grad([dense], [x, own], { gradOutputs: [gradY] }) as [Tensor, Tensor];
  expectClose(await byX.data(), await denseX.data(), products, "gradient of x");
  // Sums of 2,000 products, added in another order.
  expectClose(await byOwn.data(), await denseOwn.data(), { rtol: 1e-5, atol: 1e-4 }, "gradient of the weight");
});

describe.each([
  ["3 x 3", 3, { padding: 1 }],
  ["3 x 3 with stride 2 in groups", 3, { stride: 2, padding: 1, groups: 2 }],
  ["one element", 1, {}],
] as const)("a convolution of %s", (_, size, options) => {
  const sizes = { x: [2, 4, 5, 6], weight: [6, "groups" in options ? 2 : 4, size, size], bias: [6] };
  const random = (shape: readonly number[], seed: number) =>
    tensor(
      uniform(
        shape.reduce((a, b) => a * b, 1),
        -1,
        1,
        seed,
      ),
      { shape: [...shape], requiresGrad: true },
    );
  const shapes = [sizes.x, sizes.weight as number[], sizes.bias];

  it("has the derivatives of central differences, the second ones too", async () => {
    const cube = (x: Tensor, weight: Tensor, bias: Tensor) => conv2d(x, weight, bias, options).pow(3);
    const inputs = shapes.map((shape, i) => random(shape, i + 1));
    await gradcheck((x, weight, bias) => conv2d(x as Tensor, weight as Tensor, bias, options), inputs);
    await gradgradcheck((x, weight, bias) => cube(x as Tensor, weight as Tensor, bias as Tensor), inputs);
  });

  it("gives the bits of dense operands for strided ones, forward and backward", async () => {
    const [x, weight, bias] = shapes.map((shape, i) => random(shape, i + 1)) as [Tensor, Tensor, Tensor];
    const turned = (one: Tensor) => one.transpose(0, -1).contiguous().transpose(0, -1);
    const gradients = async (strided: boolean) => {
      const [a, b] = strided ? [turned(x), turned(weight)] : [x, weight];
      const y = conv2d(a, b, bias, options);
      const gradY = random(y.shape, 9).detach();
      const all = grad([y], [x, weight, bias], { gradOutputs: [strided ? turned(gradY) : gradY] });
      return Promise.all([y, ...(all as Tensor[])].map((one) => one.data()));
    };
    expect(await gradients(true)).toEqual(await gradients(false));
  });

  it("gives each gradient that is asked for alone", async () => {
    const inputs = shapes.map((shape, i) => random(shape, i + 1));
    const run = (wanted: readonly number[]) => {
      const [x, weight, bias] = inputs.map((one, i) => (wanted.includes(i) ? one : one.detach()));
      const y = conv2d(x as Tensor, weight as Tensor, bias, options);
      const gradY = random(y.shape, 9).detach();
      const all = grad(
        [y],
        wanted.map((i) => inputs[i] as Tensor),
        { gradOutputs: [gradY] },
      ) as Tensor[];
      return Promise.all(all.map((one) => one.data()));
    };
    const together = await run([0, 1, 2]);
    for (const i of [0, 1, 2])
      expectClose((await run([i]))[0] as Float32Array, together[i] as Float32Array, products, `${i}`);
  });
});

it("a convolution of no channels is its bias", async () => {
  const weight = zeros([2, 0, 3, 3], { requiresGrad: true });
  const bias = tensor([1, 2], { requiresGrad: true });
  const y = conv2d(zeros([1, 0, 3, 4]), weight, bias);
  expect([...(await y.data())]).toEqual([1, 1, 2, 2]);
  sum(y).backward();
  expect([...(await (bias.grad as unknown as Tensor).data())]).toEqual([2, 2]);
});

it("convolutions and pools take empty batches", async () => {
  const x = zeros([0, 2, 5, 5], { requiresGrad: true });
  const weight = ones([3, 2, 3, 3], { requiresGrad: true });
  const y = conv2d(x, weight);
  expect(y.shape).toEqual([0, 3, 3, 3]);
  sum(y).backward();
  expect((x.grad as unknown as Tensor).shape).toEqual([0, 2, 5, 5]);
  expect(Math.max(...(await (weight.grad as unknown as Tensor).data()))).toBe(0);
  expect(maxPool2d(x, 2).shape).toEqual([0, 2, 2, 2]);
  expect(avgPool2d(x, 2).shape).toEqual([0, 2, 2, 2]);
});

it("max pooling takes the first of equal values, propagates NaN, and takes -inf for a value", async () => {
  const x = tensor(
    [
      [
        [
          [1, 1, -Infinity, -Infinity],
          [1, 1, -Infinity, -Infinity],
          [2, 5, 3, 0],
          [5, Number.NaN, 0, 3],
        ],
      ],
    ],
    {
      requiresGrad: true,
    },
  );
  const y = maxPool2d(x, 2);
  expect([...(await y.data())]).toEqual([1, -Infinity, Number.NaN, 3]);
  y.backward(
    tensor([
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ]),
  );
  expect([...(await (x.grad as unknown as Tensor).data())]).toEqual([1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 3, 0, 0]);
});

it("convolutions and pools name what does not fit", () => {
  const [x, weight] = [ones([1, 4, 5, 5]), ones([2, 4, 3, 3])];
  expect(() => conv2d(ones([5, 5]), weight)).toThrow(/\(N, C, H, W\) or \(C, H, W\)/);
  expect(() => conv2d(x, weight, undefined, { padding: "same", stride: 2 })).toThrow(/stride.*1 with padding 'same'/);
  expect(() => new nn.Conv2d(4, 2, 3, { padding: "same", stride: 2 })).toThrow(/stride.*1 with padding 'same'/);
  expect(() => conv2d(x, weight, undefined, { padding: "full" as never })).toThrow(/padding.*'same' or 'valid'/);
  expect(() => conv2d(x, ones([2, 3, 3, 3]))).toThrow(/4 input channels/);
  expect(() => conv2d(x, weight, undefined, { groups: 3 })).toThrow(/groups/);
  expect(() => conv2d(x, weight, ones([3]))).toThrow(/bias.*\[2\]/);
  expect(() => conv2d(x, weight, ones([2], { dtype: "i32" }))).toThrow(/bias.*float/);
  expect(() => conv2d(x, weight, undefined, { stride: 0 })).toThrow(/stride/);
  expect(() => conv2d(x, ones([2, 4, 7, 3]))).toThrow(/window of 7 does not fit into 5/);
  expect(() => conv2d(x, weight, undefined, { pading: 1 } as object)).toThrow(/did you mean 'padding'/);
  expect(() => maxPool2d(x, 2, { padding: 2 })).toThrow(/half/);
  expect(() => avgPool2d(x, [2, 2, 2] as unknown as [number, number])).toThrow(/kernelSize/);
});
