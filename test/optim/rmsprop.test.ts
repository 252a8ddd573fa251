import { expect, it } from "vitest";
import { RMSProp } from "../../src/optim/index.ts";
import { readData } from "../../src/tensor/readback.ts";
import { rmsprop } from "../reference/optim.ts";
import { testDevice } from "../support/device.ts";
import { leaf, matchesReference, numbers, setGrad } from "../support/optim.ts";

await testDevice();

it.each([1e-12, 1e-3, 1e4])(
  "RMSProp matches the reference for 1000 steps with a constant gradient of %d",
  async (scale) => {
    const p = leaf([0, 0, 0]);
    const options = { lr: 1e-3 };
    await matchesReference(new RMSProp([p], options), p, rmsprop(options), 1000, () => [scale, -scale, 2 * scale], {
      rtol: 1e-4,
      atol: 0,
    });
  },
);

it.each([1e-12, 1e-3, 1e4])(
  "centered RMSProp matches the reference for 300 steps with a noisy gradient of %d",
  async (scale) => {
    const p = leaf([0, 0, 0]);
    const options = { lr: 1e-3, centered: true };
    const gradient = (step: number) => numbers(3, step).map((one) => scale * (1 + one / 4));
    await matchesReference(new RMSProp([p], options), p, rmsprop(options), 300, gradient, { rtol: 1e-4, atol: 0 });
  },
);

it("centered RMSProp never gives NaN where rounding takes the variance below 0", async () => {
  const p = leaf(numbers(256));
  const grads = numbers(256, 3).map((one) => one * 1e4);
  const optimizer = new RMSProp([p], { lr: 1e-6, centered: true });
  setGrad(p, grads);
  for (let step = 0; step < 3000; step++) optimizer.step();
  expect((await readData(p)).every((value) => Number.isFinite(value))).toBe(true);
});

it("RMSProp refuses options outside their domain", () => {
  const p = leaf([1]);
  for (const options of [{ alpha: -0.1 }, { alpha: 1.1 }, { eps: -1 }, { momentum: -1 }, { centered: "yes" }]) {
    expect(() => new RMSProp([p], options as object)).toThrow(/^RMSProp/);
  }
});
