import { describe, expect, it } from "vitest";
import { backward } from "../../src/autograd/backward.ts";
import { runtimeOf } from "../../src/gpu/device.ts";
import { mul, sum } from "../../src/index.ts";
import { Adam, AdamW, SGD } from "../../src/optim/index.ts";
import { readData } from "../../src/tensor/readback.ts";
import { adam, sgd } from "../reference/optim.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { dispatches, fillSlots, leaf, matchesReference, numbers, setGrad } from "../support/optim.ts";

const device = await testDevice();
const close = { rtol: 2e-6, atol: 1e-6 };

describe("an optimizer's step takes", () => {
  it("one dispatch for 100 tensors of 10,000", () => {
    const params = Array.from({ length: 100 }, (_, i) => leaf(numbers(10_000, i)));
    const optimizer = new Adam(params);
    fillSlots(params);
    expect(dispatches(device, () => optimizer.step())).toBe(1);
  });

  it("one dispatch for groups with different options, one more for another kind", async () => {
    const params = Array.from({ length: 3 }, () => leaf([1, 1, 1]));
    const groups = params.map((p, i) => ({ params: [p], lr: 0.1 * (i + 1) }));
    const optimizer = new SGD(groups, { lr: 1 });
    fillSlots(params);
    expect(dispatches(device, () => optimizer.step())).toBe(1);
    for (const [i, p] of params.entries())
      expectClose(await readData(p), Array(3).fill(1 - 0.1 * (i + 1)), close, `p${i}`);
    const [first, ...others] = groups as [object, ...object[]];
    const mixed = new SGD([{ ...first, momentum: 0.9 }, ...others] as typeof groups, { lr: 1 });
    expect(dispatches(device, () => mixed.step())).toBe(2);
  });

  it("two dispatches where more groups differ than one dispatch has rows for", async () => {
    const params = Array.from({ length: 20 }, () => leaf([0]));
    const optimizer = new SGD(
      params.map((p, i) => ({ params: p, lr: i + 1 })),
      { lr: 1 },
    );
    fillSlots(params);
    expect(dispatches(device, () => optimizer.step())).toBe(2);
    for (const [i, p] of params.entries()) expect((await readData(p))[0]).toBe(-(i + 1));
  });

  it("no dispatch without gradients", () => {
    const optimizer = new Adam([leaf([1])]);
    expect(dispatches(device, () => optimizer.step())).toBe(0);
    expect(optimizer.stepCount).toBe(1);
  });
});

it("two steps with different rates fit in one submit", async () => {
  const p = leaf([10]);
  const optimizer = new SGD([p], { lr: 1 });
  setGrad(p, [1]);
  await device.sync();
  const before = runtimeOf(device).recorder.submitCount;
  optimizer.step();
  (optimizer.paramGroups[0] as { lr: number }).lr = 0.25;
  optimizer.step();
  expect(runtimeOf(device).recorder.submitCount).toBe(before);
  expect(await readData(p)).toEqual(Float32Array.of(8.75));
});

describe("parameters without gradient", () => {
  it("are left alone: no decay, no moments, no step count", async () => {
    const [p, q] = [leaf([1, 2]), leaf([1, 2])];
    const optimizer = new AdamW([p, q], { lr: 0.1, weightDecay: 0.5 });
    setGrad(p, [1, 1]);
    optimizer.step();
    expect(await readData(q)).toEqual(Float32Array.of(1, 2));
    expect(Object.keys(optimizer.stateDict().state)).toEqual(["0"]);
  });

  it("come and go, of equal shapes, each with its own state", async () => {
    const options = { lr: 0.1, betas: [0.5, 0.75] as const };
    const params = Array.from({ length: 4 }, (_, i) => leaf(numbers(6, i)));
    const exact = params.map((_, i) => numbers(6, i));
    const references = params.map(() => adam(options));
    const optimizer = new Adam(params, { ...options, betas: [0.5, 0.75] });
    for (let step = 0; step < 12; step++) {
      optimizer.zeroGrad();
      params.forEach((p, i) => {
        if ((step + i) % (i + 1) > 0 || step % 5 === i) return;
        const grads = numbers(6, 7 * step + i);
        setGrad(p, grads);
        references[i]!(exact[i]!, grads);
      });
      optimizer.step();
    }
    for (const [i, p] of params.entries()) expectClose(await readData(p), exact[i]!, close, `p${i}`);
  });

  it("may be frozen and unfrozen between steps", async () => {
    const [p, q] = [leaf([2]), leaf([3])];
    const optimizer = new SGD([p, q], { lr: 0.5, momentum: 0.5 });
    const values: (number | undefined)[] = [];
    for (const frozen of [false, true, false]) {
      p.requiresGrad = !frozen;
      optimizer.zeroGrad();
      backward(sum(mul(p, q)));
      optimizer.step();
      values.push((await readData(p))[0], (await readData(q))[0]);
    }
    // By hand: v = 3, then none, then 0.5 * 3 + 1.25.
    expect(values).toEqual([0.5, 2, 0.5, 1.25, -0.875, 0.625]);
  });
});

describe("the learning rate", () => {
  it("of a schedule follows the step count, from 0", async () => {
    const p = leaf([0]);
    const seen: number[] = [];
    const optimizer = new SGD([p], {
      lr: (step) => {
        seen.push(step);
        return step + 1;
      },
    });
    setGrad(p, [1]);
    for (let i = 0; i < 3; i++) optimizer.step();
    expect(seen).toEqual([0, 1, 2]);
    expect(await readData(p)).toEqual(Float32Array.of(-6));
  });

  it("and other options may change between steps; bad ones throw before anything moves", async () => {
    const p = leaf([1]);
    const optimizer = new SGD([p], { lr: 1, momentum: 0.5 });
    const group = optimizer.paramGroups[0] as { lr: unknown; momentum: number };
    setGrad(p, [1]);
    optimizer.step();
    group.momentum = 0.25;
    optimizer.step();
    expect(await readData(p)).toEqual(Float32Array.of(1 - 1 - 1.25));
    for (const lr of [Number.NaN, -1, () => Infinity, "1"]) {
      group.lr = lr;
      expect(() => optimizer.step()).toThrow("lr");
    }
    group.lr = 1;
    group.momentum = 0;
    expect(() => optimizer.step()).toThrow("cannot change");
    expect(optimizer.stepCount).toBe(2);
    expect(await readData(p)).toEqual(Float32Array.of(-1.25));
  });
});

it.each([1e-30, 1e30])("SGD with momentum matches the reference with gradients of %d", async (scale) => {
  const p = leaf([0, 0]);
  const options = { lr: 0.5, momentum: 0.9 };
  await matchesReference(new SGD([p], options), p, sgd(options), 10, (step) => [scale, -scale * step], {
    rtol: 1e-5,
    atol: 0,
  });
});

it("dispose() returns the memory of an optimizer", () => {
  const params = [leaf(numbers(5000)), leaf(numbers(3))];
  const optimizer = new Adam(params);
  fillSlots(params);
  optimizer.step();
  const { liveBytes, tensors } = device.memory();
  optimizer.dispose();
  optimizer.dispose();
  expect(liveBytes - device.memory().liveBytes).toBeGreaterThanOrEqual(2 * 4 * 5000);
  expect(device.memory().tensors).toBe(tensors);
  expect(() => optimizer.step()).toThrow("disposed");
});
