/** Captured training steps equal eager ones to the bit, and what cannot be captured is refused. */
import { describe, expect, it } from "vitest";
import {
  CaptureError,
  capture,
  manualSeed,
  nn,
  noGrad,
  optim,
  randn,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

const labels = (count: number, seed: number) =>
  tensor(Int32Array.from({ length: count }, (_, i) => (i * 7 + seed) % 10));

const models: Record<string, () => nn.Module> = {
  MLP: () => new nn.Sequential(new nn.Linear(19, 33), new nn.ReLU(), new nn.Linear(33, 10)),
  "MLP with batch norm": () =>
    new nn.Sequential(new nn.Linear(19, 33), new nn.BatchNorm1d(33), new nn.ReLU(), new nn.Linear(33, 10)),
  "MLP with layer norm and dropout": () =>
    new nn.Sequential(
      new nn.Linear(19, 33),
      new nn.LayerNorm(33),
      new nn.GELU(),
      new nn.Dropout(0.4),
      new nn.Linear(33, 10),
    ),
};

const rate = optim.schedule.cosine({ peak: 0.01, warmup: 20, total: 200 });
const optimizers: Record<string, (model: nn.Module) => { step(): void; zeroGrad(): void }> = {
  SGD: (model) => new optim.SGD(model.parameters(), { lr: rate, momentum: 0.9 }),
  AdamW: (model) => new optim.AdamW(optim.decayGroups(model, 0.1), { lr: rate }),
};

function trainer(makeModel: () => nn.Module, makeOptimizer: (typeof optimizers)[string]) {
  manualSeed(7);
  const model = makeModel();
  const optimizer = makeOptimizer(model);
  const step = (x: Tensor, y: Tensor): Tensor => {
    optimizer.zeroGrad();
    const loss = nn.crossEntropy(model.forward(x) as Tensor, y);
    loss.backward();
    optim.clipGradNorm(model.parameters(), 1);
    optimizer.step();
    return loss;
  };
  return { model, step };
}

/** Final parameters and buffers, and every loss of a run of 200 steps over 5 batches. */
async function run(makeModel: () => nn.Module, makeOptimizer: (typeof optimizers)[string], captured: boolean) {
  const { model, step } = trainer(makeModel, makeOptimizer);
  const play = captured ? capture(step) : step;
  manualSeed(8);
  const batches = Array.from({ length: 5 }, (_, i) => [randn([16, 19]), labels(16, i)] as const);
  const losses = zeros([200]);
  for (let i = 0; i < 200; i++) {
    const [x, y] = batches[i % 5] as readonly [Tensor, Tensor];
    losses.narrow(0, i, 1).copy_(play(x, y).detach().reshape([1]));
  }
  const state = await Promise.all(Object.values(model.stateDict()).map((one) => one.data()));
  return { losses: await losses.data(), state };
}

describe("200 steps, eager and captured, have the same bits", () => {
  for (const [name, model] of Object.entries(models)) {
    for (const [rule, optimizer] of Object.entries(optimizers)) {
      it(`${name}, ${rule}`, async () => {
        const eager = await run(model, optimizer, false);
        const replayed = await run(model, optimizer, true);
        expect(replayed.losses).toEqual(eager.losses);
        expect(replayed.state).toEqual(eager.state);
        expect(eager.losses[199]).toBeLessThan(eager.losses[0] as number);
      });
    }
  }
});

describe("what is recorded", () => {
  it("again when shapes change, and each kept", async () => {
    const double = capture((x: Tensor) => x.mul(2));
    for (const n of [3, 5, 3, 5])
      expect(await double(tensor(new Float32Array(n).fill(n))).data()).toEqual(new Float32Array(n).fill(2 * n));
    expect(double.recordings).toBe(2);
    double.dispose();
    expect(double.recordings).toBe(0);
  });

  it("at most maxRecordings times", () => {
    const double = capture((x: Tensor) => x.mul(2), { maxRecordings: 2 });
    for (const n of [1, 2, 3, 4]) double(zeros([n]));
    expect(double.recordings).toBe(2);
  });

  it("again when a module changes between training and evaluation", async () => {
    const dropout = new nn.Dropout(0.5);
    const forward = capture((x: Tensor) => noGrad(() => dropout.forward(x)));
    const x = tensor(new Float32Array(1000).fill(1));
    const trained = await forward(x).data();
    expect(trained.filter((value) => value === 0).length).toBeGreaterThan(300);
    dropout.eval();
    expect(await forward(x).data()).toEqual(new Float32Array(1000).fill(1));
    dropout.train();
    expect(forward.recordings).toBe(2);
    expect((await forward(x).data()).filter((value) => value === 0).length).toBeGreaterThan(300);
    expect(forward.recordings).toBe(2);
  });

  it("again when a parameter is frozen", async () => {
    const [p, q] = [tensor([1, 2], { requiresGrad: true }), tensor([3, 4], { requiresGrad: true })];
    const step = capture(() => {
      p.grad = null;
      q.grad = null;
      p.mul(q).sum().backward();
    });
    step();
    expect(await p.grad?.tolist()).toEqual([3, 4]);
    p.requiresGrad = false;
    p.grad = null;
    step();
    expect(p.grad).toBeNull();
    expect(await q.grad?.tolist()).toEqual([1, 2]);
  });

  it("with the accumulation of gradients as it was", async () => {
    const p = tensor([1, 2], { requiresGrad: true });
    const add = capture((x: Tensor) => p.mul(x).sum().backward());
    const x = tensor([1, 10]);
    for (let i = 1; i <= 4; i++) {
      add(x);
      expect(await p.grad?.tolist()).toEqual([i, 10 * i]);
    }
    p.grad = null;
    add(x);
    expect(await (p as Tensor).grad?.tolist()).toEqual([1, 10]);
  });

  it("with fresh random numbers in every replay, as eager ones", async () => {
    manualSeed(3);
    const draw = capture((x: Tensor) => x.add(randn([4])));
    const captured = [await draw(zeros([4])).data(), await draw(zeros([4])).data(), await draw(zeros([4])).data()];
    manualSeed(3);
    const eager = [await randn([4]).data(), await randn([4]).data(), await randn([4]).data()];
    expect(captured).toEqual(eager);
  });

  it("with host data as constants that no replay overwrites", async () => {
    const f = capture((x: Tensor) =>
      x
        .mul(2)
        .add(tensor([1, 2, 3]))
        .mul(tensor([1, 10, 100])),
    );
    for (let i = 0; i < 3; i++)
      expect(await f(tensor([i, i, i])).tolist()).toEqual([2 * i + 1, (2 * i + 2) * 10, (2 * i + 3) * 100]);
  });

  it("with the memory of tensors that are disposed later", async () => {
    const weight = tensor([1, 2, 3]);
    const f = capture((x: Tensor) => x.mul(weight));
    await f(tensor([1, 1, 1])).data();
    weight.dispose();
    const others = Array.from({ length: 20 }, () => tensor([9, 9, 9]));
    expect(await f(tensor([1, 1, 1])).tolist()).toEqual([1, 2, 3]);
    expect(others.length).toBe(20);
  });
});

describe("what cannot be captured", () => {
  it("a read inside, whose promise nobody may be waiting for", () => {
    for (const read of ["data", "item", "tolist"] as const) {
      const step = capture((x: Tensor) => {
        void x[read]();
        return x.mul(1);
      });
      expect(() => step(zeros([1])), read).toThrow(CaptureError);
    }
  });

  it("an async function", () => {
    expect(() => capture(async (x: Tensor) => x)(zeros([2]))).toThrow(/async/);
  });

  it("a capture inside a capture", () => {
    const inner = capture((x: Tensor) => x.mul(2));
    expect(() => capture((x: Tensor) => inner(x))(zeros([2]))).toThrow(/inside another/);
  });

  it("an input that wants a gradient", () => {
    expect(() => capture((x: Tensor) => x.sum().backward())(zeros([2], { requiresGrad: true }))).toThrow(
      /requiresGrad/,
    );
  });

  it("an optimizer made inside", () => {
    const p = tensor([1, 2], { requiresGrad: true });
    expect(() => capture(() => void new optim.SGD([p], { lr: 1 }))()).toThrow(CaptureError);
  });

  it("anything after an error inside, but eager work goes on", async () => {
    const failing = capture((x: Tensor) => x.add(zeros([3])));
    expect(() => failing(zeros([2]))).toThrow(/broadcast/);
    expect(await zeros([2]).add(1).tolist()).toEqual([1, 1]);
  });
});

it("check: a step that depends on something the tape does not know is found", async () => {
  let factor = 1;
  const step = capture((x: Tensor) => x.mul(tensor([factor++, 1])), { check: true });
  await step(tensor([1, 1])).data();
  await expect(step(tensor([1, 1])).data()).rejects.toThrow(/differs from an eager run/);
});

it("10 dispatches and one submit make a training step of a three-layer MLP", () => {
  const model = new nn.Sequential(
    new nn.Linear(784, 256),
    new nn.ReLU(),
    new nn.Linear(256, 128),
    new nn.ReLU(),
    new nn.Linear(128, 10),
  );
  const optimizer = new optim.Adam(model.parameters());
  const step = capture((x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = nn.crossEntropy(model.forward(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
  const [x, y] = [randn([128, 784]), labels(128, 0)];
  step(x, y);
  device.recorder.flush();
  const [dispatches, submits] = [device.recorder.dispatchCount, device.recorder.submitCount];
  step(x, y);
  expect(device.recorder.dispatchCount - dispatches).toBeLessThanOrEqual(10);
  expect(device.recorder.submitCount - submits).toBe(1);
});

it("joins chains of elementwise operations, to the same bits", async () => {
  const f = (x: Tensor) => noGrad(() => x.mul(3).add(1).tanh().square().sub(x).sigmoid());
  const captured = capture(f);
  const x = randn([1000]);
  const eager = await f(x).data();
  await captured(x).data();
  const before = device.recorder.dispatchCount;
  expect(await captured(x).data()).toEqual(eager);
  expect(device.recorder.dispatchCount - before).toBe(1);
});

it("joins chains on a single element", async () => {
  const step = capture((x: Tensor) => x.mul(x.square().sum().sqrt().maximum(1e-7).abs()));
  for (const scale of [1, 2, 3]) {
    const length = scale * Math.sqrt(5);
    const values = await step(tensor([scale, 2 * scale])).data();
    expect(values[1]! / (2 * scale * length)).toBeCloseTo(1, 5);
  }
});
