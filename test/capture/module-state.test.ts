/** Whatever a module's forward read while it was recorded may change between calls: the captured step gives what eager gives. */
import { describe, expect, it } from "vitest";
import { capture, manualSeed, nn, ones, optim, randn, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const ALL = process.env.GRADWELL_TEST_ALL === "1";
type Mutable<T> = { -readonly [K in keyof T]: T[K] };
/** A layer whose settings may be written. */
const open = <T extends nn.Module>(layer: T) => layer as Mutable<T>;

interface Settings {
  scale: number;
  deep: { shift: number[] };
  skip?: boolean;
}

/** A model that reads state of every kind: layers in containers, settings in objects, lists, Maps, class instances and accessors. */
class Net extends nn.Module {
  first = new nn.Linear(4, 6);
  second = new nn.Linear(6, 6);
  norm = new nn.BatchNorm1d(6);
  drop = new nn.Dropout(0.25);
  stack = new nn.Sequential(new nn.Linear(6, 6), new nn.ReLU(), new nn.LayerNorm(6));
  blocks: nn.Module[] = [new nn.Linear(6, 6), new nn.Linear(6, 6)];
  list = new nn.ModuleList<nn.Module>([new nn.Tanh()]);
  heads = new Map<string, nn.Module>([
    ["main", new nn.Linear(6, 3)],
    ["side", new nn.Linear(6, 3)],
  ]);
  adapter?: nn.Module = new nn.Linear(6, 6);
  settings: Settings = { scale: 1, deep: { shift: [0.5] }, skip: true };
  options = new (class {
    power = 1;
  })();
  factors = new Float32Array([1, 2]);
  constant = ones([6]);
  activate = (x: Tensor): Tensor => x.tanh();
  last: Tensor | null = null;
  #gain = 1;

  get gain(): number {
    return this.#gain;
  }

  set gain(value: number) {
    this.#gain = value;
  }

  override forward(x: Tensor): Tensor {
    const { scale, deep, skip } = this.settings;
    let y = this.drop.forward(this.norm.forward(this.second.forward(this.activate(this.first.forward(x)))));
    if (!skip) y = this.stack.forward(y);
    for (const block of [...this.blocks, ...this.list]) y = block.forward(y);
    if (this.adapter) y = y.add(this.adapter.forward(y));
    y = y
      .mul(scale * this.gain * (this.factors[1] as number))
      .add(this.constant)
      .pow(this.options.power);
    for (const shift of deep.shift) y = y.add(shift);
    this.last = y.detach().clone();
    return [...this.heads.values()].map((head) => head.forward(y)).reduce((a, b) => a.mul(0.5).add(b));
  }
}

/** The same draws in both models: `seed` goes with the mutation. */
type Mutation = (net: Net, seed: number) => void;
const seeded = <T>(seed: number, make: () => T): T => {
  manualSeed(seed);
  return make();
};
const number = (seed: number): number => 0.25 + (seed % 7) / 8;
const linear = (seed: number, out = 6) => seeded(seed, () => new nn.Linear(6, out));

const mutations: Record<string, Mutation> = {
  "a layer replaced": (net, seed) => {
    net.second = linear(seed);
  },
  "a weight replaced": (net, seed) => {
    net.second.weight = seeded(seed, () => randn([6, 6], { requiresGrad: true }));
  },
  "weights tied": (net) => {
    net.second.weight = (net.blocks[0] as nn.Linear).weight;
  },
  "a bias removed": (net) => {
    net.first.bias = null;
  },
  "an adapter added": (net, seed) => {
    net.adapter = linear(seed);
  },
  "an adapter removed": (net) => {
    delete net.adapter;
  },
  "a list of layers that grew": (net, seed) => {
    net.blocks.push(linear(seed));
  },
  "a list of layers that shrank": (net) => {
    if (net.blocks.length > 1) net.blocks.pop();
  },
  "a list replaced": (net, seed) => {
    net.blocks = [linear(seed), ...net.blocks.slice(1)];
  },
  "a ModuleList that grew": (net) => {
    net.list.append(new nn.Sigmoid());
  },
  "a ModuleList's entry replaced": (net, seed) => {
    net.list[0] = seed % 2 ? new nn.ReLU() : new nn.GELU();
  },
  "a Map's entry added": (net, seed) => {
    net.heads.set(`head${seed % 3}`, linear(seed, 3));
  },
  "a Map's order": (net) => {
    const [[name, head]] = net.heads as unknown as [[string, nn.Module]];
    net.heads.delete(name);
    net.heads.set(name, head);
  },
  "the layers of a Sequential": (net, seed) => {
    open(net.stack).layers = [linear(seed), new nn.GELU(), ...net.stack.layers.slice(2)];
  },
  "an activation in a Sequential": (net, seed) => {
    (net.stack.layers as nn.Module[])[1] = seed % 2 ? new nn.Tanh() : new nn.LeakyReLU(number(seed));
  },
  "a bias in a Sequential": (net, seed) => {
    (net.stack.layers[0] as nn.Linear).bias = seeded(seed, () => randn([6], { requiresGrad: true }));
  },
  "the momentum of a batch norm": (net, seed) => {
    open(net.norm).momentum = seed % 4 ? number(seed) : null;
  },
  "eps of a batch norm": (net, seed) => {
    open(net.norm).eps = number(seed);
  },
  "eps of a layer norm": (net, seed) => {
    open(net.stack.layers[2] as nn.LayerNorm).eps = number(seed);
  },
  "p of a dropout": (net, seed) => {
    open(net.drop).p = number(seed) / 2;
  },
  "the activation of a Linear": (net, seed) => {
    open(net.first).activation = seed % 2 ? "relu" : "none";
  },
  "a number in a plain object": (net, seed) => {
    net.settings.scale = number(seed);
  },
  "a number in a nested array": (net, seed) => {
    net.settings.deep.shift[0] = number(seed);
  },
  "a property added to a plain object": (net) => {
    delete net.settings.skip;
    Object.assign(net.settings, { more: 1, skip: false });
  },
  "a property deleted from a plain object": (net) => {
    delete net.settings.skip;
  },
  "a plain object replaced": (net, seed) => {
    net.settings = { scale: number(seed), deep: { shift: [0.1, 0.2] } };
  },
  "a field of a class instance": (net) => {
    net.options.power = 3 - net.options.power;
  },
  "an entry of a typed array": (net, seed) => {
    net.factors[1] = number(seed);
  },
  "a constant tensor": (net, seed) => {
    net.constant = seeded(seed, () => randn([6]));
  },
  "a function": (net, seed) => {
    net.activate = seed % 2 ? (x) => x.sigmoid() : (x) => x.tanh();
  },
  "private state behind an accessor": (net, seed) => {
    net.gain = number(seed);
  },
  "the mode of a part": (net, seed) => {
    net.norm.train(seed % 2 === 0);
  },
  "the mode of all": (net, seed) => {
    net.train(seed % 3 > 0);
  },
  "forward of a layer": (net) => {
    const { forward } = net.second;
    net.second.forward = (x) => forward(x).mul(0.5);
  },
  "forward of the model": (net, seed) => {
    const factor = number(seed);
    net.forward = (x) => Net.prototype.forward.call(net, x).mul(factor);
  },
  "what a frozen parameter is": (net) => {
    net.first.weight.requiresGrad = !net.first.weight.requiresGrad;
  },
  nothing: () => {},
};

function training() {
  const net = seeded(1, () => new Net());
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
  const step = (x: Tensor, y: Tensor): Tensor[] => {
    net.zeroGrad();
    const logits = net.forward(x);
    const loss = nn.crossEntropy(logits, y);
    loss.backward();
    optimizer.step();
    return [loss, logits];
  };
  return { net, step };
}

async function bits(outputs: Tensor[], net: Net): Promise<unknown> {
  const state = Object.entries(net.stateDict()).flatMap(([name, one]): [string, Tensor][] => [
    [name, one],
    ...(one.grad ? [[`grad of ${name}`, one.grad] as [string, Tensor]] : []),
  ]);
  const last = net.last as Tensor;
  return Promise.all(
    [...outputs, last, ...state].map(async (one) =>
      Array.isArray(one) ? [one[0], [...(await one[1].data())]] : [...(await one.data())],
    ),
  );
}

function batch(i: number): [Tensor, Tensor] {
  return [
    tensor(Array.from({ length: 5 }, (_, k) => [k, i, (k * i) % 3, 1])),
    tensor([0, 1, 2, 1, 0], { dtype: "i32" }),
  ];
}

function eagerAndCaptured() {
  const [eager, captured] = [training(), training()];
  const replay = capture(captured.step);
  const compare = async (i: number, mutation: string) => {
    for (const { net } of [eager, captured]) mutations[mutation]?.(net, i);
    const [x, y] = batch(i);
    const wanted = await bits(
      seeded(i, () => eager.step(x, y)),
      eager.net,
    );
    expect(
      await bits(
        seeded(i, () => replay(x, y)),
        captured.net,
      ),
      `after ${mutation}, call ${i}`,
    ).toEqual(wanted);
  };
  return { compare, replay };
}

describe("a captured step follows its model", () => {
  it.each(Object.keys(mutations))("when this changes: %s", async (mutation) => {
    const { compare } = eagerAndCaptured();
    for (const [i, one] of ["nothing", "nothing", mutation, "nothing", mutation].entries()) await compare(i + 1, one);
  });

  it.each(Array.from({ length: ALL ? 20 : 2 }, (_, i) => i + 1))("through random changes, seed %i", async (seed) => {
    const { compare } = eagerAndCaptured();
    let state = seed;
    for (let i = 1; i <= 30; i++) {
      state = (state * 48271) % 2147483647;
      await compare(i, Object.keys(mutations)[state % Object.keys(mutations).length] as string);
    }
  });

  it("with one recording where nothing changes, and two where forward replaces a tensor that it only leaves for others", async () => {
    const { compare, replay } = eagerAndCaptured();
    for (let i = 1; i < 6; i++) await compare(i, "nothing");
    expect(replay.recordings).toBe(2);
    const plain = new nn.Sequential(new nn.Linear(2, 2), new nn.Dropout());
    const forward = capture((x: Tensor) => plain.forward(x));
    for (let i = 0; i < 4; i++) forward(ones([1, 2]));
    expect(forward.recordings).toBe(1);
  });
});

it("a model that carries a tensor from call to call, or counts its calls, gives what eager gives", async () => {
  class Carrying extends nn.Module {
    state = ones([2]);
    calls = 0;
    override forward(x: Tensor): Tensor {
      this.calls++;
      this.state = this.state.mul(x);
      return this.state.add(this.calls);
    }
  }
  const [eager, captured] = [new Carrying(), new Carrying()];
  const forward = capture((x: Tensor) => captured.forward(x));
  for (let i = 1; i < 5; i++) {
    const x = tensor([i, 2]);
    expect(await forward(x).tolist()).toEqual(await eager.forward(x).tolist());
  }
});

it("a forward that is a field of its class is followed, and its layers are checked, once the model was looked through", async () => {
  const hidden = new nn.Linear(2, 2);
  class Field extends nn.Module {
    layer = new nn.Linear(2, 2);
    scale = 2;
    hide = false;
    override forward = (x: Tensor): Tensor => (this.hide ? hidden : this.layer).forward(x).mul(this.scale);
  }
  const model = new Field();
  expect(model.parameters()).toHaveLength(2);
  const run = capture((x: Tensor) => model.forward(x));
  const x = ones([1, 2]);
  run(x);
  model.scale = 3;
  expect(await run(x).tolist()).toEqual(await model.forward(x).tolist());
  model.hide = true;
  expect(() => model.forward(x)).toThrow(/Field: its forward ran Linear, which is not registered/);
});

it("a list of parameters that was read while recording is read again when it was replaced", async () => {
  const model = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 2));
  const total = capture(() =>
    model
      .parameters()
      .map((one) => one.detach().square().sum())
      .reduce((a, b) => a.add(b)),
  );
  const eager = () =>
    model
      .parameters()
      .map((one) => one.detach().square().sum())
      .reduce((a, b) => a.add(b));
  expect(await total().item()).toBe(await eager().item());
  open(model).layers = [...model.layers, new nn.Linear(2, 2)];
  expect(await total().item()).toBe(await eager().item());
});

it("a model whose forward takes no tensor first is followed too", async () => {
  class Scaled extends nn.Module {
    table = randn([3], { requiresGrad: true });
    scale = 1;
    override forward(n: number): Tensor {
      return this.table.mul(this.scale * n);
    }
  }
  const model = new Scaled();
  const run = capture(() => model.forward(2).detach());
  await run().tolist();
  model.scale = 3;
  expect(await run().tolist()).toEqual(await model.forward(2).tolist());
});
