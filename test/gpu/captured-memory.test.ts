/** Memory of the GPU and of the process over many captured calls whose outputs are dropped or kept. Node alone can ask for a collection. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { capture, noGrad, type Tensor, zeros } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const CALLS = process.env.GRADWELL_TEST_ALL === "1" ? 100_000 : 10_000;

async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** GPU bytes, in use and pooled, and resident bytes. */
function used(): { gpu: number; resident: number } {
  const { liveBytes, pooledBytes } = device.memory();
  return { gpu: liveBytes + pooledBytes, resident: process.memoryUsage().rss };
}

it(`${CALLS} calls whose outputs are dropped leave memory where it was`, async () => {
  const f = capture((x: Tensor) =>
    noGrad(() => ({ loss: x.sum(), logits: x.mul(2), large: x.expand([20, 1000]).add(1) })),
  );
  const x = zeros([1000]);
  const run = async (calls: number) => {
    for (let i = 1; i <= calls; i++) {
      f(x);
      if (i % 250 === 0) await device.sync();
      if (i % 1000 === 0) await settle();
    }
  };
  await run(3000);
  const [before, { tensors }] = [used(), device.memory()];
  await run(CALLS);
  const after = used();
  // Chunks of outputs that lie in the pool between two collections.
  expect(after.gpu - before.gpu).toBeLessThan(2 ** 20);
  expect(device.memory().tensors).toBeLessThanOrEqual(tensors);
  expect(after.resident - before.resident).toBeLessThan(64 * 2 ** 20);
}, 900_000);

it("outputs that are kept keep their memory, and give it back when they are dropped", async () => {
  const f = capture((x: Tensor) => x.sum());
  const kept: Tensor[] = [];
  f(zeros([4])).dispose();
  await settle();
  const before = device.memory();
  for (let i = 0; i < 1000; i++) kept.push(f(zeros([4]).add(i)));
  expect(device.memory().liveBytes).toBeGreaterThanOrEqual(before.liveBytes + 1000 * 256 - 64 * 256);
  expect(await (kept[617] as Tensor).item()).toBe(4 * 617);
  kept.length = 0;
  await settle();
  expect(device.memory().liveBytes).toBeLessThanOrEqual(before.liveBytes + 64 * 256);
});

it("64 calls with small outputs make one buffer at most, and none once there are enough", () => {
  const f = capture((x: Tensor) => x.mul(2));
  const x = zeros([4]);
  f(x);
  const create = device.gpu.createBuffer;
  let made = 0;
  device.gpu.createBuffer = function (this: GPUDevice, descriptor: GPUBufferDescriptor) {
    made++;
    return create.call(this, descriptor);
  } as typeof create;
  try {
    for (let i = 0; i < 320; i++) f(x);
    expect(made).toBeLessThanOrEqual(5);
    made = 0;
    for (let i = 0; i < 1000; i++) f(x).dispose();
    expect(made).toBeLessThanOrEqual(1);
  } finally {
    device.gpu.createBuffer = create;
  }
});
