/** Who frees what: forward passes leave nothing behind, training runs in constant memory. */
import { describe, expect, it } from "vitest";
import { nn, noGrad, optim, randint, randn, scope, type Tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

const mlp = () =>
  new nn.Sequential(
    ...[new nn.Linear(10, 16), new nn.BatchNorm1d(16), new nn.ReLU(), new nn.Dropout(0.2)],
    ...[new nn.Sequential(new nn.Linear(16, 16), new nn.LayerNorm(16), new nn.GELU()), new nn.Linear(16, 4)],
  );
const state = () => [device.memory().tensors, device.memory().liveBytes];

describe("forward without backward", () => {
  it("keeps its result alone when there is no graph", () => {
    const model = mlp();
    const x = randn([8, 10]);
    const before = state();
    const y = noGrad(() => model.forward(x)) as Tensor;
    expect(device.memory().tensors - (before[0] as number)).toBe(1);
    y.dispose();
    expect(state()).toEqual(before);
  });

  it("frees its graph with its result", () => {
    const model = mlp();
    const x = randn([8, 10]);
    const before = state();
    const y = model.forward(x) as Tensor;
    expect(device.memory().tensors - (before[0] as number)).toBe(1);
    y.dispose();
    expect(state()).toEqual(before);
    scope(() => void (model.forward(x) as Tensor).sum());
    expect(state()).toEqual(before);
  });

  it("keeps parameters that are made inside a scope", async () => {
    const made: nn.Linear[] = [];
    scope(() => void made.push(new nn.Linear(2, 2)));
    expect(await made[0]?.weight.data()).toHaveLength(4);
  });
});

describe("backward", () => {
  it("reaches every layer though nobody holds the intermediates", async () => {
    const model = mlp();
    (model.forward(randn([8, 10])) as Tensor).square().sum().backward();
    for (const [name, parameter] of model.namedParameters())
      expect(parameter.grad?.shape, name).toEqual(parameter.shape);
  });

  it("without an optimizer is undone by zeroGrad", () => {
    const model = mlp();
    const x = randn([8, 10]);
    const step = () => {
      (model.forward(x) as Tensor).square().sum().backward();
      model.zeroGrad();
    };
    step();
    const before = device.memory().tensors;
    for (let i = 0; i < 5; i++) step();
    expect(device.memory().tensors).toBe(before);
  });
});

describe("training", () => {
  it("runs 200 steps in constant memory", async () => {
    const model = mlp();
    const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });
    const x = randn([32, 10]);
    const y = randint(0, 4, [32]);
    const step = () => {
      optimizer.zeroGrad();
      const loss = nn.crossEntropy(model.forward(x), y);
      loss.backward();
      optimizer.step();
      return loss;
    };
    const first = await step().item();
    step();
    const before = state();
    for (let i = 0; i < 200; i++) step();
    expect(state()).toEqual(before);
    expect(await step().item()).toBeLessThan(first);
  });
});

describe("dispose", () => {
  it("frees a model", () => {
    const before = state();
    const model = mlp();
    (model.forward(randn([2, 10])) as Tensor).dispose();
    model.dispose();
    expect(device.memory().tensors).toBeLessThanOrEqual((before[0] as number) + 1);
    expect(() => model.forward(randn([2, 10]))).toThrow(/disposed|gone/);
  });
});
