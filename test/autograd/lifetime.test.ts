/** Memory: what backward, scope and capture free, and when. */

import { describe, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import {
  DisposedError,
  data,
  nn,
  noGrad,
  optim,
  randint,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

const memory = () => {
  const { tensors, liveBytes } = device.memory();
  return { tensors, liveBytes };
};

function smallTrainer() {
  const model = new nn.Sequential(new nn.Linear(12, 16), new nn.BatchNorm1d(16), new nn.ReLU(), new nn.Linear(16, 4));
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });
  const loader = new data.DataLoader([randn([64, 12]), randint(0, 4, [64])], { batchSize: 16, shuffle: true, seed: 1 });
  return { model, optimizer, loader };
}

it("2,000 eager training steps without a dispose leave memory as it was after the second", async () => {
  const { model, optimizer, loader } = smallTrainer();
  let steps = 0;
  let baseline: ReturnType<typeof memory> | undefined;
  while (steps < 2000) {
    for (const [x, y] of loader) {
      optimizer.zeroGrad();
      const loss = nn.crossEntropy(model.forward(x as Tensor) as Tensor, y as Tensor);
      loss.backward();
      optimizer.step();
      steps++;
      if (steps === 2) baseline = memory();
      else if (steps > 2 && steps % 250 === 2) expect(memory()).toEqual(baseline);
    }
    await device.sync();
  }
}, 240_000);

it("the intermediates of a user-defined module are freed at the end of its forward, its fields are not", async () => {
  class Residual extends nn.Module {
    inner = new nn.Linear(8, 8);
    last: Tensor | undefined;
    override forward(x: Tensor): Tensor {
      this.last = this.inner.forward(x).tanh();
      return x.add(this.last.mul(2)).sub(1);
    }
  }
  const block = new Residual();
  const x = randn([3, 8]);
  const before = device.memory().tensors;
  const y = noGrad(() => block.forward(x));
  expect(device.memory().tensors).toBe(before + 2);
  expect(await block.last?.data()).toHaveLength(24);
  expect(await y.data()).toHaveLength(24);
});

describe("backward", () => {
  it("leaves what the program still holds readable until the next backward", async () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const wide = w.reshape([2, 1]).mul(zeros([1, 64]).add(1));
    const loss = wide.sum();
    loss.backward();
    expect((await wide.data()).length).toBe(128);
    w.mul(2).sum().backward();
    expect(() => wide.add(1)).toThrow(DisposedError);
    expect(() => wide.add(1)).toThrow(/detach/);
    expect(await loss.item()).toBe(192);
  });

  it("keeps losses of several networks readable in one iteration", async () => {
    const [a, b] = [tensor([1], { requiresGrad: true }), tensor([2], { requiresGrad: true })];
    const losses = [a.mul(3).sum(), b.mul(4).sum(), a.mul(b).sum()];
    for (const loss of losses) loss.backward();
    expect(await Promise.all(losses.map((loss) => loss.item()))).toEqual([3, 8, 2]);
  });

  it("frees intermediates as it goes", () => {
    const w = randn([256, 256], { requiresGrad: true });
    const run = () => {
      let x = w.mul(1);
      for (let i = 0; i < 10; i++) x = x.tanh();
      const loss = x.sum();
      loss.backward();
    };
    run();
    run();
    const before = memory();
    for (let i = 0; i < 5; i++) run();
    expect(memory()).toEqual(before);
  });

  it("is refused on a freed graph, which the error names", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const loss = w.exp().sum();
    loss.backward();
    expect(() => loss.backward()).toThrow(/retainGraph/);
  });
});

describe("scope", () => {
  it("frees what forward made when backward never came", () => {
    const model = new nn.Sequential(new nn.Linear(12, 16), new nn.ReLU(), new nn.Linear(16, 4));
    const x = randn([5, 12]);
    const before = memory();
    scope(() => void nn.crossEntropy(model.forward(x) as Tensor, zeros([5], { dtype: "i32" })));
    expect(memory()).toEqual(before);
  });

  it("keeps what is returned, in arrays and objects too", async () => {
    const before = device.memory().tensors;
    const kept = scope(() => {
      zeros([3]).add(1);
      return { list: [zeros([2]).add(5)], one: zeros([1]) };
    });
    expect(device.memory().tensors).toBe(before + 2);
    expect(await (kept.list[0] as Tensor).tolist()).toEqual([5, 5]);
  });

  it("hands its result to the scope around it", () => {
    const before = memory();
    scope(() => void scope(() => zeros([100]).add(1)));
    expect(memory()).toEqual(before);
  });

  it("frees after an error", () => {
    const before = memory();
    expect(() =>
      scope(() => {
        zeros([10]);
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(memory()).toEqual(before);
  });
});

it("using frees at the end of the block, and use after that is an error that says so", () => {
  const before = memory();
  let escaped: Tensor | undefined;
  {
    using x = zeros([10]);
    escaped = x;
  }
  expect(memory()).toEqual(before);
  expect(() => escaped?.add(1)).toThrow(DisposedError);
});

it("freed buffers that are poisoned reach no result", async () => {
  const poison = new Float32Array(64).fill(Number.NaN);
  runtimeOf(device).pool.onFree = (buffer) => {
    if (buffer.bytes >= 256) runtimeOf(device).recorder.upload({ buffer, offset: 0, size: 256 }, poison);
  };
  try {
    const { model, optimizer, loader } = smallTrainer();
    for (const [x, y] of loader) {
      optimizer.zeroGrad();
      const loss = nn.crossEntropy(model.forward(x as Tensor) as Tensor, y as Tensor);
      loss.backward();
      optimizer.step();
      expect(Number.isFinite(await loss.item())).toBe(true);
    }
    for (const parameter of model.parameters()) expect((await parameter.data()).every(Number.isFinite)).toBe(true);
  } finally {
    runtimeOf(device).pool.onFree = undefined;
  }
});
