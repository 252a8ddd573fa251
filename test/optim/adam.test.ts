import { describe, expect, it } from "vitest";
import { Adam, AdamW } from "../../src/optim/index.ts";
import { readData } from "../../src/tensor/readback.ts";
import { gradSlotOf } from "../../src/tensor/tensor.ts";
import { adam, adamw } from "../reference/optim.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { leaf, matchesReference, numbers, setGrad } from "../support/optim.ts";

await testDevice();

describe("weight decay", () => {
  it("of AdamW multiplies the parameter by 1 - lr weightDecay where the gradient is 0", async () => {
    const values = numbers(5);
    const p = leaf(values);
    const optimizer = new AdamW([p], { lr: 0.1, weightDecay: 0.5 });
    setGrad(p, [0, 0, 0, 0, 0]);
    optimizer.step();
    // The effect is 5 %: a tolerance of a thousandth of a percent sees where it goes.
    expectClose(
      await readData(p),
      values.map((one) => one * 0.95),
      { rtol: 1e-6, atol: 0 },
      "p",
    );
  });

  it("of Adam goes through the moments: a full step of lr with gradient 0", async () => {
    const p = leaf([2, -3]);
    const optimizer = new Adam([p], { lr: 0.1, weightDecay: 0.5 });
    setGrad(p, [0, 0]);
    optimizer.step();
    expectClose(await readData(p), [1.9, -2.9], { rtol: 1e-6, atol: 0 }, "p");
  });

  it("of 0 makes the two the same to the bit", async () => {
    const values = numbers(4097);
    const [a, b] = [leaf(values), leaf(values)];
    const [l2, decoupled] = [new Adam([a], { weightDecay: 0 }), new AdamW([b], { weightDecay: 0 })];
    for (let step = 0; step < 10; step++) {
      for (const p of [a, b]) setGrad(p, numbers(4097, step + 2));
      l2.step();
      decoupled.step();
    }
    expect(await readData(a)).toEqual(await readData(b));
  });

  it.each([true, false])("equals the reference over 10 steps (amsgrad %s)", async (amsgrad) => {
    const options = { lr: 0.01, weightDecay: 0.3, amsgrad };
    const gradient = (step: number) => numbers(33, step + 5).map((one) => one * (step % 3));
    const [p, q] = [leaf(numbers(33)), leaf(numbers(33))];
    // The decay moves the parameters by up to 3e-2: the tolerance is a ten-thousandth of that.
    await matchesReference(new AdamW([p], options), p, adamw(options), 10, gradient, { rtol: 0, atol: 3e-6 });
    await matchesReference(new Adam([q], options), q, adam(options), 10, gradient, { rtol: 0, atol: 3e-6 });
  });
});

it.each([1e-12, 1e-4, 1, 1e4])(
  "eps is added outside the root: Adam matches the reference for 200 steps with gradients of %d",
  async (scale) => {
    const p = leaf([0, 0, 0]);
    const options = { lr: 0.01, eps: 1e-8 };
    const moved = (0.01 * 200 * scale) / (scale + 1e-8);
    await matchesReference(new Adam([p], options), p, adam(options), 200, () => [scale, -scale, scale], {
      rtol: 1e-4,
      atol: 0,
    });
    expect(Math.abs((await readData(p))[0] as number)).toBeGreaterThan(moved / 10);
  },
);

it("Adam refuses options outside their domain", () => {
  const p = leaf([1]);
  for (const options of [
    { lr: -1 },
    { lr: Number.NaN },
    { lr: Infinity },
    { betas: [0.9, 1] },
    { betas: [-0.1, 0.9] },
    { betas: 0.9 },
    { betas: [0.9] },
    { eps: -1 },
    { weightDecay: -1 },
    { amsgrad: 1 },
  ]) {
    expect(() => new Adam([p], options as object)).toThrow(/^Adam/);
  }
  expect(() => new AdamW([p], { weight_decay: 0.1 } as object)).toThrow("did you mean 'weightDecay'");
  expect(gradSlotOf(p)).toBeUndefined();
});
