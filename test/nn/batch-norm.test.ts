/** Which statistics batch norm uses and keeps, and when. Values against PyTorch are in golden.test.ts. */
import { describe, expect, it } from "vitest";
import { nn, noGrad, randn, ShapeError, type Tensor, tensor } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const numbers = async (one: Tensor | null) => Array.from(await (one as Tensor).data());
const running = async ({ runningMean, runningVar, numBatchesTracked }: nn.BatchNorm1d) => [
  await numbers(runningMean),
  await numbers(runningVar),
  await numbers(numBatchesTracked),
];

/** Mean and the variance with divisor n - correction of one channel of a batch. */
function moments(values: readonly number[], correction: number): [mean: number, variance: number] {
  const mean = values.reduce((a, b) => a + b) / values.length;
  return [mean, values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - correction)];
}

const batches = [
  [1, 2, 4],
  [-3, 0, 9],
  [5, 5, 8],
];
const batch = (values: readonly number[]) => tensor(values.map((x) => [x]));

describe("running statistics", () => {
  it("take the unbiased variance, while the biased one normalizes", async () => {
    const layer = new nn.BatchNorm1d(1, { momentum: 0.25, eps: 0 });
    const values = batches[0] as number[];
    const y = await numbers(layer.forward(batch(values)));
    const [mean, biased] = moments(values, 0);
    expectClose(
      y,
      values.map((x) => (x - mean) / Math.sqrt(biased)),
      { rtol: 1e-6 },
      "normalized",
    );
    const [means, variances, count] = await running(layer);
    expectClose(means as number[], [0.25 * mean], { rtol: 1e-6 }, "running mean");
    expectClose(variances as number[], [0.75 + 0.25 * moments(values, 1)[1]], { rtol: 1e-6 }, "running variance");
    expect(count).toEqual([1]);
  });

  it("are the average over all batches with momentum null", async () => {
    const layer = new nn.BatchNorm1d(1, { momentum: null });
    for (const values of batches) layer.forward(batch(values));
    const of = batches.map((values) => moments(values, 1));
    const [means, variances, count] = await running(layer);
    expectClose(means as number[], [of.reduce((sum, [mean]) => sum + mean, 0) / 3], { rtol: 1e-6 }, "mean");
    expectClose(variances as number[], [of.reduce((sum, [, one]) => sum + one, 0) / 3], { rtol: 1e-6 }, "variance");
    expect(count).toEqual([3]);
  });

  it("never move in evaluation, which uses them", async () => {
    const layer = new nn.BatchNorm1d(1, { eps: 0 });
    layer.loadStateDict({ running_mean: tensor([2]), running_var: tensor([4]) }, { strict: false });
    layer.eval();
    const before = await running(layer);
    for (const values of batches) {
      expectClose(
        await numbers(layer.forward(batch(values))),
        values.map((x) => (x - 2) / 2),
        { rtol: 1e-6 },
        "y",
      );
      (layer.forward(batch(values)) as Tensor).sum().backward();
    }
    expect(await running(layer)).toEqual(before);
  });

  it("move in training without a graph too, once per forward", async () => {
    const layer = new nn.BatchNorm1d(1);
    noGrad(() => layer.forward(batch(batches[0] as number[])));
    (layer.forward(batch(batches[1] as number[])) as Tensor).square().sum().backward();
    expect((await running(layer))[2]).toEqual([2]);
  });

  it("are optional: without them evaluation uses those of the batch", async () => {
    const layer = new nn.BatchNorm1d(1, { trackRunningStats: false }).eval();
    const x = batch(batches[0] as number[]);
    expect(await numbers(layer.forward(x))).toEqual(await numbers(layer.train().forward(x)));
    expect(layer.namedBuffers()).toEqual([]);
  });
});

describe("one value per channel", () => {
  it("throws in training and changes nothing", async () => {
    const layer = new nn.BatchNorm1d(2);
    const before = await running(layer);
    expect(() => layer.forward(randn([1, 2]))).toThrow(ShapeError);
    expect(() => layer.forward(randn([1, 2]))).toThrow(/more than 1 value per channel/);
    expect(() => new nn.BatchNorm2d(3).forward(randn([1, 3, 1, 1]))).toThrow(ShapeError);
    expect(await running(layer)).toEqual(before);
  });

  it("is enough in evaluation, and so is one sample of several positions in training", () => {
    expect(new nn.BatchNorm1d(2).eval().forward(randn([1, 2])).shape).toEqual([1, 2]);
    expect(new nn.BatchNorm1d(2).forward(randn([1, 2, 3])).shape).toEqual([1, 2, 3]);
  });
});
