import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import { capture, type Device, type InitOptions, init, matmul, randn } from "../../src/index.ts";
import type { Product } from "../../src/kernels/matmul/product.ts";
import { kernels, tableChoice } from "../../src/kernels/matmul/select.ts";
import { matmulWorkload } from "../../src/kernels/matmul/workload.ts";
import { faultOf } from "../../src/kernels/tuning/guard.ts";
import { measure } from "../../src/kernels/tuning/measure.ts";

const cache = mkdtempSync(join(tmpdir(), "gradwell-auto-"));
const before = process.env.XDG_CACHE_HOME;
beforeAll(() => {
  process.env.XDG_CACHE_HOME = cache;
});
afterAll(() => {
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
  rmSync(cache, { recursive: true });
});

async function withDevice<T>(options: InitOptions, fn: (device: Device) => Promise<T>): Promise<T> {
  const device = await init(options);
  try {
    return await fn(device);
  } finally {
    await device.close();
  }
}

const SHAPE = "matmul 24x36x20 nn";
const PRODUCT: Product = { M: 24, N: 20, K: 36 };

/** Replays until nothing is left to measure, or for too long. */
async function replayUntil(isDone: () => boolean, replay: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 2000 && !isDone(); i++) await replay();
  expect(isDone()).toBe(true);
}

it("'auto' measures between replays what a captured function asks for, and remembers it for later runs", async () => {
  await withDevice({ tuning: "auto" }, async (device) => {
    const { tuning } = runtimeOf(device);
    // Kernels are compiled meanwhile, which takes a busy machine longer than is allowed for a program.
    tuning.budget = 60_000;
    const step = capture((x) => matmul(x, b));
    const [a, b] = [randn([24, 36]), randn([36, 20])];
    const eager = await matmul(a, b).data();
    await replayUntil(
      () => tuning.choices.has(SHAPE),
      async () => {
        const values = await step(a).data();
        for (const [i, value] of values.entries()) expect(value).toBeCloseTo(eager[i] as number, 4);
      },
    );
    expect(tuning.budget).toBeLessThan(60_000);
    await tuning.save();
    step.dispose();
  });
  expect(await withDevice({}, async (device) => runtimeOf(device).tuning.choices.has(SHAPE))).toBe(true);
  expect(await withDevice({ tuning: false }, async (device) => runtimeOf(device).tuning.choices.has(SHAPE))).toBe(
    false,
  );
});

it("'table' measures nothing", async () => {
  await withDevice({ tuning: "table" }, async (device) => {
    runtimeOf(device).tuning.choices.clear();
    const b = randn([36, 20]);
    const step = capture((x) => matmul(x, b));
    for (let i = 0; i < 20; i++) await step(randn([24, 36])).data();
    expect(runtimeOf(device).tuning.choices.size).toBe(0);
    step.dispose();
  });
});

it("nothing more is measured when the time for it is used up", async () => {
  await withDevice({ tuning: "auto" }, async (device) => {
    runtimeOf(device).tuning.choices.clear();
    runtimeOf(device).tuning.budget = 1;
    const b = randn([36, 20]);
    const step = capture((x) => matmul(x, b));
    for (let i = 0; i < 40; i++) await step(randn([24, 36])).data();
    // One slice may have begun, and a kernel may have been compiled in it.
    expect(runtimeOf(device).tuning.choices.has(SHAPE)).toBe(false);
    step.dispose();
  });
});

it("a kernel that gives wrong values is barred, and never taken", async () => {
  await withDevice({ tuning: false }, async (device) => {
    const workload = matmulWorkload(device, PRODUCT);
    const trial = workload.makeTrial();
    const { run } = trial;
    const bad = workload.choices.at(-1) as (typeof workload.choices)[0];
    expect(await faultOf(device, trial, bad)).toBeUndefined();
    // Half of the inner dim is left out, in one of the kernels alone.
    const faulty = { ...workload, makeTrial: () => Object.assign(trial, { run: short }) };
    function short(choice: typeof bad): void {
      if (choice === bad) matmulWorkload(device, { ...PRODUCT, K: 4 }).makeTrial();
      else run.call(trial, choice);
    }
    const steps = measure(device, faulty);
    let last = await steps.next();
    while (!last.done) last = await steps.next();
    expect(last.value.faults.get(bad.variant)).toMatch(/element 0 is not written/);
    expect(runtimeOf(device).tuning.isBarred(SHAPE, bad)).toBe(true);
    expect(last.value.milliseconds.has(bad.variant)).toBe(false);
  });
});

it("every kernel of the table passes its check, at odd sizes, transposed and in batches", async () => {
  await withDevice({ tuning: false }, async (device) => {
    const shapes: Product[] = [
      { M: 33, N: 17, K: 65 },
      { M: 8, N: 12, K: 20, transA: true, batch: 3 },
      { M: 1, N: 100, K: 31, transB: true },
    ];
    for (const shape of shapes) {
      const workload = matmulWorkload(device, shape);
      expect(workload.choices.map(({ variant }) => variant)).toContain(tableChoice(device, shape).variant);
      const trial = workload.makeTrial();
      for (const choice of workload.choices)
        expect(await faultOf(device, trial, choice), choice.variant).toBeUndefined();
      trial.dispose();
    }
    expect(Object.keys(kernels).length).toBeGreaterThan(3);
  });
});
