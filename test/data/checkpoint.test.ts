import { expect, it } from "vitest";
import { loadCheckpoint, loadSafetensors, saveCheckpoint, saveSafetensors } from "../../src/data/index.ts";
import { ArgumentError, DataError } from "../../src/errors.ts";
import "../../src/ops/methods.ts";
import { add, mul } from "../../src/ops/binary.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { mean } from "../../src/ops/reduce.ts";
import { square, tanh } from "../../src/ops/unary.ts";
import { AdamW, SGD, schedule } from "../../src/optim/index.ts";
import { copyInto } from "../../src/tensor/copy.ts";
import { ones, rand, randn, tensor } from "../../src/tensor/create.ts";
import { manualSeed } from "../../src/tensor/random.ts";
import { readData, readItem } from "../../src/tensor/readback.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

/** A network whose steps draw random numbers, as dropout does. */
class Net {
  readonly weights: Record<string, Tensor> = {
    "0.weight": randn([5, 4], { requiresGrad: true }),
    "1.weight": randn([4, 1], { requiresGrad: true }),
  };
  constructor() {
    for (const [name, weight] of Object.entries(this.weights)) weight.label = name;
  }
  stateDict(): Record<string, Tensor> {
    return { ...this.weights };
  }
  loadStateDict(map: Record<string, Tensor>): void {
    for (const [name, weight] of Object.entries(this.weights)) copyInto(weight, map[name]!);
  }
  loss(): Tensor {
    const hidden = tanh(matmul(rand([8, 5]), this.weights["0.weight"]!));
    return mean(square(matmul(mul(hidden, add(rand([8, 4]), 0.5)), this.weights["1.weight"]!)));
  }
}

const optimizers = {
  AdamW: (net: Net) => new AdamW(Object.values(net.weights), { lr: schedule.linear({ peak: 0.1, total: 20 }) }),
  "AdamW amsgrad": (net: Net) => new AdamW(Object.values(net.weights), { lr: 0.1, amsgrad: true }),
  SGD: (net: Net) =>
    new SGD(
      Object.values(net.weights).map((weight, i) => ({ params: [weight], lr: 0.1 / (i + 1) })),
      { momentum: 0.9 },
    ),
};

async function train(net: Net, optimizer: ReturnType<typeof optimizers.SGD>, steps: number): Promise<number[]> {
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    const loss = net.loss();
    loss.backward();
    optimizer.step();
    losses.push(await readItem(loss));
  }
  return losses;
}

it.each(Object.keys(optimizers) as (keyof typeof optimizers)[])("continues bit for bit with %s", async (name) => {
  const make = optimizers[name] as typeof optimizers.SGD;
  manualSeed(3);
  const net = new Net();
  const optimizer = make(net);
  await train(net, optimizer, 4);
  const { tensors } = device.memory();
  const bytes = await saveCheckpoint({ model: net, optimizer, step: 4 });
  expect(device.memory().tensors).toBeLessThanOrEqual(tensors);
  const wanted = await train(net, optimizer, 5);

  manualSeed(99);
  const other = new Net();
  const resumed = make(other);
  await train(other, resumed, 2);
  const before = device.memory().tensors;
  expect(loadCheckpoint(bytes, { model: other, optimizer: resumed })).toMatchObject({ step: 4, rng: { seed: 3 } });
  expect(device.memory().tensors).toBeLessThanOrEqual(before);
  expect(await train(other, resumed, 5)).toEqual(wanted);
  for (const key of Object.keys(net.weights)) {
    expect(await readData(other.weights[key]!)).toEqual(await readData(net.weights[key]!));
  }
});

it("is a safetensors file with readable names, and may lack optimizer and random state", async () => {
  const net = new Net();
  const bytes = await saveCheckpoint({ model: net, rng: false });
  expect(Object.keys(loadSafetensors(bytes)).sort()).toEqual(["model.0.weight", "model.1.weight"]);
  const before = { ...device.random };
  expect(loadCheckpoint(bytes, { model: net })).toEqual({ step: 0, rng: undefined });
  expect(device.random).toEqual(before);
});

it("takes a random state of the program's own, and leaves the device's alone when told", async () => {
  const net = new Net();
  const bytes = await saveCheckpoint({ model: net, rng: { seed: 11, call: 22 } });
  const before = { ...device.random };
  expect(loadCheckpoint(bytes, { model: net, rng: false }).rng).toEqual({ seed: 11, call: 22 });
  expect(device.random).toEqual(before);
  loadCheckpoint(bytes, {});
  expect(device.random).toEqual({ seed: 11, call: 22 });
});

it("keeps what an optimizer of the user's own states: nested lists, strings, null", async () => {
  const net = new Net();
  const state = { a: [{ m: tensor([1, 2]), lr: 0.5, betas: [0.9, 0.99] }], kind: "own", none: null };
  let loaded: typeof state | undefined;
  const optimizer = {
    stateDict: () => state,
    loadStateDict: (found: object) => {
      loaded = found as typeof state;
    },
  };
  loadCheckpoint(await saveCheckpoint({ model: net, optimizer }), { optimizer });
  expect(loaded).toMatchObject({ a: [{ lr: 0.5, betas: [0.9, 0.99] }], kind: "own", none: null });
  expect(loaded?.a[0]?.m.shape).toEqual([2]);
});

it("refuses other files, missing parts, and wrong arguments", async () => {
  const net = new Net();
  const bytes = await saveCheckpoint({ model: net });
  const optimizer = optimizers.SGD(net);
  const other = await saveSafetensors({ a: ones([1]) });
  expect(() => loadCheckpoint(other, { model: net })).toThrow(DataError);
  expect(() => loadCheckpoint(other, { model: net })).toThrow(/expected a file of saveCheckpoint \(version 1\)/);
  expect(() => loadCheckpoint(bytes, { model: net, optimizer })).toThrow(/saved without an optimizer/);
  expect(() => loadCheckpoint(bytes.subarray(0, 100), { model: net })).toThrow(/safetensors: at byte 100/);
  expect(() => loadCheckpoint(bytes, { model: {} as never })).toThrow(/'model' expected something with stateDict/);
  expect(() => loadCheckpoint(bytes, { modell: net } as never)).toThrow(/did you mean 'model'/);
  await expect(saveCheckpoint({} as never)).rejects.toThrow(ArgumentError);
  await expect(saveCheckpoint({ model: net, step: -1 })).rejects.toThrow(/'step' expected a whole number >= 0, got -1/);
  const broken = { stateDict: () => ({ lr: Number.NaN }), loadStateDict: () => undefined };
  await expect(saveCheckpoint({ model: net, optimizer: broken })).rejects.toThrow(/'lr' expected a tensor.*got NaN/);
});
