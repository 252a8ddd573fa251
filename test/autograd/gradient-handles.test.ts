/** Whatever `grad` gave out has the value of its step, or says that it is gone. */
import { describe, expect, it } from "vitest";
import { capture, DisposedError, nn, noGrad, ones, optim, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const leaf = () => tensor([1, 2], { requiresGrad: true });
/** Gives w the gradient [k, k]. */
const pull = (w: Tensor, k: number) => w.mul(k).sum().backward();

const drop = (w: Tensor) => {
  w.grad = null;
};

type Make = (w: Tensor) => { step(k: number): void; clear(): void };

const eager: [string, Make][] = [
  ["grad = null", (w) => ({ step: (k) => pull(w, k), clear: () => drop(w) })],
  [
    "an optimizer",
    (w) => {
      const optimizer = new optim.SGD([w], { lr: 0 });
      return { step: (k) => pull(w, k), clear: () => optimizer.zeroGrad() };
    },
  ],
  [
    "a module",
    (w) => {
      const model = Object.assign(new nn.Module(), { w });
      return { step: (k) => pull(w, k), clear: () => model.zeroGrad() };
    },
  ],
  [
    "second derivatives",
    (w) => ({
      step: (k) => w.mul(k).sum().backward(undefined, { createGraph: true }),
      clear: () => drop(w),
    }),
  ],
  [
    "a captured step",
    (w) => {
      const step = capture((k: Tensor) => {
        w.grad = null;
        w.mul(k).sum().backward();
      });
      return { step: (k) => step(tensor(k)), clear: () => undefined };
    },
  ],
  [
    "a captured step with an optimizer",
    (w) => {
      const optimizer = new optim.SGD([w], { lr: 0 });
      const step = capture((k: Tensor) => {
        optimizer.zeroGrad();
        w.mul(k).sum().backward();
        optimizer.step();
      });
      return { step: (k) => step(tensor(k)), clear: () => undefined };
    },
  ],
];

describe.each(eager)("a gradient that was kept, cleared by %s", (_, make) => {
  it("keeps its value or throws, and so do all its views, over many steps", async () => {
    const w = leaf();
    const { step, clear } = make(w);
    const kept: { k: number; tensors: Tensor[] }[] = [];
    let gone = 0;
    for (let k = 1; k <= 12; k++) {
      clear();
      step(k);
      const g = w.grad as Tensor;
      expect(w.grad).toBe(g);
      expect(await g.tolist()).toEqual([k, k]);
      kept.push({ k, tensors: [g, g.detach(), g.reshape([2, 1]), g.narrow(0, 1, 1), noGrad(() => g.mul(1))] });
      for (const { k: value, tensors } of kept) {
        for (const one of tensors) {
          if (one.disposed) gone++;
          try {
            expect(new Set(await one.data())).toEqual(new Set([value]));
          } catch (error) {
            expect(error).toBeInstanceOf(DisposedError);
            expect(String(error)).toMatch(/clone\(\)|zeroGrad/);
          }
        }
      }
    }
    const { tensors } = kept.at(-1) as (typeof kept)[number];
    expect(tensors.every((one) => !one.disposed)).toBe(true);
    // What was computed from a gradient, as clone() is, lasts.
    for (const { k, tensors } of kept) expect(new Set(await (tensors[4] as Tensor).data())).toEqual(new Set([k]));
    expect(gone).toBeGreaterThanOrEqual(0);
  });
});

it("adding into a gradient keeps the handle, as in PyTorch", async () => {
  for (const flat of [false, true]) {
    const w = leaf();
    if (flat) new optim.SGD([w], { lr: 0 });
    pull(w, 2);
    const g = w.grad as Tensor;
    pull(w, 3);
    expect(w.grad).toBe(g);
    expect(await g.tolist()).toEqual([5, 5]);
    g.fill_(1);
    optim.clipGradValue([w], 0.5);
    expect(await g.tolist()).toEqual([0.5, 0.5]);
    expect(await w.grad?.tolist()).toEqual([0.5, 0.5]);
  }
});

it("a gradient lasts after zeroGrad until the next one is computed", async () => {
  const w = leaf();
  const optimizer = new optim.SGD([w], { lr: 0 });
  pull(w, 2);
  const g = w.grad as Tensor;
  optimizer.zeroGrad();
  expect(await g.tolist()).toEqual([2, 2]);
  w.grad = g;
  pull(w, 1);
  expect(await g.tolist()).toEqual([3, 3]);
  expect(w.grad).toBe(g);
  optimizer.zeroGrad();
  pull(w, 7);
  expect(() => g.add(1)).toThrow(/computed anew; keep a copy with grad\.clone\(\)/);
  expect(await w.grad?.tolist()).toEqual([7, 7]);
});

it("a gradient that the user set stays the user's", async () => {
  const model = Object.assign(new nn.Module(), { w: leaf() });
  const mine = ones([2]);
  model.w.grad = mine;
  expect(model.w.grad).toBe(mine);
  model.zeroGrad();
  expect(await mine.tolist()).toEqual([1, 1]);
  const optimizer = new optim.SGD([model.w], { lr: 1 });
  model.w.grad = mine;
  optimizer.step();
  optimizer.zeroGrad();
  pull(model.w, 4);
  expect(await mine.tolist()).toEqual([1, 1]);
});

it("a graph that read a gradient refuses to go on when it was changed", () => {
  const [w, v] = [leaf(), leaf()];
  new optim.SGD([w], { lr: 0 });
  pull(w, 2);
  const penalty = (w.grad as Tensor).mul(v).sum();
  optim.clipGradNorm([w], 0.1);
  expect(() => penalty.backward()).toThrow(/was changed in place/);
  const later = (w.grad as Tensor).mul(v).sum();
  w.grad = null;
  pull(w, 3);
  expect(() => later.backward()).toThrow(DisposedError);
});

it("captured steps that add into gradients keep the handle", async () => {
  const w = leaf();
  new optim.SGD([w], { lr: 0 });
  pull(w, 1);
  const g = w.grad as Tensor;
  const add = capture((k: Tensor) => w.mul(k).sum().backward());
  for (let k = 1; k <= 4; k++) add(tensor(k));
  expect(w.grad).toBe(g);
  expect(await g.tolist()).toEqual([11, 11]);
});
