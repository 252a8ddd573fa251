/**
 * Launch choices for GPUs, run on the adapter at hand: kernels, workgroup sizes and splits chosen for GPUs give the
 * results of those for software adapters.
 */
import { expect, it } from "vitest";
import type { Device } from "../../src/gpu/device.ts";
import { avgPool2d, grad, indexSelect, matmul, maxPool2d, nn, softmax, type Tensor, tensor } from "../../src/index.ts";
import { recurrence } from "../../src/ops/rnn.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { pretendedGpu, withDefaultDevice } from "../support/gpu-choices.ts";
import { opTable } from "../support/op-table.ts";
import { labels, uniform } from "../support/values.ts";

const device = await testDevice();
const pretended = pretendedGpu(device);

const sizeOf = (shape: readonly number[]) => shape.reduce((size, dim) => size * dim, 1);

/** The values of `fn` and of its gradients on one of the devices. */
async function valuesOn(
  on: Device,
  fn: (...inputs: Tensor[]) => Tensor,
  shapes: readonly (readonly number[])[],
  [low, high]: readonly [number, number],
): Promise<Float32Array[]> {
  return withDefaultDevice(on, device, async () => {
    const inputs = shapes.map((shape, i) =>
      tensor(uniform(sizeOf(shape), low, high, i + 1), { shape: [...shape], requiresGrad: true }),
    );
    const y = fn(...inputs);
    const gradY = tensor(uniform(y.size, -1, 1, 9), { shape: [...y.shape] });
    const gradients = y.requiresGrad ? grad([y], inputs, { gradOutputs: [gradY], allowUnused: true }) : [];
    const all = [y, ...gradients].filter((one): one is Tensor => one !== null && one !== undefined);
    return Promise.all(all.map(async (one) => Float32Array.from(await one.data())));
  });
}

async function verify(
  ...args: [Parameters<typeof valuesOn>[1], Parameters<typeof valuesOn>[2], (readonly [number, number])?]
) {
  const [fn, shapes, range = [-2, 2] as const] = args;
  const [software, gpu] = [await valuesOn(device, fn, shapes, range), await valuesOn(pretended, fn, shapes, range)];
  expect(gpu.length).toBe(software.length);
  // Sums in another order.
  gpu.forEach((values, i) => {
    expectClose(values, software[i] as Float32Array, { rtol: 2e-5, atol: 2e-5 }, i === 0 ? "y" : `gradient ${i - 1}`);
  });
}

it.each(opTable)("$name agrees between the launch choices of GPUs and software adapters", ({ fn, shapes, range }) =>
  verify(fn, shapes, range),
);

it.each([
  ["sum of all", (x: Tensor) => x.sum(), [[70, 1001]]],
  ["max of all", (x: Tensor) => x.max(), [[70, 1001]]],
  ["sum along the last dim", (x: Tensor) => x.sum(1), [[5, 7001]]],
  ["sum along the first dim", (x: Tensor) => x.sum(0), [[7001, 5]]],
  ["rows by index", (x: Tensor) => indexSelect(x, 1, tensor(labels(700, 40, 3))), [[3, 40, 132]]],
  ["short rows by index", (x: Tensor) => indexSelect(x, 0, tensor(labels(2000, 40, 3))), [[40, 3]]],
  [
    "LSTM",
    (x: Tensor, weight: Tensor, bias: Tensor, h: Tensor, c: Tensor) =>
      recurrence("lstm", x, weight, bias, { h, c }, false)[0],
    [[4, 9, 80], [80, 20], [80], [9, 20], [9, 20]],
  ],
  ["softmax", (x: Tensor) => softmax(x, 1), [[9, 1000]]],
  ["layer norm", (x: Tensor) => nn.layerNorm(x, [700]), [[9, 700]]],
  ["batch norm", (x: Tensor) => nn.batchNorm(x, null, null, undefined, undefined, { training: true }), [[300, 7]]],
  ["max pooling, disjoint", (x: Tensor) => maxPool2d(x, 2), [[2, 3, 14, 15]]],
  ["max pooling, overlapping", (x: Tensor) => maxPool2d(x, 3, { stride: 2, padding: 1 }), [[2, 3, 14, 15]]],
  ["average pooling, disjoint", (x: Tensor) => avgPool2d(x, 2, { padding: 1 }), [[2, 3, 14, 15]]],
  ["average pooling, overlapping", (x: Tensor) => avgPool2d(x, 3, { stride: 2, padding: 1 }), [[2, 3, 14, 15]]],
  [
    "matmul",
    (a: Tensor, b: Tensor) => matmul(a, b),
    [
      [70, 300],
      [300, 65],
    ],
  ],
] as const)("%s agrees between the launch choices of GPUs and software adapters", (_, fn, shapes) =>
  verify(fn as Parameters<typeof valuesOn>[1], shapes),
);
