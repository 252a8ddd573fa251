/** Which layers and tensors a module finds, under which names, and what is refused because it would be lost. */
import { describe, expect, it } from "vitest";
import { ArgumentError, capture, nn, noGrad, ones, optim, randn, type Tensor, tensor, zeros } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const names = (model: nn.Module) => Object.keys(model.stateDict());
const weight = () => randn([2, 2], { requiresGrad: true });
const message = (fn: () => unknown): string => {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
};

/** A model that holds `held` in a public property and runs `run`. */
class Holder<T> extends nn.Module {
  held: T;
  readonly #run: (x: Tensor, held: T) => Tensor;

  constructor(held: T, run: (x: Tensor, held: T) => Tensor = (x) => x) {
    super();
    this.held = held;
    this.#run = run;
  }

  override forward(x: Tensor): Tensor {
    return this.#run(x, this.held);
  }
}

/** A model that holds `hidden` where nothing can see it. */
class Hider extends nn.Module {
  readonly #hidden: nn.Module;
  readonly #under: (run: () => Tensor) => Tensor;

  constructor(hidden: nn.Module, under: (run: () => Tensor) => Tensor = (run) => run()) {
    super();
    this.#hidden = hidden;
    this.#under = under;
  }

  override forward(x: Tensor): Tensor {
    return this.#under(() => this.#hidden.forward(x));
  }
}

describe("names of nested state", () => {
  it("come from arrays, plain objects, Maps and Sets at any depth", () => {
    const linear = () => new nn.Linear(2, 2, { bias: false });
    const model = new Holder({
      blocks: [linear(), [linear(), { deep: linear() }]],
      map: new Map<string | number, unknown>([
        ["left", linear()],
        [7, weight()],
      ]),
      set: new Set([linear(), linear()]),
      bare: Object.assign(Object.create(null), { one: linear() }),
      weights: [weight(), { inner: weight() }],
      settings: { rate: 0.1, names: ["a"], none: null },
    });
    expect(names(model).sort()).toEqual(
      [
        ...["held.blocks.0.weight", "held.blocks.1.0.weight", "held.blocks.1.1.deep.weight"],
        ...["held.map.left.weight", "held.map.7", "held.set.0.weight", "held.set.1.weight", "held.bare.one.weight"],
        ...["held.weights.0", "held.weights.1.inner"],
      ].sort(),
    );
    expect(model.parameters()).toHaveLength(10);
  });

  it("of lists and dictionaries are PyTorch's", () => {
    class Net extends nn.Module {
      blocks = new nn.ModuleList<nn.Module>([
        new nn.ModuleList<nn.Module>([new nn.Linear(2, 2), new nn.LayerNorm(2)]),
        new nn.Linear(2, 3, { bias: false }),
      ]);
      heads = new nn.ModuleDict<nn.Module>({ right: new nn.Linear(2, 1), left: new nn.BatchNorm1d(2) });
      tail = new nn.Sequential(
        new nn.Linear(1, 1),
        new nn.ModuleDict([
          ["2", new nn.Linear(1, 1)],
          ["1", new nn.Linear(1, 1)],
        ]),
      );
    }
    // list(model.state_dict()) of the same model in PyTorch.
    expect(names(new Net())).toEqual([
      ...["blocks.0.0.weight", "blocks.0.0.bias", "blocks.0.1.weight", "blocks.0.1.bias", "blocks.1.weight"],
      ...["heads.right.weight", "heads.right.bias", "heads.left.weight", "heads.left.bias"],
      ...["heads.left.running_mean", "heads.left.running_var", "heads.left.num_batches_tracked"],
      ...["tail.0.weight", "tail.0.bias", "tail.1.2.weight", "tail.1.2.bias", "tail.1.1.weight", "tail.1.1.bias"],
    ]);
  });

  it("end at cycles of containers, and are refused for a module in itself", () => {
    const loop: Record<string, unknown> = { layer: new nn.Linear(1, 1) };
    loop.again = { loop };
    expect(names(new Holder(loop))).toEqual(["held.layer.weight", "held.layer.bias"]);
    const model = new Holder<unknown>(null);
    model.held = { inner: [model] };
    expect(message(() => model.parameters())).toMatch(/Holder: the module 'held.inner.0' contains itself/);
  });

  it("are found below 10,000 containers and below 2,000 modules", () => {
    let nested: unknown = new nn.Linear(1, 1);
    for (let i = 0; i < 10_000; i++) nested = i % 2 === 0 ? [nested] : { n: nested };
    const deep = new Holder(nested, (x) => x.add(1));
    expect(deep.parameters()).toHaveLength(2);
    deep.forward(ones([1]));
    let model: nn.Module = new nn.Linear(1, 1);
    for (let i = 0; i < 2_000; i++) model = new Holder(model);
    expect(model.parameters()).toHaveLength(2);
    expect(model.eval().namedModules().at(-1)?.[1].training).toBe(false);
  });

  it("are refused where two are equal, or a Map's key is no name", () => {
    const twice = new Map<string | number, unknown>([
      [1, weight()],
      ["1", weight()],
    ]);
    expect(message(() => new Holder(twice).stateDict())).toMatch(/Holder: two tensors have the name 'held.1'/);
    const keyed = (value: unknown) => new Holder({ cache: new Map([[{}, value]]) });
    expect(message(() => keyed(new nn.Linear(1, 1)).parameters())).toMatch(/'held' holds Linear under a key/);
    expect(message(() => keyed([weight()]).parameters())).toMatch(/'held' holds a parameter under a key/);
    expect(keyed(zeros([1])).parameters()).toEqual([]);
  });
});

describe("a nested module", () => {
  it("is trained, switched to evaluation, saved and loaded like a model of properties", async () => {
    const make = () =>
      new Holder(
        { first: [new nn.Linear(3, 4)], rest: new Map([["drop", new nn.Sequential(new nn.Dropout(0.9))]]) },
        (x, { first, rest }) => (rest.get("drop") as nn.Module).forward(first[0]?.forward(x) as Tensor),
      );
    const [model, other] = [make(), make()];
    const x = ones([2, 3]);
    const before = await model.held.first[0]?.weight.tolist();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    model.forward(x).sum().backward();
    optimizer.step();
    expect(await model.held.first[0]?.weight.tolist()).not.toEqual(before);
    model.zeroGrad();
    expect(model.held.first[0]?.weight.grad).toBeNull();
    other.loadStateDict(model.stateDict());
    expect(await other.eval().forward(x).tolist()).toEqual(await model.eval().forward(x).tolist());
    expect(model.summary([2, 3])).toMatch(/held.first.0: Linear +\[2, 4\]/);
  });

  it("keeps the tensors that it puts into its properties while a forward above it runs", async () => {
    class Keeping extends nn.Module {
      last: Tensor | null = null;
      override forward(x: Tensor): Tensor {
        this.last = x.mul(2);
        return this.last.add(1);
      }
    }
    const inner = new Keeping();
    const model = new Holder({ deep: new Map([["one", inner]]) }, (x, { deep }) =>
      (deep.get("one") as nn.Module).forward(x).sum(),
    );
    model.forward(ones([2]));
    expect(await inner.last?.tolist()).toEqual([2, 2]);
  });
});

describe("ModuleList and ModuleDict", () => {
  it("give modules by index, in order, and take new ones", () => {
    const [a, b, c] = [new nn.ReLU(), new nn.Tanh(), new nn.GELU()];
    const list = new nn.ModuleList<nn.Module>([a]);
    expect(list.append(b).push(c)).toBe(3);
    expect([list.length, list[1], list.at(-1), list.at(5)]).toEqual([3, b, c, undefined]);
    list[0] = c;
    expect([...list]).toEqual([c, b, c]);
    expect(new Holder(list).namedModules().map(([name]) => name)).toEqual(["", "held", "held.0", "held.1"]);
  });

  it("give modules by name, in the order of insertion, and take new ones", () => {
    const [a, b] = [new nn.ReLU(), new nn.Tanh()];
    const dict = new nn.ModuleDict<nn.Module>({ b: a }).set("a", b);
    expect([...dict.keys()]).toEqual(["b", "a"]);
    expect([...dict.entries()]).toEqual([...dict]);
    expect([dict.size, dict.get("a"), dict.has("c"), "a" in dict, "c" in dict]).toEqual([2, b, false, true, false]);
    (dict as unknown as { a: nn.Module }).a = a;
    expect([...dict.values()]).toEqual([a, a]);
    expect([dict.delete("a"), dict.delete("a"), "a" in dict]).toEqual([true, false, false]);
  });

  it("refuse what is no module, keys that are no names, and a forward", () => {
    const relu = new nn.ReLU();
    const bad: (() => unknown)[] = [
      () => new nn.ModuleList([relu, 3 as never]),
      () => new nn.ModuleList(relu as never),
      () => new nn.ModuleList(null as never),
      () => new nn.ModuleList([relu]).push(null as never),
      () => new nn.ModuleDict({ a: relu, b: undefined as never }),
      () => new nn.ModuleDict(null as never),
      () => new nn.ModuleDict({ "a.b": relu }),
      () => new nn.ModuleDict({ "": relu }),
      () => new nn.ModuleDict({ forward: relu }),
      () => new nn.ModuleDict({ modules: relu }),
    ];
    for (const call of bad) message(call);
    expect(message(() => new nn.ModuleList([relu]).forward())).toMatch(/iterate/);
    expect(message(() => new nn.ModuleDict({ relu }).forward())).toMatch(/get\("name"\)/);
  });
});

describe("a layer that the module above has not registered", () => {
  const x = ones([2, 2]);
  const linear = () => new nn.Linear(2, 2);

  it.each<[string, () => nn.Module]>([
    ["a private field", () => new Hider(linear())],
    ["a private field of a layer further down", () => new Holder(new Hider(linear()), (x, inner) => inner.forward(x))],
    [
      "a class instance",
      () =>
        new Holder(
          new (class {
            layer = linear();
          })(),
          (x, { layer }) => layer.forward(x),
        ),
    ],
    ["a closure", () => new Holder(linear, (x, make) => make().forward(x))],
    ["a private sequence", () => new Hider(new nn.Sequential(new nn.ReLU(), linear()))],
    ["running statistics", () => new Hider(new nn.BatchNorm1d(2, { affine: false }))],
  ])("is refused while gradients are recorded: %s", (_, make) => {
    const model = make();
    expect(message(() => model.forward(x))).toMatch(
      /^(Hider|Holder): its forward ran (Linear|Sequential|BatchNorm1d), which is not registered.*public property/,
    );
  });

  it("is refused in a captured function and in summary(), and leaves the next forward as it was", () => {
    expect(message(() => capture((x: Tensor) => new Hider(linear()).forward(x))(x))).toMatch(/Hider: .* Linear/);
    expect(message(() => new Hider(new nn.Dropout()).summary([2, 2]))).toMatch(/not reached by eval/);
    expect(linear().forward(x).shape).toEqual([2, 2]);
  });

  it("is refused where eval() did not reach it and it would behave as in training", () => {
    const model = new Hider(new nn.Sequential(new nn.ReLU(), new nn.Dropout(0.5)));
    model.forward(x);
    expect(message(() => model.eval().forward(x))).toMatch(/Hider: its forward ran Dropout.*not reached by eval\(\)/);
    expect(message(() => noGrad(() => model.forward(x)))).toMatch(/not reached by eval/);
  });

  it("may run where nothing depends on it", () => {
    const frozen = linear();
    for (const parameter of frozen.parameters()) parameter.requiresGrad = false;
    const statistics = new nn.BatchNorm1d(2, { affine: false }).eval();
    for (const model of [
      new Hider(frozen),
      new Hider(statistics),
      new Hider(statistics).eval(),
      new Hider(new nn.ReLU()).eval(),
      new Hider(linear(), noGrad),
      new Hider(new nn.Dropout(0.1).eval()),
    ])
      expect(model.forward(x).shape).toEqual([2, 2]);
  });

  it("may run where it was passed to a forward above, declared foreign, or is held further up", () => {
    class Loss extends nn.Module {
      override forward(model: nn.Module, options: { more: nn.Module[] }, x: Tensor): Tensor {
        return options.more.reduce((y, one) => one.forward(y), model.forward(x));
      }
    }
    const loss = new Loss();
    const nested = new nn.Sequential(linear());
    expect(loss.forward(linear(), { more: [linear(), nested.layers[0] as nn.Module] }, x).shape).toEqual([2, 2]);
    const teacher = new nn.Sequential(linear());
    class Student extends nn.Module {
      layer = linear();
      readonly #teacher = teacher;
      readonly part = () => this.#teacher.layers[0] as nn.Module;

      constructor() {
        super();
        this.registerForeign(teacher);
      }

      override forward(x: Tensor): Tensor {
        return this.layer.forward(x).sub(this.#teacher.forward(x)).add(this.part().forward(x));
      }
    }
    expect(names(new Student())).toEqual(["layer.weight", "layer.bias"]);
    expect(new Student().eval().forward(x).shape).toEqual([2, 2]);
    expect(message(() => new Student().registerForeign({} as nn.Module))).toMatch(/'module' expected a module/);
    const shared = linear();
    const both = new Holder(
      {
        shared,
        user: new Holder(
          () => shared,
          (x, get) => get().forward(x),
        ),
      },
      (x, { user }) => user.forward(x),
    );
    expect(both.forward(x).shape).toEqual([2, 2]);
  });

  it("is found again once it was put into a property, or replaced there", () => {
    const model = new Holder<nn.Module[]>([], (x, held) => held.reduce((y, layer) => layer.forward(y), x));
    model.forward(x);
    model.held.push(linear());
    model.forward(x);
    model.held = [linear(), new nn.Sequential(linear())];
    expect(model.forward(x).shape).toEqual([2, 2]);
  });
});

describe("a plain tensor instead of a parameter", () => {
  const uses: [string, (model: nn.Module) => unknown][] = [
    ["parameters()", (model) => model.parameters()],
    ["stateDict()", (model) => model.stateDict()],
    ["an optimizer", (model) => new optim.SGD(model.parameters(), { lr: 1 })],
    ["zeroGrad()", (model) => model.zeroGrad()],
    ["forward", (model) => model.forward(ones([2, 2]))],
  ];
  it.each(uses)("is refused by %s", (_, use) => {
    const layer = new nn.Linear(2, 2);
    layer.weight = randn([2, 2]);
    for (const model of [layer, new nn.Sequential(layer, new nn.ReLU())]) {
      expect(message(() => use(model))).toMatch(
        /Linear: '(0\.)?weight' was a parameter .*requiresGrad: true.*weight\.copy_\(values\).*registerBuffer\('weight'/,
      );
    }
  });

  it("is refused in every layer and below containers", () => {
    const layers: [nn.Module, string][] = [
      [new nn.Conv2d(1, 1, 1), "bias"],
      [new nn.BatchNorm1d(2), "weight"],
      [new nn.LayerNorm(2), "bias"],
      [new nn.RMSNorm(2), "weight"],
      [new nn.GroupNorm(1, 2), "bias"],
      [new nn.Embedding(2, 2), "weight"],
      [new nn.LSTM(2, 2), "weight_hh_l0"],
      [new nn.MultiheadAttention(2, 1), "inProjWeight"],
    ];
    for (const [layer, name] of layers) {
      Object.assign(layer, { [name]: zeros([2]) });
      expect(message(() => layer.stateDict())).toMatch(/was a parameter/);
    }
    const model = new Holder({ weights: [weight()] });
    model.parameters();
    model.held.weights[0] = weight().mul(2);
    expect(message(() => model.stateDict())).toMatch(/Holder: 'held.weights.0' was a parameter/);
  });

  it("is distinguished from null, another parameter, a frozen one and a buffer", async () => {
    const layer = new nn.Linear(2, 2);
    layer.bias = null;
    layer.weight = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { requiresGrad: true },
    );
    layer.weight.requiresGrad = false;
    expect(names(layer)).toEqual(["weight"]);
    expect(await layer.forward(ones([1, 2])).tolist()).toEqual([[3, 7]]);
    layer.registerBuffer("weight", ones([2, 2]));
    expect(layer.parameters()).toEqual([]);
    expect(names(layer)).toEqual(["weight"]);
    layer.registerParameter("weight", weight());
    expect(layer.parameters()).toHaveLength(1);
    expect(message(() => layer.registerParameter("weight", ones([2, 2])))).toMatch(
      /expected a tensor with requiresGrad/,
    );
  });
});
