/** Captured steps: what changes from step to step on the host must reach the GPU in replays too. */
import { expect, it } from "vitest";
import { backward } from "../../src/autograd/backward.ts";
import { capture, mul, sub, sum, tensor } from "../../src/index.ts";
import { AdaGrad, Adam, AdamW, clipGradNorm, RMSProp, SGD, schedule } from "../../src/optim/index.ts";
import { readData } from "../../src/tensor/readback.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { testDevice } from "../support/device.ts";
import { type AnyOptimizer, leaf, numbers } from "../support/optim.ts";

await testDevice();

const rate = schedule.cosine({ peak: 0.1, warmup: 3, total: 12 });
const makers: [string, (params: Tensor[]) => AnyOptimizer][] = [
  ["SGD", (params) => new SGD(params, { lr: rate, momentum: 0.9, nesterov: true })],
  ["AdaGrad", (params) => new AdaGrad(params, { lr: rate, lrDecay: 0.1 })],
  ["RMSProp", (params) => new RMSProp(params, { lr: rate, centered: true, momentum: 0.9 })],
  ["Adam", (params) => new Adam(params, { lr: rate, amsgrad: true })],
  ["AdamW", (params) => new AdamW(params, { lr: rate, weightDecay: 0.1 })],
];

/** A training step on two parameters, and the parameters. */
function training(make: (params: Tensor[]) => AnyOptimizer) {
  const params = [leaf(numbers(5, 1)), leaf(numbers(130, 2))];
  const optimizer = make(params);
  const step = (x: Tensor): Tensor => {
    optimizer.zeroGrad();
    const [p, q] = params as [Tensor, Tensor];
    const away = sub(p, x);
    const loss = sum(mul(sum(mul(away, away)), sum(mul(q, q))));
    backward(loss);
    const norm = clipGradNorm(params, 1);
    optimizer.step();
    return norm;
  };
  return { params, optimizer, step };
}

const values = async ({ params }: { params: readonly Tensor[] }): Promise<unknown> => Promise.all(params.map(readData));

it.each(makers)("%s with a schedule and clipping equals eager to the bit", async (_, make) => {
  const [eager, captured] = [training(make), training(make)];
  const replay = capture(captured.step);
  for (let i = 0; i < 15; i++) {
    const x = numbers(5, 10 + i);
    const [a, b] = [eager.step(tensor(x)), replay(tensor(x))];
    expect(await readData(b)).toEqual(await readData(a));
  }
  expect(await values(captured)).toEqual(await values(eager));
  expect(captured.optimizer.stepCount).toBe(15);
});

it("a replay uses options that the user changed before it, and refuses bad ones", async () => {
  const [eager, captured] = [training((params) => new Adam(params)), training((params) => new Adam(params))];
  const replay = capture(captured.step);
  for (const lr of [0.1, 0.2, 0.05]) {
    for (const { optimizer } of [eager, captured])
      Object.assign(optimizer.paramGroups[0] as object, { lr, betas: [lr, 0.9] });
    eager.step(tensor(numbers(5)));
    replay(tensor(numbers(5)));
  }
  expect(await values(captured)).toEqual(await values(eager));
  Object.assign(captured.optimizer.paramGroups[0] as object, { lr: Number.NaN });
  expect(() => replay(tensor(numbers(5)))).toThrow("lr");
  expect(captured.optimizer.stepCount).toBe(3);
});

it("a step is recorded anew when step counts that a dispatch shares differ", async () => {
  const make = (params: Tensor[]) => new Adam(params, { lr: 0.1 });
  const [eager, captured] = [training(make), training(make)];
  const replay = capture(captured.step);
  for (const [{ params, optimizer }, step] of [
    [eager, eager.step],
    [captured, replay],
  ] as const) {
    for (let i = 0; i < 2; i++) step(tensor(numbers(5, i)));
    optimizer.zeroGrad();
    const [p] = params as [Tensor];
    backward(sum(p));
    optimizer.step();
    for (let i = 0; i < 3; i++) step(tensor(numbers(5, i)));
  }
  expect(await values(captured)).toEqual(await values(eager));
});
