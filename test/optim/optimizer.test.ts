import { describe, expect, it } from "vitest";
import { backward } from "../../src/autograd/backward.ts";
import { mul, sum } from "../../src/index.ts";
import { Adam, AdamW, SGD } from "../../src/optim/index.ts";
import { readData } from "../../src/tensor/read.ts";
import { adam, sgd } from "../reference/optim.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { followsTwin, leaf, numbers, setGrad } from "../support/optim.ts";

const device = await testDevice();
const close = { rtol: 2e-6, atol: 1e-6 };

/** The dispatches that `fn` records. */
function dispatches(fn: () => void): number {
  const before = device.recorder.dispatchCount;
  fn();
  return device.recorder.dispatchCount - before;
}

/** Gradients written into the slots at once, as backward() leaves them. */
function fillSlots(params: ReturnType<typeof leaf>[]): void {
  for (const p of params) {
    const slot = p.gradSlot as typeof p;
    p.grad = slot.fill_(1);
  }
}

describe("dispatches", () => {
  it("one for 100 tensors of 10,000", () => {
    const params = Array.from({ length: 100 }, (_, i) => leaf(numbers(10_000, i)));
    const optimizer = new Adam(params);
    fillSlots(params);
    expect(dispatches(() => optimizer.step())).toBe(1);
  });

  it("one for groups with options of their own, one more for another kind", async () => {
    const params = Array.from({ length: 3 }, () => leaf([1, 1, 1]));
    const groups = params.map((p, i) => ({ params: [p], lr: 0.1 * (i + 1) }));
    const optimizer = new SGD(groups, { lr: 1 });
    fillSlots(params);
    expect(dispatches(() => optimizer.step())).toBe(1);
    for (const [i, p] of params.entries())
      expectClose(await readData(p), Array(3).fill(1 - 0.1 * (i + 1)), close, `p${i}`);
    const [first, ...others] = groups as [object, ...object[]];
    const mixed = new SGD([{ ...first, momentum: 0.9 }, ...others] as typeof groups, { lr: 1 });
    expect(dispatches(() => mixed.step())).toBe(2);
  });

  it("two where more groups differ than one dispatch has rows for", async () => {
    const params = Array.from({ length: 20 }, () => leaf([0]));
    const optimizer = new SGD(
      params.map((p, i) => ({ params: p, lr: i + 1 })),
      { lr: 1 },
    );
    fillSlots(params);
    expect(dispatches(() => optimizer.step())).toBe(2);
    for (const [i, p] of params.entries()) expect((await readData(p))[0]).toBe(-(i + 1));
  });

  it("none without gradients", () => {
    const optimizer = new Adam([leaf([1])]);
    expect(dispatches(() => optimizer.step())).toBe(0);
    expect(optimizer.stepCount).toBe(1);
  });
});

it("takes two steps with different rates in one submit", async () => {
  const p = leaf([10]);
  const optimizer = new SGD([p], { lr: 1 });
  setGrad(p, [1]);
  await device.sync();
  const before = device.recorder.submitCount;
  optimizer.step();
  (optimizer.paramGroups[0] as { lr: number }).lr = 0.25;
  optimizer.step();
  expect(device.recorder.submitCount).toBe(before);
  expect(await readData(p)).toEqual(Float32Array.of(8.75));
});

describe("places in flat storage", () => {
  it.each([1, 3, 4, 63, 64, 65, 4096, 4097])("a tensor of %d between neighbours", async (count) => {
    const params = [leaf(numbers(3, 1)), leaf(numbers(count, 2)), leaf(numbers(5, 3))];
    const exact = [numbers(3, 1), numbers(count, 2), numbers(5, 3)];
    const twins = params.map(() => adam({ lr: 0.01, weightDecay: 0.1 }));
    const optimizer = new Adam(params, { lr: 0.01, weightDecay: 0.1 });
    // Whatever lies in the padding stays there.
    for (const { storage } of [params[0]!.storage.flat!, params[0]!.gradSlot!.storage].map((storage) => ({
      storage,
    }))) {
      const slice = storage.slice(12, 256 - 16);
      device.recorder.upload({ ...slice, size: 244 }, new Float32Array(61).fill(Number.NaN));
    }
    for (let step = 0; step < 3; step++) {
      params.forEach((p, i) => {
        const grads = numbers(p.size, 10 * step + i);
        setGrad(p, grads);
        twins[i]!(exact[i]!, grads);
      });
      optimizer.step();
    }
    for (const [i, p] of params.entries()) expectClose(await readData(p), exact[i]!, close, `p${i}`);
  });

  it("keep the values, and other views of the same memory follow", async () => {
    const p = leaf([1, 2, 3]);
    const alias = p.detach();
    const optimizer = new SGD([p], { lr: 1 });
    expect(await readData(p)).toEqual(Float32Array.of(1, 2, 3));
    setGrad(p, [1, 1, 1]);
    optimizer.step();
    expect(await readData(alias)).toEqual(Float32Array.of(0, 1, 2));
  });

  it("take what backward writes, also when it adds", async () => {
    const [p, q] = [leaf([1, 2, 3]), leaf([4, 5, 6])];
    const optimizer = new SGD([p, q], { lr: 1 });
    for (let i = 0; i < 2; i++) backward(sum(mul(p, q)));
    expect(p.grad).toBe(p.gradSlot);
    expect(await readData(p.grad!)).toEqual(Float32Array.of(8, 10, 12));
    optimizer.step();
    expect(await readData(q)).toEqual(Float32Array.of(2, 1, 0));
    optimizer.zeroGrad();
    expect(p.grad).toBeNull();
    backward(sum(mul(p, q)));
    expect(await readData(p.grad!)).toEqual(Float32Array.of(2, 1, 0));
  });

  it("are cut where one buffer cannot be bound", async () => {
    const { limits } = device;
    const small = { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 4096 };
    Object.defineProperty(device, "limits", { value: small, configurable: true, writable: true });
    const params = Array.from({ length: 3 }, (_, i) => leaf(numbers(500, i)));
    try {
      const optimizer = new SGD(params, { lr: 1, momentum: 0.5 });
      fillSlots(params);
      expect(dispatches(() => optimizer.step())).toBe(2);
      expect(params[2]?.storage.flat).not.toBe(params[1]?.storage.flat);
    } finally {
      Object.defineProperty(device, "limits", { value: limits });
    }
    for (const [i, p] of params.entries()) {
      expectClose(
        await readData(p),
        numbers(500, i).map((one) => one - 1),
        close,
        `p${i}`,
      );
    }
  });

  it("serve a second optimizer too, and one over a part of them and others", async () => {
    const [p, q, r] = [leaf([1]), leaf([2]), leaf([3])];
    const first = new SGD([p, q], { lr: 1, momentum: 0.5 });
    const flat = p.storage.flat;
    const second = new SGD([p, q], { lr: 1 });
    const third = new SGD([q, r], { lr: 1 });
    expect(p.storage.flat).toBe(flat);
    fillSlots([p, q, r]);
    expect(dispatches(() => first.step())).toBe(1);
    expect(dispatches(() => second.step())).toBe(1);
    expect(dispatches(() => third.step())).toBe(2);
    first.step();
    expect([p, q, r].length).toBe(3);
    expect([(await readData(p))[0], (await readData(q))[0], (await readData(r))[0]]).toEqual([-2.5, -2.5, 2]);
  });
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
    const twins = params.map(() => adam(options));
    const optimizer = new Adam(params, { ...options, betas: [0.5, 0.75] });
    for (let step = 0; step < 12; step++) {
      optimizer.zeroGrad();
      params.forEach((p, i) => {
        if ((step + i) % (i + 1) > 0 || step % 5 === i) return;
        const grads = numbers(6, 7 * step + i);
        setGrad(p, grads);
        twins[i]!(exact[i]!, grads);
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

describe("learning rate", () => {
  it("of a schedule goes by the steps taken, from 0", async () => {
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

  it("and other options may be changed between steps; bad ones throw before anything moves", async () => {
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

it.each([1e-30, 1e30])("momentum with gradients of %d", async (scale) => {
  const p = leaf([0, 0]);
  const options = { lr: 0.5, momentum: 0.9 };
  await followsTwin(new SGD([p], options), p, sgd(options), 10, (step) => [scale, -scale * step], {
    rtol: 1e-5,
    atol: 0,
  });
});

it("gives its memory back", () => {
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
