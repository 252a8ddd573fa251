import { expect, it } from "vitest";
import { standardize } from "../../src/data/index.ts";
import { ArgumentError, DtypeError } from "../../src/errors.ts";
import { ones, randn, tensor, zeros } from "../../src/tensor/create.ts";
import { readData } from "../../src/tensor/readback.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();
const read = async (x: Tensor) => [...(await readData(x))];
const column = (values: number[], at: number, of: number) => values.filter((_, i) => i % of === at);
const meanOf = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const stdOf = (values: number[]) => Math.sqrt(meanOf(values.map((value) => (value - meanOf(values)) ** 2)));

it("standardize gives every feature mean 0 and standard deviation 1, at any mean", async () => {
  const [rows, of] = [501, 3];
  const noise = await read(randn([rows, of]));
  const x = tensor(
    noise.map((value, i) => [value, 1e4 + 10 * value, 1e-6 * value][i % of]!),
    { shape: [rows, of] },
  );
  const values = await read(x);
  const { data, mean, std } = standardize(x);
  expect([data.shape, mean.shape, std.shape]).toEqual([[rows, of], [of], [of]]);
  const [result, means, stds] = await Promise.all([data, mean, std].map(read));
  for (let i = 0; i < of; i++) {
    expect(meanOf(column(result!, i, of))).toBeCloseTo(0, 3);
    expect(stdOf(column(result!, i, of))).toBeCloseTo(1, 4);
    expect(means![i]! / meanOf(column(values, i, of))).toBeCloseTo(1, 4);
    expect(stds![i]! / stdOf(column(values, i, of))).toBeCloseTo(1, 4);
  }
});

it("standardize turns constant features and single samples into zeros, whatever their mean", async () => {
  const rows = 1237;
  const x = tensor(Array.from({ length: rows }, (_, i) => [12345.678, 0, -3e-5, i])); // the last one varies
  const { data, std } = standardize(x);
  const values = await read(data);
  expect(new Set(values.filter((_, i) => i % 4 < 3))).toEqual(new Set([0]));
  expect((await read(std)).slice(0, 3)).toEqual([1, 1, 1]);
  expect(await read(standardize(tensor([[3, -4]])).data)).toEqual([0, 0]);
});

it("standardize applies given statistics, and those of one data set to another", async () => {
  const train = standardize(tensor([[0, 5], [2, 5]])); // biome-ignore format: a matrix
  const test = standardize(tensor([[4, 7]]), train);
  expect(await read(test.data)).toEqual([3, 2]);
  expect(await read(test.mean)).toEqual(await read(train.mean));
  expect(await read(standardize(tensor([1, 3]), { mean: 1, std: 2 }).data)).toEqual([0, 1]);
  expect(await read(standardize(tensor([[4, 7]]), { mean: tensor([1, 1]), std: tensor([3, 0]) }).data)).toEqual([1, 6]);
  train.data.dispose();
  train.mean.dispose();
  expect(await read(test.mean)).toEqual([1, 5]);
});

it("standardize takes statistics over other dims: images per channel, rows", async () => {
  const x = randn([4, 2, 3, 3]);
  const { data, mean } = standardize(x, { dim: [0, 2, 3] });
  expect([data.shape, mean.shape]).toEqual([[4, 2, 3, 3], [1, 2, 1, 1]]); // biome-ignore format: shapes
  const channel = (await read(data)).filter((_, i) => Math.floor(i / 9) % 2 === 1);
  expect([meanOf(channel), stdOf(channel)].map((value) => Math.round(value * 1e5) / 1e5 + 0)).toEqual([0, 1]);
  expect(await read(standardize(tensor([[1, 3], [5, 5]]), { dim: 1 }).data)).toEqual([-1, 1, 0, 0]); // biome-ignore format: a matrix
});

it("standardize leaves nothing behind but its result, and builds no graph", () => {
  const x = tensor([1, 2, 3], { requiresGrad: true });
  const before = device.memory().tensors;
  const result = standardize(x);
  expect(result.data.requiresGrad).toBe(false);
  for (const one of Object.values(result)) one.dispose();
  expect(device.memory().tensors).toBe(before);
});

it("standardize refuses what it cannot standardize", () => {
  expect(() => standardize([1, 2] as never)).toThrow(/'x' expected a tensor/);
  expect(() => standardize(zeros([2, 2], { dtype: "i32" }))).toThrow(DtypeError);
  expect(() => standardize(zeros([0, 2]))).toThrow(/at least one sample/);
  expect(() => standardize(zeros([2]), { mean: 1 })).toThrow(/'mean, std' expected both or neither, got 'mean alone'/);
  expect(() => standardize(zeros([2]), { sd: 1 } as never)).toThrow(ArgumentError);
  expect(() => standardize(zeros([2]), { dim: 1 })).toThrow(ArgumentError);
});

it("standardize reports missing values with their index at the next read, or skips them with missing: skip", async () => {
  const values = [1, 10, Number.NaN, 20, 3, 30, 5, Number.POSITIVE_INFINITY];
  const x = tensor(values, { shape: [4, 2] });
  const { data: spoiled } = standardize(x);
  await expect(readData(spoiled)).rejects.toThrow(
    /standardize: argument 'x' expected finite values, got NaN or infinity at element [27]; .*missing: "skip"/,
  );
  const { data, mean, std } = standardize(x, { missing: "skip" });
  expect(await read(mean)).toEqual([3, 20]);
  const stds = await read(std);
  expect(stds[0]).toBeCloseTo(stdOf([1, 3, 5]), 5);
  expect(stds[1]).toBeCloseTo(stdOf([10, 20, 30]), 5);
  const result = await read(data);
  expect(result[2]).toBeNaN();
  expect(result[0]).toBeCloseTo((1 - 3) / stdOf([1, 3, 5]), 5);
  expect(result[5]).toBeCloseTo((30 - 20) / stdOf([10, 20, 30]), 5);
  // A column without a single value has no statistics, and an inner dim keeps its position.
  const across = standardize(tensor([[1, 3, Number.NaN], [2, 2, 8]]), { missing: "skip", dim: 1 }); // biome-ignore format: rows
  expect(await read(across.mean)).toEqual([2, 4]);
  expect(() => standardize(x, { missing: "drop" } as never)).toThrow(/'missing' expected 'error' or 'skip'/);
  expect(await read(standardize(ones([2, 2])).data)).toEqual([0, 0, 0, 0]);
});
