import { expect, it } from "vitest";
import { AdaGrad } from "../../src/optim/index.ts";
import { adagrad } from "../reference/optim.ts";
import { testDevice } from "../support/device.ts";
import { leaf, matchesReference, numbers } from "../support/optim.ts";

await testDevice();

it.each([1e-12, 1e-3, 1e4])("AdaGrad matches the reference for 300 steps with gradients of %d", async (scale) => {
  const p = leaf([0, 0, 0, 0, 0]);
  const options = { lr: 0.1, lrDecay: 0.01 };
  const gradient = (step: number) => numbers(5, step).map((one) => one * scale);
  await matchesReference(new AdaGrad([p], options), p, adagrad(options), 300, gradient, { rtol: 1e-4, atol: 1e-6 });
});

it("AdaGrad starts from the initial accumulator value, per group", async () => {
  const [p, q] = [leaf([0, 0, 0]), leaf([0])];
  const groups = [{ params: p, initialAccumulatorValue: 0.5 }, { params: q }];
  const optimizer = new AdaGrad(groups, { lr: 0.1 });
  const reference = adagrad({ lr: 0.1, initialAccumulatorValue: 0.5 });
  await matchesReference(optimizer, p, reference, 3, () => [1, 1e-6, -1], { rtol: 1e-6, atol: 0 });
});

it("AdaGrad refuses options outside their domain", () => {
  const p = leaf([1]);
  for (const options of [{ lrDecay: -1 }, { initialAccumulatorValue: -1 }, { eps: Number.NaN }]) {
    expect(() => new AdaGrad([p], options)).toThrow(/^AdaGrad/);
  }
});
