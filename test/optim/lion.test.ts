import { expect, it } from "vitest";
import { capture, tensor } from "../../src/index.ts";
import { Lion } from "../../src/optim/index.ts";
import { lion } from "../reference/optim.ts";
import { testDevice } from "../support/device.ts";
import { leaf, matchesReference, numbers, setGrad } from "../support/optim.ts";

await testDevice();

it.each([{ lr: 1e-4 }, { lr: 0.03, weightDecay: 0.2 }, { lr: 0.01, betas: [0.5, 0.8] as const }])(
  "follows the double-precision reference over 10 steps with %j",
  async (options) => {
    const p = leaf(numbers(13, 3));
    const gradient = (step: number) => numbers(13, step + 10);
    await matchesReference(new Lion([p], options), p, lion(options), 10, gradient, { rtol: 1e-6, atol: 1e-7 });
  },
);

it("uses each group's own lr, betas and weightDecay", async () => {
  const params = [leaf(numbers(5, 1)), leaf(numbers(6, 2))];
  const options = [
    { lr: 0.1, weightDecay: 0.5 },
    { lr: 0.01, betas: [0.3, 0.6] as const },
  ];
  const optimizer = new Lion(params.map((one, i) => ({ params: one, ...options[i] })));
  const exact = await Promise.all(params.map((one) => one.tolist() as Promise<number[]>));
  const references = options.map((one) => lion(one));
  for (let step = 0; step < 10; step++) {
    params.forEach((one, i) => {
      const gradient = numbers(one.size, 7 * step + i + 1);
      setGrad(one, gradient);
      references[i]?.(exact[i] as number[], gradient);
    });
    optimizer.step();
  }
  for (const [i, one] of params.entries())
    for (const [k, value] of ((await one.tolist()) as number[]).entries())
      expect(value).toBeCloseTo(exact[i]?.[k] as number, 5);
});

function training(schedule: (step: number) => number) {
  const w = tensor(numbers(12, 1), { shape: [3, 4], requiresGrad: true });
  const optimizer = new Lion([w], { lr: schedule, weightDecay: 0.1 });
  const step = (x: ReturnType<typeof leaf>) => {
    optimizer.zeroGrad();
    const loss = x.matmul(w).tanh().square().sum();
    loss.backward();
    optimizer.step();
    return loss;
  };
  return { w, optimizer, step };
}

const batch = (i: number) => tensor(numbers(6, i), { shape: [2, 3] });

it("has eager's bits when captured, with a schedule", async () => {
  const [eager, captured] = [training((step) => 0.1 / (step + 1)), training((step) => 0.1 / (step + 1))];
  const replay = capture(captured.step);
  for (let i = 1; i <= 8; i++) {
    eager.step(batch(i));
    replay(batch(i));
    expect(await captured.w.tolist()).toEqual(await eager.w.tolist());
  }
});

it("continues from a state dict with the bits of an uninterrupted run", async () => {
  const [whole, first, second] = [training(() => 0.05), training(() => 0.05), training(() => 0.05)];
  for (let i = 1; i <= 8; i++) whole.step(batch(i));
  for (let i = 1; i <= 4; i++) first.step(batch(i));
  const state = first.optimizer.stateDict();
  expect(Object.keys(state.state[0] as object).sort()).toEqual(["exp_avg", "step"]);
  second.w.copy_(first.w);
  second.optimizer.loadStateDict(state);
  for (let i = 5; i <= 8; i++) second.step(batch(i));
  expect(await second.w.tolist()).toEqual(await whole.w.tolist());
});

it("refuses options outside their domain", () => {
  const p = leaf([1]);
  for (const options of [{ betas: [0.9] as never }, { betas: [1, 0] as const }, { lr: -1 }, { weightDecay: -1 }])
    expect(() => new Lion([p], options)).toThrow(/^Lion/);
});
