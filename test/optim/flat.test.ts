import { describe, expect, it } from "vitest";
import { backward } from "../../src/autograd/backward.ts";
import { runtimeOf } from "../../src/gpu/device.ts";
import { mul, sum } from "../../src/index.ts";
import { Adam, SGD } from "../../src/optim/index.ts";
import { readData } from "../../src/tensor/readback.ts";
import { gradOf, gradSlotOf, storageOf } from "../../src/tensor/tensor.ts";
import { adam } from "../reference/optim.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { dispatches, fillSlots, leaf, numbers, setGrad } from "../support/optim.ts";

const device = await testDevice();
const close = { rtol: 2e-6, atol: 1e-6 };

describe("parameters in flat storage", () => {
  it.each([1, 3, 4, 63, 64, 65, 4096, 4097])("are updated beside their neighbors: a tensor of %d", async (count) => {
    const params = [leaf(numbers(3, 1)), leaf(numbers(count, 2)), leaf(numbers(5, 3))];
    const exact = [numbers(3, 1), numbers(count, 2), numbers(5, 3)];
    const references = params.map(() => adam({ lr: 0.01, weightDecay: 0.1 }));
    const optimizer = new Adam(params, { lr: 0.01, weightDecay: 0.1 });
    // Whatever lies in the padding stays there.
    for (const { storage } of [storageOf(params[0]!).flat!, storageOf(gradSlotOf(params[0]!)!)].map((storage) => ({
      storage,
    }))) {
      const slice = storage.slice(12, 256 - 16);
      runtimeOf(device).recorder.upload({ ...slice, size: 244 }, new Float32Array(61).fill(Number.NaN));
    }
    for (let step = 0; step < 3; step++) {
      params.forEach((p, i) => {
        const grads = numbers(p.size, 10 * step + i);
        setGrad(p, grads);
        references[i]!(exact[i]!, grads);
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
    expect(gradOf(p)).toBe(gradSlotOf(p));
    expect(await readData(p.grad!)).toEqual(Float32Array.of(8, 10, 12));
    optimizer.step();
    expect(await readData(q)).toEqual(Float32Array.of(2, 1, 0));
    optimizer.zeroGrad();
    expect(p.grad).toBeNull();
    backward(sum(mul(p, q)));
    expect(await readData(p.grad!)).toEqual(Float32Array.of(2, 1, 0));
  });

  it("are split where one buffer cannot be bound", async () => {
    const { limits } = device;
    const small = { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 4096 };
    Object.defineProperty(device, "limits", { value: small, configurable: true, writable: true });
    const params = Array.from({ length: 3 }, (_, i) => leaf(numbers(500, i)));
    try {
      const optimizer = new SGD(params, { lr: 1, momentum: 0.5 });
      fillSlots(params);
      expect(dispatches(device, () => optimizer.step())).toBe(2);
      expect(storageOf(params[2]!).flat).not.toBe(storageOf(params[1]!).flat);
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
    const flat = storageOf(p).flat;
    const second = new SGD([p, q], { lr: 1 });
    const third = new SGD([q, r], { lr: 1 });
    expect(storageOf(p).flat).toBe(flat);
    fillSlots([p, q, r]);
    expect(dispatches(device, () => first.step())).toBe(1);
    expect(dispatches(device, () => second.step())).toBe(1);
    expect(dispatches(device, () => third.step())).toBe(2);
    first.step();
    expect([p, q, r].length).toBe(3);
    expect([(await readData(p))[0], (await readData(q))[0], (await readData(r))[0]]).toEqual([-2.5, -2.5, 2]);
  });
});
