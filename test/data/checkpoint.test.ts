import { expect, it } from "vitest";
import {
  DataLoader,
  loadCheckpoint,
  loadSafetensors,
  safetensorsMetadata,
  saveCheckpoint,
  saveSafetensors,
} from "../../src/data/index.ts";
import { ArgumentError, DataError, GradwellError } from "../../src/errors.ts";
import { runtimeOf } from "../../src/gpu/device.ts";
import "../../src/tensor-methods.ts";
import { add, mul } from "../../src/ops/binary.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { mean } from "../../src/ops/reduce.ts";
import { square, tanh } from "../../src/ops/unary.ts";
import { AdamW, GradScaler, SGD, schedule } from "../../src/optim/index.ts";
import { copyInto } from "../../src/tensor/copy.ts";
import { arange, ones, rand, randn, tensor } from "../../src/tensor/create.ts";
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

it.each(Object.keys(optimizers) as (keyof typeof optimizers)[])(
  "training continues bit for bit with %s",
  async (name) => {
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
  },
);

it("a checkpoint is a safetensors file with readable names, and may lack optimizer and random state", async () => {
  const net = new Net();
  const bytes = await saveCheckpoint({ model: net, rng: false });
  expect(Object.keys(loadSafetensors(bytes)).sort()).toEqual(["model.0.weight", "model.1.weight"]);
  const before = { ...runtimeOf(device).random };
  expect(loadCheckpoint(bytes, { model: net })).toEqual({ step: 0, epoch: 0, rng: undefined, metadata: undefined });
  expect(runtimeOf(device).random).toEqual(before);
});

it("a checkpoint takes a given random state, and leaves that of the device alone with rng: false", async () => {
  const net = new Net();
  const bytes = await saveCheckpoint({ model: net, rng: { seed: 11, call: 22 } });
  const before = { ...runtimeOf(device).random };
  expect(loadCheckpoint(bytes, { model: net, rng: false }).rng).toEqual({ seed: 11, call: 22 });
  expect(runtimeOf(device).random).toEqual(before);
  loadCheckpoint(bytes, {});
  expect(runtimeOf(device).random).toEqual({ seed: 11, call: 22 });
});

it("a checkpoint keeps the state of a user-defined optimizer: nested lists, strings, null", async () => {
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

it("loadCheckpoint refuses other files, missing parts, and wrong arguments", async () => {
  const net = new Net();
  const bytes = await saveCheckpoint({ model: net });
  const optimizer = optimizers.SGD(net);
  const other = await saveSafetensors({ a: ones([1]) });
  expect(() => loadCheckpoint(other, { model: net })).toThrow(DataError);
  expect(() => loadCheckpoint(other, { model: net })).toThrow(/expected a file of saveCheckpoint \(version 1 or 2\)/);
  expect(() => loadCheckpoint(bytes, { model: net, optimizer })).toThrow(/saved without an optimizer/);
  expect(() => loadCheckpoint(bytes.subarray(0, 100), { model: net })).toThrow(/safetensors: at byte 100/);
  expect(() => loadCheckpoint(bytes, { model: {} as never })).toThrow(/'model' expected something with stateDict/);
  expect(() => loadCheckpoint(bytes, { modell: net } as never)).toThrow(/did you mean 'model'/);
  await expect(saveCheckpoint({} as never)).rejects.toThrow(ArgumentError);
  await expect(saveCheckpoint({ model: net, step: -1 })).rejects.toThrow(/'step' expected an integer >= 0, got -1/);
  const broken = { stateDict: () => ({ lr: Number.NaN }), loadStateDict: () => undefined };
  await expect(saveCheckpoint({ model: net, optimizer: broken })).rejects.toThrow(/'lr' expected a tensor.*got NaN/);
});

it("loadCheckpoint changes nothing when one part refuses its state", async () => {
  const net = new Net();
  const optimizer = optimizers.AdamW(net);
  await train(net, optimizer as never, 3);
  const bytes = await saveCheckpoint({
    model: net,
    optimizer,
    scaler: new GradScaler(),
    step: 3,
    rng: { seed: 5, call: 6 },
  });
  const other = new Net();
  const made = optimizers.AdamW(other);
  await train(other, made as never, 2);
  const bitsOf = async () => {
    const { state, stepCount } = made.stateDict();
    const tensors = [
      ...Object.values(other.weights),
      ...Object.values(state).flatMap((one) => [one.exp_avg, one.exp_avg_sq]),
    ];
    return {
      stepCount,
      random: { ...runtimeOf(device).random },
      values: await Promise.all(tensors.map((one) => readData(one as Tensor))),
    };
  };
  const before = await bitsOf();
  const refusing = { stateDict: () => ({}), loadStateDict: () => { throw new ArgumentError("no"); } }; // biome-ignore format: short
  const { tensors } = device.memory();
  expect(() => loadCheckpoint(bytes, { model: other, optimizer: made, scaler: refusing })).toThrow("no");
  expect(device.memory().tensors).toBeLessThanOrEqual(tensors);
  expect(await bitsOf()).toEqual(before);
  // An optimizer of another kind refuses after the model was loaded.
  const momentum = new SGD(Object.values(other.weights).slice(0, 1), { lr: 0.1, momentum: 0.9 });
  expect(() => loadCheckpoint(bytes, { model: other, optimizer: momentum })).toThrow(GradwellError);
  expect((await bitsOf()).values.slice(0, 2)).toEqual(before.values.slice(0, 2));
  expect(loadCheckpoint(bytes, { model: other, optimizer: made }).step).toBe(3);
});

it("a checkpoint keeps epoch, metadata, scaler and the position of the loader", async () => {
  const net = new Net();
  const make = () => new DataLoader([arange(20)], { batchSize: 3, shuffle: true, seed: 4 });
  const loader = make();
  const scaler = new GradScaler({ initScale: 512 });
  const metadata = { best: 0.25, names: ["a", null], nested: { yes: true } };
  const read = (batches: Iterable<[Tensor]>, most = 99) => {
    const found: Promise<unknown>[] = [];
    for (const [x] of batches) if (found.push(readData(x)) >= most) break;
    return Promise.all(found);
  };
  for (const _ of loader);
  const first = await read(loader, 4);
  const bytes = await saveCheckpoint({ model: net, loader, scaler, epoch: 1, metadata });
  const whole = await read(Object.assign(make(), { epoch: 1 }));
  expect(whole.slice(0, 4)).toEqual(first);
  const [other, fresh] = [make(), new GradScaler()];
  const found = loadCheckpoint(bytes, { model: net, loader: other, scaler: fresh });
  expect(found).toMatchObject({ epoch: 1, metadata });
  expect(await readItem(fresh.getScale())).toBe(512);
  expect(await read(other)).toEqual(whole.slice(4));
  expect(await read(other)).toEqual(await read(Object.assign(make(), { epoch: 2 })));
  const unlike = new DataLoader([arange(20)], { batchSize: 4, shuffle: true, seed: 4 });
  expect(() => loadCheckpoint(bytes, { loader: unlike })).toThrow(/'batchSize' expected 4, as this loader has, got 3/);
});

it.each([
  ["call: -5", '{"seed":1,"call":-5}'],
  ["seed: null", '{"seed":null,"call":0}'],
  ["a foreign key", '{"seed":1,"call":0,"next":"x"}'],
  ["a list", "[1,2]"],
])("loadCheckpoint refuses a random state with %s", async (_, rng) => {
  const { checksum, ...texts } = safetensorsMetadata(await saveCheckpoint({ model: new Net() }));
  const file = await saveSafetensors({}, { ...texts, version: "1", rng });
  const before = { ...runtimeOf(device).random };
  expect(() => loadCheckpoint(file, {})).toThrow(/the random state is damaged/);
  expect(runtimeOf(device).random).toEqual(before);
  expect(checksum).toMatch(/^[0-9a-f]{8}$/);
});

it("saveCheckpoint refuses invalid counts", async () => {
  const { checksum: _, ...texts } = safetensorsMetadata(await saveCheckpoint({ model: new Net() }));
  for (const step of ["-1", "1.5", "", "1e3", "99999999999999999999"]) {
    const file = await saveSafetensors({}, { ...texts, version: "1", step });
    expect(() => loadCheckpoint(file, {}), step).toThrow(/step or epoch is damaged/);
  }
  await expect(saveCheckpoint({ model: new Net(), epoch: 0.5 })).rejects.toThrow(/'epoch' expected an integer/);
  await expect(saveCheckpoint({ model: new Net(), rng: { seed: 1, call: -1 } })).rejects.toThrow(/'rng'/);
});
