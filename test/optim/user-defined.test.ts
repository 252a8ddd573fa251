/** Optimizers that a user defines by a formula. */
import { describe, expect, it } from "vitest";
import { capture, data, nn, optim, type Tensor, tensor } from "../../src/index.ts";
import { adam } from "../reference/optim.ts";
import { testDevice } from "../support/device.ts";
import { leaf, matchesReference, numbers, setGrad } from "../support/optim.ts";

const device = await testDevice();

interface Options extends optim.BaseOptions {
  betas: readonly [number, number];
  eps: number;
}

/** Adam as a user would write it. */
const spec: optim.OptimizerSpec<Options> = {
  name: "MyAdam",
  defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 },
  stateBuffers: [{ name: "exp_avg" }, { name: "exp_avg_sq" }],
  weightDecay: "l2",
  kernelConstants: ({ betas: [beta1, beta2], eps }) => ({ rate1: 1 - beta1, rate2: 1 - beta2, eps }),
  biasCorrections: ({ betas: [beta1, beta2] }) => ({ correction1: beta1, correction2: beta2 }),
  update: `
    exp_avg += rate1 * (grad - exp_avg);
    exp_avg_sq += rate2 * (grad * grad - exp_avg_sq);
    value -= lr * (exp_avg / correction1) / (sqrt(exp_avg_sq / correction2) + eps);
  `,
};

class MyAdam extends optim.Optimizer<Options> {
  constructor(params: optim.ParamsInput<Options>, options: Partial<Options> = {}) {
    super(spec, params, options);
  }
}

it("a formula with bias corrections and L2 decay follows the double-precision reference", async () => {
  const p = leaf(numbers(21, 5));
  const options = { lr: 0.01, weightDecay: 0.1 };
  const gradient = (step: number) => numbers(21, step + 1);
  await matchesReference(new MyAdam([p], options), p, adam(options), 100, gradient, { rtol: 1e-5, atol: 1e-6 });
});

it("a state buffer starts from its initial value, per group", async () => {
  interface Start extends optim.BaseOptions {
    start: number;
  }
  class Sum extends optim.Optimizer<Start> {
    constructor(params: optim.ParamsInput<Start>) {
      const stateBuffers = [{ name: "sum", initial: ({ start }: Start) => start }];
      super(
        {
          name: "Sum",
          defaults: { lr: 1, weightDecay: 0, start: 0 },
          stateBuffers,
          update: "sum += grad; value = sum + t;",
        },
        params,
      );
    }
  }
  const [p, q] = [leaf([1, 2, 3]), leaf([4])];
  const optimizer = new Sum([{ params: p, start: 10 }, { params: q }]);
  setGrad(p, [1, 1, 1]);
  setGrad(q, [1]);
  optimizer.step();
  expect([await p.tolist(), await q.tolist()]).toEqual([[12, 12, 12], [2]]);
});

describe("the library's means", () => {
  function training() {
    const w = tensor(numbers(12, 1), { shape: [3, 4], requiresGrad: true });
    const optimizer = new MyAdam([w], { lr: (step: number) => 0.1 / (step + 1), weightDecay: 0.1 });
    const scaler = new optim.GradScaler({ initScale: 8, growthInterval: 100 });
    const step = (x: Tensor): Tensor => {
      optimizer.zeroGrad();
      const loss = x.matmul(w).square().sum();
      scaler.scale(loss).backward();
      scaler.step(optimizer);
      scaler.update();
      return loss;
    };
    return { w, optimizer, step };
  }
  const batch = (i: number) => tensor(numbers(6, i), { shape: [2, 3] });
  const broken = () => tensor([Number.POSITIVE_INFINITY, 1, 1, 1, 1, 1], { shape: [2, 3] });

  it("captured steps have eager's bits, skipped ones among them", async () => {
    const [eager, captured] = [training(), training()];
    const replay = capture(captured.step);
    for (let i = 1; i <= 8; i++) {
      eager.step(i % 3 === 0 ? broken() : batch(i));
      replay(i % 3 === 0 ? broken() : batch(i));
      expect(await captured.w.tolist()).toEqual(await eager.w.tolist());
    }
  });

  it("skipped steps do not count for bias corrections", async () => {
    const p = leaf([1, 2]);
    const optimizer = new MyAdam([p], { lr: 0.1 });
    const scaler = new optim.GradScaler({ initScale: 1 });
    const reference = adam({ lr: 0.1 });
    const exact = [1, 2];
    for (let i = 0; i < 6; i++) {
      const isBad = i < 3;
      setGrad(p, isBad ? [Number.NaN, 1] : [1, -1e-3]);
      scaler.step(optimizer);
      scaler.update();
      if (!isBad) reference(exact, [1, -1e-3]);
    }
    for (const [i, value] of ((await p.tolist()) as number[]).entries())
      expect(value).toBeCloseTo(exact[i] as number, 5);
  });

  it("a run continued from a state dict has the bits of an uninterrupted one", async () => {
    const [whole, first, second] = [training(), training(), training()];
    for (let i = 1; i <= 6; i++) whole.step(batch(i));
    for (let i = 1; i <= 3; i++) first.step(batch(i));
    second.w.copy_(first.w);
    second.optimizer.loadStateDict(first.optimizer.stateDict());
    for (let i = 4; i <= 6; i++) second.step(batch(i));
    expect(await second.w.tolist()).toEqual(await whole.w.tolist());
  });

  it.each(["eager", "captured"])(
    "a run resumed from a checkpoint has the bits of an uninterrupted %s one",
    async (mode) => {
      const run = (): { model: nn.Linear; optimizer: MyAdam; step: (x: Tensor) => Tensor } => {
        const model = new nn.Linear(3, 4);
        const [weight, bias] = model.parameters();
        const groups = [
          { params: [weight as Tensor], lr: 0.05 },
          { params: [bias as Tensor], weightDecay: 0.1 },
        ];
        const optimizer = new MyAdam(groups, { lr: (step: number) => 0.1 / (step + 1) });
        const step = (x: Tensor): Tensor => {
          optimizer.zeroGrad();
          const loss = model.forward(x).square().sum();
          loss.backward();
          optimizer.step();
          return loss;
        };
        return { model, optimizer, step: mode === "captured" ? capture(step) : step };
      };
      const [whole, resumed] = [run(), run()];
      for (let i = 1; i <= 4; i++) whole.step(batch(i));
      const bytes = await data.saveCheckpoint({ model: whole.model, optimizer: whole.optimizer });
      // Steps of its own, which the checkpoint must replace, and a recording from before it.
      for (let i = 1; i <= 2; i++) resumed.step(batch(9 + i));
      data.loadCheckpoint(bytes, { model: resumed.model, optimizer: resumed.optimizer });
      expect(resumed.optimizer.stepCount).toBe(4);
      const losses = [whole, resumed].map(({ step }) =>
        Array.from({ length: 4 }, (_, i) => step(batch(5 + i)).clone()),
      );
      const [expected, got] = await Promise.all(losses.map((list) => Promise.all(list.map((loss) => loss.item()))));
      expect(got).toEqual(expected);
      const ends = [whole, resumed].map(({ model, optimizer }) =>
        data.saveCheckpoint({ model, optimizer, rng: false }),
      );
      expect(await ends[1]).toEqual(await ends[0]);
    },
  );
});

describe("mistakes in a formula's definition", () => {
  class Any extends optim.Optimizer<optim.BaseOptions> {
    constructor(own: Partial<optim.OptimizerSpec<optim.BaseOptions>>) {
      super({ name: "Any", defaults: { lr: 1, weightDecay: 0 }, update: "", ...own }, [leaf([1])]);
    }
  }

  it.each<[string, Partial<optim.OptimizerSpec<optim.BaseOptions>>, RegExp]>([
    ["a taken name", { kernelConstants: () => ({ grad: 1 }) }, /^Any: .*grad/],
    ["one name twice", { stateBuffers: [{ name: "m" }], kernelConstants: () => ({ m: 1 }) }, /^Any: .*'m'/],
    ["no WGSL name", { stateBuffers: [{ name: "a b" }] }, /^Any: .*'a b'/],
    ["too many constants", { kernelConstants: () => ({ a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 }) }, /at most 5/],
    ["too many state buffers", { stateBuffers: ["a", "b", "c", "d", "e"].map((name) => ({ name })) }, /at most 4/],
    ["a default left out", { defaults: { lr: 1 } as never }, /spec.defaults/],
    ["no formula", { update: undefined as never }, /spec.update/],
    ["an unknown decay", { weightDecay: "L1" as never }, /spec.weightDecay/],
  ])("%s is refused when the optimizer is made", (_, own, message) => {
    expect(() => new Any(own)).toThrow(message);
  });

  it("a constant that is no finite number is refused in the step", () => {
    const p = leaf([1]);
    class Broken extends optim.Optimizer<optim.BaseOptions> {
      constructor() {
        const kernelConstants = (_: optim.BaseOptions, lr: number) => ({ rate: lr === 1 ? 1 : Number.NaN });
        super(
          { name: "Broken", defaults: { lr: 0.5, weightDecay: 0 }, update: "value -= rate * grad;", kernelConstants },
          [p],
        );
      }
    }
    const optimizer = new Broken();
    setGrad(p, [1]);
    expect(() => optimizer.step()).toThrow(/^Broken: .*kernelConstants.rate/);
  });

  it("WGSL that does not compile is reported with the optimizer's name", async () => {
    const p = leaf([1]);
    class Wrong extends optim.Optimizer<optim.BaseOptions> {
      constructor() {
        super({ name: "Wrong", defaults: { lr: 1, weightDecay: 0 }, update: "value -= momentum * grad;" }, [p]);
      }
    }
    const optimizer = new Wrong();
    setGrad(p, [1]);
    await expect(async () => {
      optimizer.step();
      await device.sync();
    }).rejects.toThrow(/Wrong[\s\S]*momentum/);
  });
});
