import { describe, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import {
  ArgumentError,
  capture,
  DtypeError,
  manualSeed,
  nn,
  optim,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

class Block extends nn.Module {
  first = new nn.Linear(3, 4);
  others = [new nn.LayerNorm(4), new nn.Linear(4, 3)];
  scale = randn([3], { requiresGrad: true });
  lastHidden: Tensor | null = null;
  /** Neither trained nor registered: no part of the state. */
  constant = zeros([3]);

  constructor() {
    super();
    this.registerBuffer("callCount", zeros([]));
  }

  override forward(x: Tensor): Tensor {
    const hidden = this.first.forward(x).relu();
    this.lastHidden = hidden;
    return this.others.reduce((y, layer) => layer.forward(y), hidden).mul(this.scale);
  }
}

const mlp = () =>
  new nn.Sequential(
    new nn.Linear(5, 8),
    new nn.BatchNorm1d(8),
    new nn.ReLU(),
    new nn.Dropout(0.5),
    new nn.Linear(8, 2),
  );

const values = async (model: nn.Module) =>
  Object.fromEntries(
    await Promise.all(Object.entries(model.stateDict()).map(async ([name, one]) => [name, await one.tolist()])),
  );

describe("module names", () => {
  it("are the properties that hold parameters, buffers and children", () => {
    const model = new Block();
    expect(model.namedParameters().map(([name]) => name)).toEqual([
      ...["scale", "first.weight", "first.bias"],
      ...["others.0.weight", "others.0.bias", "others.1.weight", "others.1.bias"],
    ]);
    expect(model.namedBuffers().map(([name]) => name)).toEqual(["call_count"]);
    expect(model.namedModules().map(([name]) => name)).toEqual(["", "first", "others.0", "others.1"]);
  });

  it("are PyTorch's", () => {
    expect(Object.keys(mlp().stateDict())).toEqual([
      ...["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"],
      ...["4.weight", "4.bias"],
    ]);
  });

  it("label the parameters, and the longest path wins over all but the user's", () => {
    const inner = new nn.Sequential(new nn.Linear(2, 2));
    inner.namedParameters();
    const [linear] = [...inner] as [nn.Linear];
    expect(linear.weight.label).toBe("0.weight");
    const model = new nn.Sequential(new nn.ReLU(), inner);
    (linear.bias as Tensor).label = "mine";
    model.parameters();
    inner.parameters();
    expect(linear.weight.label).toBe("1.0.weight");
    expect(linear.bias?.label).toBe("mine");
  });

  it("list shared modules once, but keep both names in the state", () => {
    const shared = new nn.Linear(3, 3);
    const model = new nn.Sequential(shared, new nn.ReLU(), shared);
    expect(model.parameters()).toHaveLength(2);
    expect(Object.keys(model.stateDict())).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);
  });

  it("refuse a module that contains itself", () => {
    const model = new Block() as Block & { self?: nn.Module };
    model.self = model;
    expect(() => model.parameters()).toThrow(/contains itself/);
  });
});

describe("state dicts", () => {
  it("carry every value into another model, in place", async () => {
    const [from, into] = [mlp(), mlp()];
    from.forward(randn([6, 5]));
    const before = into.stateDict();
    const optimizer = new optim.SGD(into.parameters(), { lr: 0.1 });
    expect(into.loadStateDict(from.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(await values(into)).toEqual(await values(from));
    for (const [name, one] of Object.entries(into.stateDict())) expect(one, name).toBe(before[name]);
    // The next step is the same too.
    const other = new optim.SGD(from.parameters(), { lr: 0.1 });
    const x = randn([6, 5]);
    for (const [model, one] of [
      [from.eval(), other],
      [into.eval(), optimizer],
    ] as const) {
      (model.forward(x) as Tensor).square().sum().backward();
      one.step();
    }
    expect(await values(into)).toEqual(await values(from));
  });

  it("are refused with the missing and unexpected keys and shapes", () => {
    const model = new nn.Sequential(new nn.Linear(2, 3));
    const { "0.weight": weight, "0.bias": bias } = model.stateDict() as Record<string, Tensor>;
    const load = (map: object) => () => model.loadStateDict(map as Record<string, Tensor>);
    expect(load({ "0.weight": weight })).toThrow(ArgumentError);
    expect(load({ "0.weight": weight })).toThrow(/missing: '0.bias'/);
    expect(load({ "0.weight": weight, "0.biass": bias })).toThrow(/unexpected: '0.biass' \(did you mean '0.bias'\?\)/);
    expect(load({ "0.weight": bias, "0.bias": bias })).toThrow(ShapeError);
    expect(load({ "0.weight": bias, "0.bias": bias })).toThrow(/'0.weight' expected shape \[3,2\].*\[3\]/);
    expect(load({ "0.weight": weight, "0.bias": tensor([1, 2, 3], { dtype: "i32" }) })).toThrow(DtypeError);
    expect(load({ "0.weight": weight, "0.bias": [1, 2, 3] })).toThrow(/'0.bias' expected a tensor/);
    expect(load([])).toThrow(ArgumentError);
    expect(() => model.loadStateDict({}, { strickt: false } as object)).toThrow(/did you mean 'strict'/);
  });

  it("change nothing when any entry is wrong", async () => {
    const model = new nn.Linear(2, 2);
    const before = await values(model);
    expect(() => model.loadStateDict({ weight: zeros([2, 2]), bias: zeros([3]) })).toThrow(ShapeError);
    expect(await values(model)).toEqual(before);
  });

  it("load the matching entries without strict", async () => {
    const model = new nn.Linear(2, 2);
    const result = model.loadStateDict({ bias: tensor([1, 2]), extra: zeros([1]) }, { strict: false });
    expect(result).toEqual({ missingKeys: ["weight"], unexpectedKeys: ["extra"] });
    expect(await (model.bias as Tensor).tolist()).toEqual([1, 2]);
  });
});

describe("freezing", () => {
  it("leaves a frozen parameter in the state, without a gradient", () => {
    const model = new nn.Sequential(new nn.Linear(3, 3), new nn.Tanh(), new nn.Linear(3, 1));
    const [first] = [...model] as [nn.Linear];
    first.weight.requiresGrad = false;
    expect(model.namedParameters().map(([name]) => name)).toContain("0.weight");
    (model.forward(randn([4, 3])) as Tensor).sum().backward();
    expect(first.weight.grad).toBeNull();
    expect(first.bias?.grad).not.toBeNull();
    first.weight.requiresGrad = true;
    model.zeroGrad();
    expect(first.bias?.grad).toBeNull();
    (model.forward(randn([4, 3])) as Tensor).sum().backward();
    expect(first.weight.grad?.shape).toEqual([3, 3]);
  });
});

describe("train and eval", () => {
  it("reach all modules below, and no others", () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), mlp());
    expect(model.eval()).toBe(model);
    expect(model.namedModules().every(([, one]) => !one.training)).toBe(true);
    model.layers[1]?.train();
    expect(model.training).toBe(false);
    expect(model.layers[1]?.namedModules().every(([, one]) => one.training)).toBe(true);
    expect(() => model.train("no" as unknown as boolean)).toThrow(ArgumentError);
  });

  it("are part of what a recording is valid for", async () => {
    const model = new nn.Sequential(new nn.Dropout(0.5));
    const step = capture((x: Tensor) => model.forward(x));
    const x = tensor([1, 2, 3, 4]);
    for (let i = 0; i < 3; i++) step(x);
    model.eval();
    expect(await step(x).tolist()).toEqual([1, 2, 3, 4]);
    model.train();
    expect(await step(x).tolist()).not.toEqual([1, 2, 3, 4]);
  });

  it("visit children first, as apply does", () => {
    const seen: string[] = [];
    new nn.Sequential(new nn.Linear(1, 1), new nn.ReLU()).apply((one) => void seen.push(one.constructor.name));
    expect(seen).toEqual(["ReLU", "Linear", "Sequential"]);
  });
});

describe("summary", () => {
  it("lists layers, shapes and parameters, and leaves no trace", async () => {
    const model = mlp();
    model.layers[3]?.eval();
    const before = [
      await values(model),
      model.namedModules().map(([, one]) => one.training),
      device.memory().tensors,
      runtimeOf(device).random.call,
    ];
    expect(
      model
        .summary([7, 5])
        .split("\n")
        .map((line) => line.trimEnd()),
    ).toEqual([
      "layer             output  parameters",
      "Sequential        [7, 2]           0",
      "  0: Linear       [7, 8]          48",
      "  1: BatchNorm1d  [7, 8]          16",
      "  2: ReLU         [7, 8]           0",
      "  3: Dropout      [7, 8]           0",
      "  4: Linear       [7, 2]          18",
      "total                             82",
    ]);
    const after = [
      await values(model),
      model.namedModules().map(([, one]) => one.training),
      device.memory().tensors,
      runtimeOf(device).random.call,
    ];
    expect(after).toEqual(before);
  });

  it("takes indices, one sample, and says what is frozen", () => {
    const model = new nn.Sequential(new nn.Embedding(10, 3), new nn.Flatten(), new nn.Linear(6, 1));
    (model.layers[0] as nn.Embedding).weight.requiresGrad = false;
    const text = model.summary([1, 2], { dtype: "i32" });
    expect(text).toMatch(/0: Embedding {2}\[1, 2, 3\] +30/);
    expect(text).toMatch(/trainable +7/);
    expect(() => model.summary([1, 2], { type: "i32" } as object)).toThrow(ArgumentError);
    expect(() => model.summary(5 as unknown as number[])).toThrow(ArgumentError);
  });
});

describe("forward", () => {
  it("keeps the tensors that the module keeps, also one level up", async () => {
    const block = new Block();
    const model = new nn.Sequential(block);
    const x = tensor([[1, 2, 3]]);
    model.forward(x);
    const hidden = await (block.lastHidden as Tensor).tolist();
    expect(hidden).toEqual(await block.first.forward(x).relu().tolist());
    expect(Object.keys(model.stateDict())).not.toContain("0.lastHidden");
  });

  it("may be a field, and a missing one is named", async () => {
    class Double extends nn.Module {
      override forward = (x: Tensor) => x.mul(2);
    }
    expect(await new Double().forward(tensor([3])).tolist()).toEqual([6]);
    expect(() => new nn.Module().forward()).toThrow(/no forward/);
  });

  it("of a fused pair equals the layers one by one", async () => {
    manualSeed(5);
    for (const next of [
      new nn.ReLU(),
      new nn.LeakyReLU(0.2),
      new nn.Tanh(),
      new nn.Sigmoid(),
      new nn.GELU(),
      new nn.SiLU(),
    ]) {
      const linear = new nn.Linear(6, 5);
      const x = randn([7, 6]);
      const fused = new nn.Sequential(linear, next);
      expect(await fused.forward(x).tolist(), next.constructor.name).toEqual(
        await next.forward(linear.forward(x)).tolist(),
      );
    }
  });

  it("goes through a layer whose forward was replaced", async () => {
    const relu = new nn.ReLU();
    const model = new nn.Sequential(new nn.Linear(2, 2), relu);
    const seen: Tensor[] = [];
    const before = relu.forward;
    relu.forward = (x: Tensor) => {
      seen.push(x);
      return before(x);
    };
    model.forward(tensor([[1, 2]]));
    expect(seen).toHaveLength(1);
  });
});
