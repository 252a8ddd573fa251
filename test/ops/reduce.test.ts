import { expect, it } from "vitest";
import {
  ArgumentError,
  argmax,
  cumsum,
  full,
  logsumexp,
  max,
  mean,
  min,
  norm,
  ones,
  prod,
  reshape,
  ShapeError,
  std,
  sum,
  type Tensor,
  tensor,
  var as variance,
  zeros,
} from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { elementwise, runningSums, sums } from "../support/tolerance.ts";

await testDevice();

await goldenSuite("ops_reduce", { ...sums, looser: { cumsum: runningSums } });

const values = async (x: Tensor) => [...(await x.data())];

it("reductions handle infinities and NaN: masked rows, overflow, and maxima", async () => {
  const x = tensor(
    [
      [-Infinity, -Infinity],
      [-Infinity, 3],
      [Infinity, 1],
      [Number.NaN, 1],
    ],
    { requiresGrad: true },
  );
  expect(await values(logsumexp(x, 1))).toEqual([-Infinity, 3, Infinity, Number.NaN]);
  expect(await values(max(x, 1))).toEqual([-Infinity, 3, Infinity, Number.NaN]);
  expect(await values(min(x, 1))).toEqual([-Infinity, -Infinity, 1, Number.NaN]);
  expect(await values(argmax(x, 1))).toEqual([0, 1, 0, 0]);
  expect(await values(logsumexp(tensor([1e30, 1e30, -1e30]), 0))).toEqual([Math.fround(1e30)]);
  const masked = tensor([-Infinity, 0, Math.log(3)], { requiresGrad: true });
  logsumexp(masked).backward();
  expectClose(await values(masked.grad as unknown as Tensor), [0, 0.25, 0.75], elementwise, "gradient beside a mask");
});

it("a variance far from zero loses nothing to its mean", async () => {
  for (const mean of [0, 1e2, 1e3, 1e4]) {
    const x = tensor([0, 1, 2, 3, 4, 5, 6, 7].map((one) => one + mean));
    expectClose([await variance(x).item()], [6], sums, `mean ${mean}`);
  }
  expect(await values(variance(tensor([[4, 4, 4]]), 1))).toEqual([0]);
  expect(await values(std(tensor([[4, 4, 4]]), 1))).toEqual([0]);
  // n - correction = 0: 0/0 as in PyTorch.
  expect(await values(variance(tensor([[4], [5]]), 1))).toEqual([Number.NaN, Number.NaN]);
});

it("reductions of empty tensors give neutral elements, NaN, or an error where there is none", async () => {
  const none = zeros([0, 2]);
  expect(await values(sum(none, 0))).toEqual([0, 0]);
  expect(await values(prod(none, 0))).toEqual([1, 1]);
  expect(await values(mean(none, 0))).toEqual([Number.NaN, Number.NaN]);
  expect(await values(norm(none, 0))).toEqual([0, 0]);
  expect(await values(logsumexp(none, 0))).toEqual([-Infinity, -Infinity]);
  expect(cumsum(none, 0).shape).toEqual([0, 2]);
  expect(sum(none, 1).shape).toEqual([0]);
  expect(max(zeros([0, 2]), 1).shape).toEqual([0]);
  for (const op of [max, min, argmax]) expect(() => op(none, 0)).toThrow(ShapeError);
});

it("sums of long rows are as exact as pairwise sums", async () => {
  const n = 1_000_003;
  const x = full([n], 0.1);
  expectClose([await sum(x).item()], [n * Math.fround(0.1)], { rtol: 2e-6, atol: 0 }, "sum");
  expectClose([await mean(reshape(x, [1, n]), 1).item()], [0.1], { rtol: 2e-6, atol: 0 }, "mean");
  expectClose([await norm(x).item()], [Math.sqrt(n) * Math.fround(0.1)], { rtol: 2e-6, atol: 0 }, "norm");
});

it("reductions refuse dims that do not exist or come twice, and unknown options", () => {
  const x = ones([2, 3]);
  expect(() => sum(x, 2)).toThrow(ArgumentError);
  expect(() => sum(x, [0, -2])).toThrow(/no dim twice/);
  expect(() => sum(x, 0, { keepDim: true } as object)).toThrow(/did you mean 'keepdim'/);
  for (const op of [max, norm, logsumexp, argmax]) expect(() => op(x, 0, { keep: true } as object)).toThrow(/keepdim/);
  expect(() => variance(x, 0, { corection: 0 } as object)).toThrow(/correction/);
});
