/** The driver refuses memory: an OutOfMemoryError, no plausible wrong number after it, and the program goes on. */

import { afterEach, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import {
  capture,
  manualSeed,
  nn,
  OutOfMemoryError,
  ones,
  optim,
  randn,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { storageOf } from "../../src/tensor/tensor.ts";
import { testDevice } from "../support/device.ts";
import { classifierStep } from "../support/training-step.ts";

const device = await testDevice();
const create = device.gpu.createBuffer;

/** Has the n-th buffer from now on refused: its descriptor asks for more than any adapter has. */
function refuse(n: number): { made: number } {
  const count = { made: 0 };
  device.gpu.createBuffer = function (this: GPUDevice, descriptor: GPUBufferDescriptor) {
    const size = ++count.made === n ? 2 ** 45 : descriptor.size;
    return create.call(this, { ...descriptor, size });
  } as typeof create;
  return count;
}

function allow(): void {
  device.gpu.createBuffer = create;
}

afterEach(allow);

/** Sizes that no other test has left in the pool. */
let unique = 1000;
const freshShape = () => {
  unique += 1000;
  return [unique];
};

it("a refused buffer is an OutOfMemoryError with the bytes wanted and held and what to do", async () => {
  refuse(1);
  const x = ones(freshShape());
  const y = x.mul(2);
  allow();
  const failure = await y.data().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(OutOfMemoryError);
  expect(String(failure)).toMatch(/no memory for \d+ bytes; \d+ bytes are in live tensors.*scope/s);
});

it("what was computed from refused memory stays refused, and what was there before is intact", async () => {
  const before = tensor([1, 2, 3]);
  expect(await before.tolist()).toEqual([1, 2, 3]);
  const shape = freshShape();
  refuse(1);
  const x = ones(shape);
  const y = x.add(1);
  const z = y.sum();
  allow();
  await expect(device.sync()).rejects.toThrow(OutOfMemoryError);
  for (const lost of [x, y, z]) {
    await expect(lost.data()).rejects.toThrow(OutOfMemoryError);
    expect(() => lost.mul(2)).toThrow(/values are lost/);
  }
  expect(await before.add(1).tolist()).toEqual([2, 3, 4]);
  expect(await ones(shape).add(1).sum().item()).toBe(2 * (shape[0] as number));
});

it("every read under way when memory ran out throws", async () => {
  const kept = tensor([4, 5]);
  refuse(1);
  const x = ones(freshShape());
  allow();
  const outcomes = await Promise.allSettled([x.data(), kept.mul(1).data(), x.sum().item()]);
  for (const { status } of outcomes) expect(status).toBe("rejected");
  expect(await kept.tolist()).toEqual([4, 5]);
});

it("a refused buffer is never handed out again", async () => {
  const shape = freshShape();
  refuse(1);
  const x = ones(shape);
  const refused = storageOf(x).buffer;
  x.dispose();
  allow();
  await expect(device.sync()).rejects.toThrow(OutOfMemoryError);
  for (let i = 0; i < 3; i++) expect(storageOf(ones(shape)).buffer.gpu).not.toBe(refused.gpu);
  expect(await ones(shape).sum().item()).toBe(shape[0]);
});

it("memory that is kept for reuse is freed when the driver refuses a buffer", async () => {
  for (let i = 0; i < 8; i++) ones(freshShape()).dispose();
  await device.sync();
  const before = device.memory().pooledBytes;
  refuse(1);
  ones(freshShape());
  allow();
  await expect(device.sync()).rejects.toThrow(OutOfMemoryError);
  expect(device.memory().pooledBytes).toBeLessThan(before);
});

it("a refused buffer of a read is an OutOfMemoryError too", async () => {
  const x = tensor([1, 2, 3]);
  await device.sync();
  refuse(1);
  const read = x.data();
  allow();
  await expect(read).rejects.toThrow(OutOfMemoryError);
  expect(await x.tolist()).toEqual([1, 2, 3]);
});

it("tensors whose values were lost are usable again after copy_, fill_ and loading", async () => {
  const x = tensor([1, 2]);
  const model = new nn.Linear(3, 2);
  const saved = Object.fromEntries(
    Object.entries(model.stateDict()).map(([name, one]) => [name, (one as Tensor).clone()]),
  );
  await device.sync();
  refuse(1);
  ones(freshShape());
  x.copy_(tensor([7, 8]));
  for (const parameter of model.parameters()) parameter.fill_(0);
  allow();
  await expect(device.sync()).rejects.toThrow(OutOfMemoryError);
  await expect(x.data()).rejects.toThrow(OutOfMemoryError);
  expect(() => model.forward(ones([1, 3]))).toThrow(OutOfMemoryError);
  x.copy_(tensor([5, 6]));
  model.loadStateDict(saved);
  expect(await x.tolist()).toEqual([5, 6]);
  const y = model.forward(ones([1, 3])) as Tensor;
  expect(await y.sum().item()).toBeCloseTo(await (saved.weight as Tensor).sum().item(), 5);
});

/** A training of a few steps; before the third, `disturb` runs. */
async function train(
  hidden: number,
  captured: boolean,
  disturb: (step: () => Tensor) => Promise<void>,
): Promise<number[]> {
  manualSeed(3);
  const model = new nn.Sequential(new nn.Linear(5, hidden), new nn.Tanh(), new nn.Linear(hidden, 2));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const [x, y] = [randn([6, 5]), tensor(Int32Array.from([0, 1, 0, 1, 1, 0]))];
  const body = classifierStep(model, optimizer);
  let run = captured ? capture(body) : body;
  const step = () => run(x, y);
  const losses: number[] = [await step().item(), await step().item()];
  const parameters = Object.fromEntries(
    Object.entries(model.stateDict()).map(([name, one]) => [name, (one as Tensor).clone()]),
  );
  const state = optimizer.stateDict();
  await device.sync();
  // Recorded anew, so that a recording meets refusals as well.
  if (captured) run = capture(body);
  await disturb(step);
  model.loadStateDict(parameters);
  optimizer.loadStateDict(state);
  for (let i = 0; i < 3; i++) losses.push(await step().item());
  return losses;
}

it.each([false, true])(
  "whichever buffer of a training step is refused, going on from saved state has an undisturbed run's bits (captured: %s)",
  async (captured) => {
    const hidden = 64;
    const undisturbed = await train(hidden, captured, async () => undefined);
    let [refusals, n] = [0, 1];
    for (let more = true; more && n < 60; n++) {
      const result = await train(hidden, captured, async (step) => {
        // Fresh memory for all: what is pooled goes, so that the step asks the driver for everything.
        runtimeOf(device).recorder.flush();
        await device.sync();
        (runtimeOf(device).pool as unknown as { destroyIdle(submitted: number): void }).destroyIdle(
          runtimeOf(device).recorder.submitIndex,
        );
        const count = refuse(n);
        const outcome = await step()
          .item()
          .catch((error: unknown) => error);
        allow();
        more = count.made >= n;
        if (!more) return;
        refusals++;
        expect(outcome).toBeInstanceOf(OutOfMemoryError);
        await device.sync();
      });
      expect(result).toEqual(undisturbed);
    }
    expect(refusals).toBeGreaterThan(5);
  },
  300_000,
);

it("zeros of a refused size leave later operations right", async () => {
  refuse(1);
  const x = zeros(freshShape());
  allow();
  await expect(x.sum().item()).rejects.toThrow(OutOfMemoryError);
  expect(await zeros([5]).add(2).sum().item()).toBe(10);
});
