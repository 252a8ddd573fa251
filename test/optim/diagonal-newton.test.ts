import { describe, expect, it } from "vitest";
import { capture, data, manualSeed, mul, nn, square, sum, type Tensor, tensor } from "../../src/index.ts";
import { DiagonalNewton } from "../../src/optim/index.ts";
import { expectClose } from "../support/close.ts";
import { quadratic } from "../support/curvature.ts";
import { testDevice } from "../support/device.ts";
import { leaf, numbers, setGrad } from "../support/optim.ts";

await testDevice();

const exactNewton = { lr: 1, betas: [0, 0.99], damping: 0, clip: 1e9 } as const;

function run(optimizer: DiagonalNewton, loss: () => Tensor): void {
  optimizer.zeroGrad();
  loss().backward();
  optimizer.step(loss);
}

describe("DiagonalNewton on quadratics", () => {
  it("with a diagonal Hessian converges in one step, whatever the condition number", async () => {
    const a = [1e-3, 1, 10, 1e4];
    const { w, loss } = quadratic(a, [3, -2, 5, 1], 1);
    run(new DiagonalNewton([w], exactNewton), loss);
    expectClose(await w.data(), [1, 1, 1, 1], { rtol: 0, atol: 1e-5 }, "w");
  });

  it("contracts by 1 - lr per step with lr below 1", async () => {
    const { w, loss } = quadratic([0.1, 100], [1, 1]);
    const optimizer = new DiagonalNewton([w], { ...exactNewton, lr: 0.5 });
    for (let k = 0; k < 6; k++) run(optimizer, loss);
    expectClose(await w.data(), [0.5 ** 6, 0.5 ** 6], { rtol: 1e-4 }, "w");
  });

  it("descends from a saddle: negative curvature counts by its absolute value", async () => {
    const { w, loss } = quadratic([-2, 4], [0.5, 1]);
    run(new DiagonalNewton([w], exactNewton), loss);
    expectClose(await w.data(), [1, 0], { rtol: 0, atol: 1e-6 }, "w");
  });
});

it("DiagonalNewton follows the formula with damping, clip, momentum and decay", async () => {
  const [curvature, damping, clip, lr, weightDecay, beta] = [4, 1, 0.3, 0.1, 0.5, 0.8];
  const start = numbers(6);
  const p = leaf(start);
  const optimizer = new DiagonalNewton([p], { lr, betas: [beta, 0.9], damping, clip, weightDecay });
  optimizer.updateCurvature(() => mul(sum(square(p)), curvature / 2));
  const exact = [...start];
  const average = new Array<number>(6).fill(0);
  for (let t = 1; t <= 4; t++) {
    const g = numbers(6, t + 3).map((one) => 3 * one);
    setGrad(p, g);
    optimizer.step();
    g.forEach((one, i) => {
      average[i] = beta * average[i]! + (1 - beta) * one;
      const step = average[i]! / (1 - beta ** t) / (curvature + damping);
      exact[i] = exact[i]! * (1 - lr * weightDecay) - lr * Math.min(clip, Math.max(-clip, step));
    });
  }
  expectClose(await p.data(), exact, { rtol: 0, atol: 1e-6 }, "p");
});

it("curvature is averaged, by the mean at first, without what is not finite", async () => {
  const p = leaf([1, 1]);
  const optimizer = new DiagonalNewton([p], exactNewton);
  const bends = [
    [2, 2],
    [4, Number.POSITIVE_INFINITY],
  ];
  for (const bend of bends) optimizer.updateCurvature(() => mul(sum(mul(tensor(bend), square(p))), 0.5));
  setGrad(p, [3, 2]);
  optimizer.step();
  expectClose(await p.data(), [0, 0], { rtol: 0, atol: 1e-6 }, "p");
});

describe("training with DiagonalNewton", () => {
  const [x, y] = [tensor(numbers(48, 5), { shape: [8, 6] }), tensor(Int32Array.from([0, 1, 2, 0, 1, 2, 0, 1]))];
  const make = (estimator: "hutchinson" | "bartlett", withDropout = false) => {
    manualSeed(6);
    const dropout = withDropout ? [new nn.Dropout(0.2)] : [];
    const model = new nn.Sequential(new nn.Linear(6, 10), new nn.Tanh(), ...dropout, new nn.Linear(10, 3));
    const optimizer = new DiagonalNewton(model.parameters(), { lr: 0.05, every: 3, estimator });
    const logits = () => model.forward(x) as Tensor;
    const loss = () => nn.crossEntropy(logits(), y);
    const step = () => {
      optimizer.zeroGrad();
      const value = loss();
      value.backward();
      optimizer.step(estimator === "bartlett" ? logits : loss);
      return value;
    };
    return { model, optimizer, step };
  };
  const losses = async (step: () => Tensor, count: number) => {
    const values: number[] = [];
    for (let k = 0; k < count; k++) values.push(await step().item());
    return values;
  };

  it.each(["hutchinson", "bartlett"] as const)("lowers the loss with %s, captured as eager", async (estimator) => {
    const eager = await losses(make(estimator).step, 12);
    expect(eager[11]).toBeLessThan(0.7 * eager[0]!);
    expect(await losses(capture(make(estimator).step), 12)).toEqual(eager);
  });

  it("may have dropout", async () => {
    const values = await losses(make("hutchinson", true).step, 9);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it("continues from a checkpoint", async () => {
    const first = make("hutchinson");
    await losses(first.step, 4);
    const bytes = await data.saveCheckpoint({ model: first.model, optimizer: first.optimizer, rng: true });
    const expected = await losses(first.step, 4);
    const second = make("hutchinson");
    data.loadCheckpoint(bytes, { model: second.model, optimizer: second.optimizer });
    expect(await losses(second.step, 4)).toEqual(expected);
  });
});

it("DiagonalNewton refuses to step without curvature, and options outside their domain", () => {
  const p = leaf([1]);
  setGrad(p, [1]);
  expect(() => new DiagonalNewton([p]).step()).toThrow("no curvature yet");
  for (const options of [
    { lr: -1 },
    { betas: [1, 0.9] },
    { damping: -1 },
    { clip: -1 },
    { every: 0 },
    { samples: 1.5 },
    { estimator: "exact" },
    { momentum: 0.9 },
  ]) {
    expect(() => new DiagonalNewton([p], options as object)).toThrow(/^DiagonalNewton/);
  }
});
