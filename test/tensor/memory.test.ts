/** Memory of loops that free nothing themselves: it stays bounded in Node and in pages, and growth gets a warning. */
import { afterEach, expect, it, vi } from "vitest";
import { cat, nn, noGrad, optim, randn, type Tensor, tensor } from "../../src/index.ts";
import { empty, storageOf } from "../../src/tensor/tensor.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();
const MiB = 2 ** 20;
/** The bound that each loop stays under, in live bytes; in resident ones twice that. */
const BOUND = 512 * MiB;
const turnsOf = (few: number) => (globalThis.process?.env.GRADWELL_TEST_ALL === "1" ? 500 : few);

/** Resident bytes; a page cannot tell. */
const resident = (): number => globalThis.process?.memoryUsage?.().rss ?? 0;

/** The peak of live and resident bytes while `turn` runs n times. */
async function peaksOf(turns: number, turn: (i: number) => Promise<unknown>): Promise<{ live: number; rss: number }> {
  const peaks = { live: 0, rss: 0 };
  for (let i = 0; i < turns; i++) {
    await turn(i);
    peaks.live = Math.max(peaks.live, device.memory().liveBytes);
    peaks.rss = Math.max(peaks.rss, resident());
  }
  return peaks;
}

function expectBounded({ live, rss }: { live: number; rss: number }): void {
  expect(live).toBeLessThan(BOUND);
  expect(rss).toBeLessThan(2 * BOUND);
}

afterEach(() => vi.restoreAllMocks());

it("a chain of operations on 16 MiB, read in each turn, stays under 512 MiB", async () => {
  const [x, w] = [randn([4 * MiB]), randn([4 * MiB])];
  const peaks = await peaksOf(turnsOf(40), () => x.mul(w).relu().add(1).sum().item());
  x.dispose();
  w.dispose();
  expectBounded(peaks);
}, 600_000);

it("batches that are created on the host, normalized and flipped stay under 512 MiB", async () => {
  const host = new Float32Array(64 * 3 * 64 * 64).fill(0.5);
  const peaks = await peaksOf(turnsOf(80), async () => {
    const batch = tensor(host, { shape: [64, 3, 64, 64] });
    const mean = batch.mean([0, 2, 3], { keepdim: true });
    const std = batch.std([0, 2, 3], { keepdim: true }).add(1e-5);
    await batch.sub(mean).div(std).flip([3]).narrow(0, 0, 1).sum().item();
  });
  expectBounded(peaks);
}, 600_000);

it("sampling under noGrad with a cache that grows stays under 512 MiB", async () => {
  const [batch, width] = [64, 256];
  const model = new nn.Sequential(new nn.Linear(width, 2 * width), new nn.ReLU(), new nn.Linear(2 * width, width));
  let cache = randn([batch, 1, width]);
  const peaks = await peaksOf(turnsOf(100), async () => {
    cache = noGrad(() => {
      const last = cache.narrow(1, (cache.shape[1] as number) - 1, 1).reshape([batch, width]);
      const query = model.forward(last) as Tensor;
      const weights = cache.matmul(query.reshape([batch, width, 1])).softmax(1);
      return cat([cache, weights.mul(cache).sum(1, { keepdim: true })], 1);
    });
    await cache.narrow(1, 0, 1).sum().item();
  });
  expectBounded(peaks);
}, 600_000);

it("graphs that are dropped without backward stay under 512 MiB", async () => {
  const model = new nn.Sequential(new nn.Linear(64, 1024), new nn.ReLU(), new nn.Linear(1024, 16));
  const x = randn([1024, 64]);
  const peaks = await peaksOf(turnsOf(100), () => (model.forward(x) as Tensor).narrow(0, 0, 1).sum().item());
  expectBounded(peaks);
}, 600_000);

it("eager training steps leave neither tensors nor bytes behind, and their peak stays that of the first ones", async () => {
  const model = new nn.Sequential(new nn.Linear(8, 16), new nn.ReLU(), new nn.Linear(16, 3));
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const [x, y] = [randn([4, 8]), tensor(Int32Array.from([0, 1, 2, 0]))];
  const run = async (steps: number) => {
    for (let i = 0; i < steps; i++) {
      optimizer.zeroGrad();
      const loss = nn.crossEntropy(model.forward(x) as Tensor, y);
      loss.backward();
      optimizer.step();
      if (i % 100 === 99) await loss.item();
    }
    return device.memory();
  };
  const first = await run(200);
  const last = await run(globalThis.process?.env.GRADWELL_TEST_ALL === "1" ? 20_000 : 800);
  expect(last.tensors).toBeLessThanOrEqual(first.tensors);
  expect(last.liveBytes).toBeLessThanOrEqual(first.liveBytes);
  expect(last.peakBytes).toBe(first.peakBytes);
}, 600_000);

it("disposed tensors leave their stand-in to the next owner of their memory", () => {
  const first = empty(device, [MiB]);
  const { buffer } = storageOf(first);
  first.dispose();
  const left = buffer.standIn;
  const second = empty(device, [MiB]);
  expect(storageOf(second).buffer).toBe(buffer);
  expect(buffer.standIn).toBeUndefined();
  second.dispose();
  expect(buffer.standIn).toBe(left);
});

it("growth without a read gets one warning, which says what to do", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const bound = Math.max(1024 * MiB, device.limits.maxStorageBufferBindingSize);
  // Memory that is never written takes address space alone.
  const make = () => Array.from({ length: bound / (64 * MiB) + 2 }, () => empty(device, [16 * MiB]));
  let held = make();
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn.mock.calls[0]?.[0]).toMatch(/\d+ MiB on the GPU.*scope.*dispose.*await/s);
  for (const one of held) one.dispose();
  await device.sync();
  held = make();
  for (const one of held) one.dispose();
  expect(warn).toHaveBeenCalledTimes(1);
}, 600_000);
