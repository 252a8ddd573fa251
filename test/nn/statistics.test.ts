import { expect, it } from "vitest";
import { manualSeed, nn, randn, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

it("statistics describe every layer's values and gradients", async () => {
  manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(4, 6), new nn.ReLU(), new nn.Linear(6, 2));
  const x = randn([16, 4]);
  const rows = await nn.layerStatistics(model, () => model.forward(x).square().mean(), { bins: 8 });
  expect(rows.map(({ layer }) => layer)).toEqual(["0", "1", "2"]);
  const output = Array.from(await model.forward(x).data(), Number);
  const mean = output.reduce((total, one) => total + one, 0) / output.length;
  const spread = Math.sqrt(output.reduce((total, one) => total + (one - mean) ** 2, 0) / output.length);
  const { values, gradient } = rows[2]!;
  expect(values.mean).toBeCloseTo(mean, 5);
  expect(values.std).toBeCloseTo(spread, 5);
  // The gradient of the mean square is the output times 2 / n.
  expect(gradient!.std).toBeCloseTo((spread * 2) / output.length, 5);
  const width = (values.max - values.min) / 8;
  const counts = new Array<number>(8).fill(0);
  for (const one of output) counts[Math.min(7, Math.floor((one - values.min) / width))]!++;
  expect(values.counts).toEqual(counts);
  expect(rows[1]!.values.zeros).toBeGreaterThan(0.1);
  expect(rows[1]!.values.counts.reduce((total, one) => total + one, 0)).toBe(96);
});

it("statistics touch no grad, leave no tensor, and refuse what is no loss", async () => {
  const model = new nn.Sequential(new nn.Linear(2, 2));
  const x = tensor([[1, 2]]);
  const run = () => nn.layerStatistics(model, () => model.forward(x).sum());
  await run();
  const before = device.memory().tensors;
  await run();
  expect(device.memory().tensors).toBe(before);
  expect(model.parameters()[0]!.grad).toBeNull();
  await expect(nn.layerStatistics(model, () => x)).rejects.toThrow("lossFn");
  await expect(nn.layerStatistics(model, () => x, { bin: 3 } as never)).rejects.toThrow("bins");
});
