import { describe, expect, it } from "vitest";
import { AdaGrad, Adam, AdamW, type OptimizerState, RMSProp, SGD, schedule } from "../../src/optim/index.ts";
import { copyInto } from "../../src/tensor/copy.ts";
import { tensor } from "../../src/tensor/create.ts";
import { readData } from "../../src/tensor/readback.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { testDevice } from "../support/device.ts";
import { type AnyOptimizer, leaf, numbers, setGrad } from "../support/optim.ts";

await testDevice();

const sizes = [7, 130, 1];
const named = (seed: number) =>
  sizes.map((size, i) => {
    const p = leaf(numbers(size, seed + i));
    p.label = `layer.${i}`;
    return p;
  });

function steps(optimizer: AnyOptimizer, params: readonly Tensor[], from: number, to: number): void {
  for (let step = from; step < to; step++) {
    optimizer.zeroGrad();
    // The last parameter has a gradient in every other step only.
    for (const [i, p] of params.entries()) if (i < 2 || step % 2 === 0) setGrad(p, numbers(p.size, 50 * step + i));
    optimizer.step();
  }
}

const copyOf = async (p: Tensor): Promise<Tensor> => {
  const copy = leaf([...(await readData(p))]);
  copy.label = p.label;
  return copy;
};

const makers: [string, (params: Tensor[]) => AnyOptimizer][] = [
  ["SGD", (params) => new SGD(params, { lr: 0.1, momentum: 0.9, dampening: 0.1 })],
  ["AdaGrad", (params) => new AdaGrad(params, { initialAccumulatorValue: 0.5, lrDecay: 0.1 })],
  ["RMSProp", (params) => new RMSProp(params, { centered: true, momentum: 0.9 })],
  ["Adam", (params) => new Adam(params, { amsgrad: true, weightDecay: 0.1 })],
  ["AdamW", (params) => new AdamW(params, { lr: schedule.cosine({ peak: 0.1, total: 20 }) })],
];

describe("a run that is resumed", () => {
  it.each(makers)("of %s continues to the bit", async (_, make) => {
    const params = named(1);
    const optimizer = make(params);
    steps(optimizer, params, 0, 5);
    const state = optimizer.stateDict();
    const copies = await Promise.all(params.map(copyOf));
    const resumed = make(copies);
    resumed.loadStateDict(state);
    expect(resumed.stepCount).toBe(5);
    steps(optimizer, params, 5, 9);
    steps(resumed, copies, 5, 9);
    for (const [i, p] of params.entries()) expect(await readData(copies[i] as Tensor)).toEqual(await readData(p));
    // The dict was a copy, which neither run has touched.
    const again = make(await Promise.all(params.map(copyOf)));
    again.loadStateDict(state);
    expect(again.stateDict().paramGroups).toEqual(state.paramGroups);
  });

  it("finds its state by name when parameters come in another order", async () => {
    const params = named(1);
    const optimizer = new Adam(params);
    steps(optimizer, params, 0, 5);
    const copies = await Promise.all(params.map(copyOf));
    const resumed = new Adam([copies[2], copies[0], copies[1]] as Tensor[]);
    const { state, paramGroups } = optimizer.stateDict();
    resumed.loadStateDict({ state, paramGroups });
    steps(optimizer, params, 5, 7);
    steps(resumed, copies, 5, 7);
    for (const [i, p] of params.entries()) expect(await readData(copies[i] as Tensor)).toEqual(await readData(p));
  });

  it("forgets its earlier state", async () => {
    const [p, q] = [leaf([1, 2]), leaf([1, 2])];
    const [fresh, used] = [new Adam([p]), new Adam([q])];
    const empty = fresh.stateDict();
    setGrad(q, [3, 4]);
    used.step();
    used.loadStateDict(empty);
    expect(used.stepCount).toBe(0);
    for (const one of [p, q]) copyInto(one, tensor([1, 2]));
    for (const one of [p, q]) setGrad(one, [1, -1]);
    fresh.step();
    used.step();
    expect(await readData(q)).toEqual(await readData(p));
  });
});

it("a state dict has PyTorch's names", async () => {
  const p = leaf([1]);
  const optimizer = new Adam([p], { amsgrad: true, lr: (step) => 0.5 ** step });
  setGrad(p, [2]);
  optimizer.step();
  const dict = optimizer.stateDict();
  expect(Object.keys(dict.state["0"] ?? {})).toEqual(["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]);
  expect(dict.paramGroups).toEqual([
    { lr: 0.5, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: true, params: ["0"] },
  ]);
  expect((await readData(dict.state["0"]?.exp_avg as Tensor))[0]).toBeCloseTo(0.2, 6);
});

describe("a state dict that does not fit", () => {
  const p = leaf([1, 2]);
  const optimizer = new Adam([p], { lr: 0.5 });
  setGrad(p, [1, 1]);
  optimizer.step();
  const good = optimizer.stateDict();
  const entry = good.state["0"] as OptimizerState["state"][string];
  const [group] = good.paramGroups;
  it.each<[string, object, string | RegExp]>([
    ["nothing", {}, "'state' expected"],
    ["no groups", { state: {} }, "'paramGroups' expected"],
    ["more groups", { ...good, paramGroups: [group, group] }, "1 groups"],
    ["more parameters", { ...good, paramGroups: [{ ...group, params: ["0", "1"] }] }, "1 parameters"],
    ["other names", { ...good, paramGroups: [{ ...group, params: ["weight"] }] }, "unknown parameter 'weight'"],
    ["stray state", { ...good, state: { 0: entry, 7: entry } }, "state of '7'"],
    ["another shape", { ...good, state: { 0: { ...entry, exp_avg: tensor([1, 2, 3]) } } }, "exp_avg"],
    ["another dtype", { ...good, state: { 0: { ...entry, exp_avg: tensor([1, 2], { dtype: "i32" }) } } }, "exp_avg"],
    ["a step that is no number", { ...good, state: { 0: { ...entry, step: tensor(1) } } }, "await item()"],
    ["options out of range", { ...good, paramGroups: [{ ...group, eps: -1 }] }, "eps"],
    ["another kernel", { ...good, paramGroups: [{ ...group, amsgrad: true }] }, "cannot change"],
    ["maximize", { ...good, paramGroups: [{ ...group, maximize: true }] }, "maximize"],
    ["a bad count", { ...good, stepCount: -1 }, "stepCount"],
  ])("with %s is refused and changes nothing", async (_, dict, message) => {
    expect(() => optimizer.loadStateDict(dict)).toThrow(message);
    expect(optimizer.stepCount).toBe(1);
    expect(optimizer.stateDict().paramGroups).toEqual(good.paramGroups);
    expect(await readData(optimizer.stateDict().state["0"]?.exp_avg as Tensor)).toEqual(
      await readData(entry.exp_avg as Tensor),
    );
  });
});
