/** Captured training steps equal eager ones to the bit, and what cannot be captured is refused. */

import { describe, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import {
  arange,
  CaptureError,
  capture,
  linspace,
  manualSeed,
  nn,
  noGrad,
  optim,
  randn,
  randperm,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { classifierStep } from "../support/training-step.ts";

const device = await testDevice();

const labels = (count: number, seed: number) =>
  tensor(Int32Array.from({ length: count }, (_, i) => (i * 7 + seed) % 10));

interface Subject {
  readonly make: () => nn.Module;
  /** Shape of one row of the input. */
  readonly shape: readonly number[];
}

const layers = (...between: nn.Module[]) => new nn.Sequential(new nn.Linear(19, 33), ...between, new nn.Linear(33, 10));
const mlp: Subject = { shape: [19], make: () => layers(new nn.ReLU()) };
const models: Record<string, Subject> = {
  MLP: mlp,
  "MLP with batch norm": { shape: [19], make: () => layers(new nn.BatchNorm1d(33), new nn.ReLU()) },
  "MLP with layer norm and dropout": {
    shape: [19],
    make: () => layers(new nn.LayerNorm(33), new nn.GELU(), new nn.Dropout(0.4)),
  },
  "small ConvNet": {
    shape: [2, 7, 7],
    make: () =>
      new nn.Sequential(
        new nn.Conv2d(2, 5, 3, { padding: 1 }),
        new nn.BatchNorm2d(5),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Flatten(),
        new nn.Linear(45, 10),
      ),
  },
};

const rate = optim.schedule.cosine({ peak: 0.01, warmup: 20, total: 200 });
type MakeOptimizer = (model: nn.Module) => { step(): void; zeroGrad(): void } | optim.DiagonalNewton;
const optimizers: Record<string, MakeOptimizer> = {
  SGD: (model) => new optim.SGD(model.parameters(), { lr: rate, momentum: 0.9, nesterov: true }),
  AdamW: (model) => new optim.AdamW(optim.decayGroups(model, 0.1), { lr: rate }),
};
const furtherOptimizers: Record<string, MakeOptimizer> = {
  AdaGrad: (model) => new optim.AdaGrad(model.parameters(), { lr: rate, lrDecay: 0.01 }),
  RMSProp: (model) => new optim.RMSProp(model.parameters(), { lr: rate, centered: true, momentum: 0.5 }),
  Adam: (model) => new optim.Adam(model.parameters(), { lr: rate, weightDecay: 0.01, amsgrad: true }),
  DiagonalNewton: (model) => new optim.DiagonalNewton(model.parameters(), { lr: rate }),
  Shampoo: (model) => new optim.Shampoo(model.parameters(), { lr: rate }),
  Muon: (model) => new optim.Muon(model.parameters(), { lr: rate }),
};

function trainer({ make }: Subject, makeOptimizer: MakeOptimizer) {
  manualSeed(7);
  const model = make();
  const optimizer = makeOptimizer(model);
  const step = (x: Tensor, y: Tensor): Tensor => {
    optimizer.zeroGrad();
    const lossOf = () => nn.crossEntropy(model.forward(x) as Tensor, y);
    const loss = lossOf();
    loss.backward();
    optim.clipGradNorm(model.parameters(), 1);
    // DiagonalNewton alone asks for more of the loss than its gradient.
    if (optimizer instanceof optim.DiagonalNewton) optimizer.step(lossOf);
    else optimizer.step();
    return loss;
  };
  return { model, step };
}

/** Final parameters and buffers, and every loss of a run of 200 steps over 5 batches. */
async function run(subject: Subject, makeOptimizer: MakeOptimizer, captured: boolean) {
  const { model, step } = trainer(subject, makeOptimizer);
  const play = captured ? capture(step) : step;
  manualSeed(8);
  const batches = Array.from({ length: 5 }, (_, i) => [randn([16, ...subject.shape]), labels(16, i)] as const);
  const losses = zeros([200]);
  for (let i = 0; i < 200; i++) {
    const [x, y] = batches[i % 5] as readonly [Tensor, Tensor];
    losses.narrow(0, i, 1).copy_(play(x, y).detach().reshape([1]));
  }
  const state = await Promise.all(Object.values(model.stateDict()).map((one) => one.data()));
  return { losses: await losses.data(), state };
}

describe("200 steps with a schedule, eager and captured, have the same bits", () => {
  const pairs = Object.entries(models).flatMap(([name, model]) =>
    Object.entries(optimizers).map(([rule, optimizer]) => [name, rule, model, optimizer] as const),
  );
  const further = Object.entries(furtherOptimizers).map(([rule, optimizer]) => ["MLP", rule, mlp, optimizer] as const);
  it.each([...pairs, ...further])("%s, %s", async (_, __, model, optimizer) => {
    const eager = await run(model, optimizer, false);
    const replayed = await run(model, optimizer, true);
    expect(replayed.losses).toEqual(eager.losses);
    expect(replayed.state).toEqual(eager.state);
    expect(eager.losses[199]).toBeLessThan(eager.losses[0] as number);
  });
});

describe("a captured function is recorded", () => {
  it("again when shapes change, and keeps each recording", async () => {
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

  it("again when an argument that is no tensor changes, and by the position of tensors in lists and objects", async () => {
    const f = capture((x: Tensor, options: { by: number; more: Tensor[] }) =>
      options.more.reduce((sum, one) => sum.add(one), x.mul(options.by)),
    );
    const [x, y, z] = [tensor([1, 2]), tensor([10, 20]), tensor([100, 200])];
    for (let round = 0; round < 2; round++) {
      expect(await f(x, { by: 2, more: [y] }).tolist()).toEqual([12, 24]);
      expect(await f(x, { by: 3, more: [y] }).tolist()).toEqual([13, 26]);
      expect(await f(y, { by: 2, more: [z, x] }).tolist()).toEqual([121, 242]);
    }
    expect(f.recordings).toBe(3);
  });

  it("again when a dtype changes", async () => {
    const f = capture((x: Tensor) => x.add(x));
    for (let round = 0; round < 2; round++) {
      expect(await f(tensor([1, 2])).data()).toEqual(new Float32Array([2, 4]));
      expect(await f(tensor(Int32Array.of(1, 2))).data()).toEqual(new Int32Array([2, 4]));
    }
    expect(f.recordings).toBe(2);
  });

  it("again when the shape of a gradient's accumulation, not of an input, changes", async () => {
    const [p, q] = [tensor([1, 2], { requiresGrad: true }), tensor([1, 2, 3], { requiresGrad: true })];
    let current = p;
    const step = capture((x: Tensor, _which: string) => current.mul(x).sum());
    expect(await step(tensor([2]), "p").item()).toBe(6);
    current = q;
    expect(await step(tensor([2]), "q").item()).toBe(12);
    current = p;
    expect(await step(tensor([3]), "p").item()).toBe(9);
  });

  it("in memory that does not grow with the number of shapes, and that dispose() returns", async () => {
    const f = capture((x: Tensor) => x.mul(2).add(1).sum(), { maxRecordings: 2 });
    const x = (n: number) => zeros([1000 + 1000 * n]);
    for (let n = 0; n < 4; n++) scope(() => void f(x(n)));
    await device.sync();
    const before = device.memory();
    for (let n = 0; n < 24; n++) scope(() => void f(x(n % 4)));
    await device.sync();
    expect(f.recordings).toBe(2);
    // Less is possible: the collector may meanwhile have freed what earlier tests left.
    expect(device.memory().liveBytes).toBeLessThanOrEqual(before.liveBytes);
    expect(device.memory().tensors).toBeLessThanOrEqual(before.tensors);
    expect(device.memory().pooledBytes).toBeLessThanOrEqual(
      before.pooledBytes + before.liveBytes - device.memory().liveBytes,
    );
    f.dispose();
    expect(device.memory().liveBytes).toBeLessThan(before.liveBytes);
  });

  it("with large results, which are not readable once their recording was freed", async () => {
    const f = capture((x: Tensor) => x.expand([20_000, 2]).mul(2), { maxRecordings: 1 });
    const first = f(tensor([1, 2]));
    f(tensor([1]));
    await expect(first.data()).rejects.toThrow(/the capture that it belongs to freed its recording/);
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

  it("with the accumulation of gradients as it is in eager mode", async () => {
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

  it("with constants that no replay overwrites", async () => {
    const f = capture((x: Tensor) =>
      x
        .mul(2)
        .add(arange(1, 4))
        .mul(linspace(1, 100, 3)),
    );
    for (let i = 0; i < 3; i++)
      expect(await f(tensor([i, i, i])).tolist()).toEqual([2 * i + 1, (2 * i + 2) * 50.5, (2 * i + 3) * 100]);
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

describe("capture refuses", () => {
  it("a read inside, whose promise nobody may be waiting for", () => {
    for (const read of ["data", "item", "tolist"] as const) {
      const step = capture((x: Tensor) => {
        void x[read]();
        return x.mul(1);
      });
      expect(() => step(zeros([1])), read).toThrow(CaptureError);
    }
  });

  it("a wait, or random numbers of the host, and eager work goes on", async () => {
    let waited: Promise<unknown> | undefined;
    const waiting = capture((x: Tensor) => {
      waited = device.sync();
      return x.mul(1);
    });
    waiting(zeros([2]));
    await expect(waited).rejects.toThrow(/device\.sync\(\) cannot be captured/);
    expect(() => capture((x: Tensor) => x.add(randperm(2, { dtype: "f32" })))(zeros([2]))).toThrow(
      /randperm.* cannot be captured/,
    );
    expect(await zeros([2]).add(1).tolist()).toEqual([1, 1]);
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

it("check finds a step that depends on something that the recording does not know", async () => {
  let factor = 1;
  const step = capture((x: Tensor) => x.mul(factor++), { check: true });
  await step(tensor([1, 1])).data();
  await expect(step(tensor([1, 1])).data()).rejects.toThrow(/differs from an eager run/);
});

it("10 dispatches and one submit make a training step of a three-layer MLP and read its loss", async () => {
  const model = new nn.Sequential(
    new nn.Linear(784, 256),
    new nn.ReLU(),
    new nn.Linear(256, 128),
    new nn.ReLU(),
    new nn.Linear(128, 10),
  );
  const optimizer = new optim.Adam(model.parameters());
  const step = capture(classifierStep(model, optimizer));
  const [x, y] = [randn([128, 784]), labels(128, 0)];
  step(x, y);
  runtimeOf(device).recorder.flush();
  const [dispatches, submits] = [runtimeOf(device).recorder.dispatchCount, runtimeOf(device).recorder.submitCount];
  await step(x, y).data();
  expect(runtimeOf(device).recorder.dispatchCount - dispatches).toBeLessThanOrEqual(10);
  expect(runtimeOf(device).recorder.submitCount - submits).toBe(1);
});

it("chains of elementwise operations are fused, to the same bits", async () => {
  const f = (x: Tensor) => noGrad(() => x.mul(3).add(1).tanh().square().sub(x).sigmoid());
  const captured = capture(f);
  const x = randn([1000]);
  const eager = await f(x).data();
  await captured(x).data();
  const before = runtimeOf(device).recorder.dispatchCount;
  expect(await captured(x).data()).toEqual(eager);
  expect(runtimeOf(device).recorder.dispatchCount - before).toBe(1);
});

it("chains on a single element are fused", async () => {
  const step = capture((x: Tensor) => x.mul(x.square().sum().sqrt().maximum(1e-7).abs()));
  for (const scale of [1, 2, 3]) {
    const length = scale * Math.sqrt(5);
    const values = await step(tensor([scale, 2 * scale])).data();
    expect(values[1]! / (2 * scale * length)).toBeCloseTo(1, 5);
  }
});

describe("submits", () => {
  it("are one for a replay and the read that follows it", async () => {
    const step = capture((x) => x.mul(2));
    const x = tensor([1, 2, 3]);
    await step(x).data();
    const before = runtimeOf(device).recorder.submitCount;
    expect(await step(x).tolist()).toEqual([2, 4, 6]);
    expect(runtimeOf(device).recorder.submitCount - before).toBe(1);
    step.dispose();
  });

  it("keep replays apart whose inputs the host writes, whatever is read when", async () => {
    const step = capture((x: Tensor, y: Tensor) => x.mul(2).add(y));
    const [one, two] = [Float32Array.of(1, 2), Float32Array.of(10, 20)];
    step(one, tensor([0, 0])).dispose();
    const results = [one, two, one].map((values, i) => step(values, tensor([i, i])));
    one.fill(0);
    expect(await Promise.all(results.map((y) => y.tolist()))).toEqual([
      [2, 4],
      [21, 41],
      [4, 6],
    ]);
    step.dispose();
  });

  it("keep the order of replays and of what the host writes after them", async () => {
    const w = tensor([1, 2, 3]);
    const step = capture((x: Tensor) => [x.mul(w), x.add(1)] as const);
    const x = tensor([1, 1, 1]);
    step(x);
    const [product, sum] = step(x);
    w.fill_(7);
    x.fill_(9);
    sum.fill_(5);
    expect(await Promise.all([product, sum, w, x].map((one) => one.tolist()))).toEqual([
      [1, 2, 3],
      [5, 5, 5],
      [7, 7, 7],
      [9, 9, 9],
    ]);
    step.dispose();
  });

  it("come without a read too, when the running code gives up control", async () => {
    const step = capture((x) => x.mul(2));
    const x = tensor([1]);
    step(x);
    await Promise.resolve();
    const before = runtimeOf(device).recorder.submitCount;
    step(x);
    expect(runtimeOf(device).recorder.submitCount).toBe(before);
    await Promise.resolve();
    expect(runtimeOf(device).recorder.submitCount).toBe(before + 1);
    step.dispose();
  });
});
