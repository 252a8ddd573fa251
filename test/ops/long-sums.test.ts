/** Sums over very many values keep five digits and more, whichever kernel adds them up. */

import { describe, expect, it } from "vitest";
import {
  avgPool2d,
  conv2d,
  cumsum,
  einsum,
  full,
  grad,
  indexSelect,
  matmul,
  mean,
  nn,
  norm,
  optim,
  scatterAdd,
  softmax,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { runMatmul } from "../../src/kernels/matmul/run.ts";
import { bindingOf } from "../../src/tensor/binding.ts";
import { testDevice } from "../support/device.ts";
import { uniform } from "../support/values.ts";

const device = await testDevice();

/** Rounding of one sum after another would be a hundred times this. */
const TOLERANCE = 1e-5;
/** All rounding errors of sums of 0.1 point the same way; random ones cancel. */
const kinds = {
  "0.1": (size: number) => new Float32Array(size).fill(0.1),
  "random numbers": (size: number) => uniform(size, 0, 1, 7),
};
type Make = (size: number) => Float32Array;

const leaf = (values: Float32Array, shape: number[]): Tensor => tensor(values, { shape, requiresGrad: true });
const first = async (t: Tensor | undefined, at = 0): Promise<number> => Number((await (t as Tensor).data())[at]);

/** The sum in float64 of a function of the indices below `count`. */
function exactSum(count: number, value: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += value(i);
  return total;
}

function expectNear(actual: number, exact: number): void {
  expect(Math.abs(actual - exact) / Math.abs(exact)).toBeLessThan(TOLERANCE);
}

const n = 1_000_000;
const at = (values: Float32Array, i: number): number => values[i] as number;

const cases: Record<string, (make: Make) => Promise<void>> = {
  "sum, mean and norm": async (make) => {
    const values = make(n);
    const x = tensor(values);
    const exact = exactSum(n, (i) => at(values, i));
    expectNear(await sum(x).item(), exact);
    expectNear(await mean(x).item(), exact / n);
    const squares = exactSum(n, (i) => at(values, i) ** 2);
    expectNear(await norm(x).item(), Math.sqrt(squares));
    expectNear(await nn.mseLoss(x, zeros([n])).item(), squares / n);
    x.requiresGrad = true;
    x.grad = tensor(values);
    expectNear(await optim.clipGradNorm([x], 1e9).item(), Math.sqrt(squares));
  },
  "cumsum along one and along the first of two dims": async (make) => {
    const values = make(n);
    for (const inner of [1, 8]) {
      const y = await cumsum(tensor(values, { shape: [n / inner, inner] }), 0).data();
      let total = 0;
      let worst = 0;
      for (let i = inner - 1; i < n; i += inner) {
        total += at(values, i);
        worst = Math.max(worst, Math.abs((y[i] as number) - total) / total);
      }
      expect(worst).toBeLessThan(TOLERANCE);
    }
  },
  "the gradient of cumsum": async (make) => {
    const values = make(n);
    const x = leaf(new Float32Array(n), [n]);
    const [gradX] = grad([cumsum(x, 0)], [x], { gradOutputs: [tensor(values)] });
    expectNear(
      await first(gradX),
      exactSum(n, (i) => at(values, i)),
    );
  },
  "the gradients of Linear's weight and bias": async (make) => {
    for (const [rows, inFeatures, outFeatures] of [
      [n, 1, 1],
      [300_000, 4, 8],
      [50_000, 32, 40],
    ] as const) {
      const [values, upstream] = [make(rows * inFeatures), make(rows * outFeatures)];
      const weight = leaf(new Float32Array(outFeatures * inFeatures), [outFeatures, inFeatures]);
      const bias = leaf(new Float32Array(outFeatures), [outFeatures]);
      const y = nn.linear(tensor(values, { shape: [rows, inFeatures] }), weight, bias);
      const gradOutputs = [tensor(upstream, { shape: [rows, outFeatures] })];
      const [gradWeight, gradBias] = grad([y], [weight, bias], { gradOutputs });
      expectNear(
        await first(gradBias),
        exactSum(rows, (r) => at(upstream, r * outFeatures)),
      );
      const exact = exactSum(rows, (r) => at(upstream, r * outFeatures) * at(values, r * inFeatures));
      expectNear(await first(gradWeight), exact);
    }
  },
  "einsum and a batch of matmuls": async (make) => {
    const [values, K] = [make(n), 100_000];
    expectNear(
      await einsum("i,i->", tensor(values), tensor(values)).item(),
      exactSum(n, (i) => at(values, i) ** 2),
    );
    const c = matmul(tensor(make(5 * 2 * K), { shape: [5, 2, K] }), tensor(make(5 * K), { shape: [5, K, 1] }));
    const [a, b] = [make(5 * 2 * K), make(5 * K)];
    expectNear(
      await first(c),
      exactSum(K, (k) => at(a, k) * at(b, k)),
    );
  },
  "the gradients of layer norm's weight and bias": async (make) => {
    const [rows, cols] = [500_000, 4];
    const [values, upstream] = [uniform(rows * cols, -1, 1, 3), make(rows * cols)];
    const [weight, bias] = [leaf(new Float32Array(cols).fill(1), [cols]), leaf(new Float32Array(cols), [cols])];
    const y = nn.layerNorm(tensor(values, { shape: [rows, cols] }), [cols], weight, bias);
    const [, gradBias] = grad([y], [weight, bias], { gradOutputs: [tensor(upstream, { shape: [rows, cols] })] });
    expectNear(
      await first(gradBias),
      exactSum(rows, (r) => at(upstream, r * cols)),
    );
  },
  "batch norm's statistics and its bias's gradient": async (make) => {
    const [rows, channels] = [500_000, 2];
    const values = make(rows * channels);
    const [runningMean, runningVar] = [zeros([channels]), zeros([channels])];
    const bias = leaf(new Float32Array(channels), [channels]);
    const weight = leaf(new Float32Array(channels), [channels]);
    for (const shape of [
      [rows, channels],
      [5, channels, rows / 5],
    ]) {
      const x = tensor(values, { shape });
      const y = nn.batchNorm(x, runningMean, runningVar, weight, bias, { training: true, momentum: 1 });
      const [gradBias] = grad([y], [bias], { gradOutputs: [tensor(values, { shape })] });
      const isFirst = (i: number) => (shape.length === 2 ? i % 2 === 0 : Math.floor(i / (rows / 5)) % 2 === 0);
      const exact = exactSum(values.length, (i) => (isFirst(i) ? at(values, i) : 0));
      expectNear(await first(runningMean), exact / rows);
      expectNear(await first(gradBias), exact);
    }
  },
  "the gradient of softmax over long rows": async (make) => {
    const [rows, cols] = [16, 100_000];
    const upstream = make(rows * cols);
    const x = leaf(new Float32Array(rows * cols), [rows, cols]);
    const [gradX] = grad([softmax(x, 1)], [x], { gradOutputs: [tensor(upstream, { shape: [rows, cols] })] });
    const average = exactSum(cols, (i) => at(upstream, i)) / cols;
    // The sum's error, unspoilt by the difference to it.
    expectNear(at(upstream, 0) - (await first(gradX)) * cols, average);
  },
  "sums of what goes to one index": async (make) => {
    const count = 200_000;
    const values = make(count);
    const exact = exactSum(count, (i) => at(values, i));
    const index = tensor(new Int32Array(count).fill(1));
    const table = leaf(new Float32Array(3), [3, 1]);
    const gradOutputs = [tensor(values, { shape: [count, 1] })];
    expectNear(await first(grad([indexSelect(table, 0, index)], [table], { gradOutputs })[0], 1), exact);
    expectNear(await first(grad([nn.embedding(index, table)], [table], { gradOutputs })[0], 1), exact);
    expectNear(await first(scatterAdd(zeros([3]), 0, index, tensor(values)), 1), exact);
  },
  "cross entropy with class weights": async (make) => {
    const [rows, classes] = [300_000, 3];
    const logits = make(rows * classes);
    const labels = Int32Array.from({ length: rows }, (_, i) => i % classes);
    const weights = Float32Array.of(0.1, 0.7, 0.3);
    const weightOf = (row: number) => at(weights, row % classes);
    const exact = exactSum(rows, (row) => {
      const total = exactSum(classes, (c) => Math.exp(at(logits, row * classes + c)));
      return weightOf(row) * (Math.log(total) - at(logits, row * classes + (row % classes)));
    });
    const x = tensor(logits, { shape: [rows, classes] });
    const loss = await nn.crossEntropy(x, tensor(labels), { weight: tensor(weights) }).item();
    expectNear(loss, exact / exactSum(rows, weightOf));
  },
  "a convolution's weight and bias": async (make) => {
    const [images, size] = [4, 200];
    const [values, upstream] = [make(images * size * size), make(images * size * size)];
    const [weight, bias] = [leaf(new Float32Array(9), [1, 1, 3, 3]), leaf(new Float32Array(1), [1])];
    const shape = [images, 1, size, size];
    const y = conv2d(tensor(values, { shape }), weight, bias, { padding: 1 });
    const [gradWeight, gradBias] = grad([y], [weight, bias], { gradOutputs: [tensor(upstream, { shape })] });
    expectNear(
      await first(gradWeight, 4),
      exactSum(values.length, (i) => at(values, i) * at(upstream, i)),
    );
    expectNear(
      await first(gradBias),
      exactSum(upstream.length, (i) => at(upstream, i)),
    );
  },
  "the mean of a large window": async (make) => {
    const size = 301;
    const values = make(size * size);
    const y = avgPool2d(tensor(values, { shape: [1, 1, size, size] }), [size, size - 1], { stride: 1 });
    const exact = exactSum(values.length, (i) => (i % size < size - 1 ? at(values, i) : 0));
    expectNear(await first(y), exact / (size * (size - 1)));
  },
};

describe.each(Object.entries(kinds))("long sums of %s", (_, make) => {
  it.each(Object.entries(cases))("are accurate in %s", (__, check) => check(make));
});

it("a matmul in slices of K that are added up in C gives the whole result, with bias and activation applied once", async () => {
  const [M, N, K] = [1030, 1028, 10_000];
  // Five partial results of this size would take more than is spent on them.
  const [a, b] = [full([M, K], 0.01), full([K, N], 0.1)];
  const [c, bias, biasGrad] = [full([M, N], 3), full([N], -5), full([M], 5)];
  const [slices, product] = [
    { a: bindingOf(a), b: bindingOf(b), c: bindingOf(c), bias: bindingOf(bias) },
    { M, N, K },
  ];
  runMatmul(device, { ...slices, ...product, biasGrad: bindingOf(biasGrad), accumulate: true, activation: "relu" });
  const exact = 3 + K * Math.fround(0.01) * Math.fround(0.1) - 5;
  for (const index of [0, 1, M * N - 1]) expectNear(await first(c, index), exact);
  expectNear(await first(biasGrad, M - 1), 5 + K * Math.fround(0.01));
});
