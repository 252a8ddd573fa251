/** profile(): what it counts, and that it changes nothing. */
import { expect, it } from "vitest";
import { requestAdapter } from "#adapter";
import { setDefaultDevice } from "../../src/gpu/default-device.ts";
import { capture, init, profile, randn, type Tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

it("a profile counts kernels, their time, and the GFLOP/s of matmuls against the measured limits", async () => {
  const [a, b] = [randn([96, 64]), randn([64, 80])];
  const rows = await profile(async () => {
    for (let i = 0; i < 3; i++) a.matmul(b);
    a.add(1);
  });
  const product = rows.find(({ kernel }) => kernel.startsWith("matmul"));
  expect(product?.count).toBe(3);
  expect(rows.find(({ kernel }) => kernel === "add")?.count).toBe(1);
  expect(rows.timestamps).toBe(device.features.timestamps);
  if (device.features.timestamps) {
    expect(product?.microseconds).toBeGreaterThan(0);
    const flops = 2 * 96 * 64 * 80 * 3;
    expect((product?.gflops as number) * (product?.microseconds as number) * 1e3).toBeCloseTo(flops, -1);
    expect(product?.percentOfLimit).toBeLessThan(150);
  }
  expect(String(rows)).toMatch(/kernel +count +us +GFLOP\/s +GB\/s +% of limit/);
  expect(String(rows)).toMatch(device.features.timestamps ? /limits measured here/ : /no timestamps/);
});

it("a profile covers replays, and leaves results as they are", async () => {
  const f = capture((x: Tensor) => x.matmul(x).add(1).tanh());
  const x = randn([32, 32]);
  const before = await f(x).data();
  const rows = await profile(() => f(x));
  expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(2);
  expect(await f(x).data()).toEqual(before);
});

it("a profile counts what a replay dispatches, and where the time went", async () => {
  const step = capture((x: Tensor) => x.matmul(x).softmax(1));
  const x = randn([64, 64]);
  step(x);
  const rows = await profile(() => {
    for (let i = 0; i < 4; i++) step(x);
  });
  expect(rows.map(({ count }) => count)).toEqual([4, 4]);
  const product = rows.find(({ kernel }) => kernel.startsWith("matmul"));
  if (device.features.timestamps) {
    expect((product?.gflops as number) * (product?.microseconds as number) * 1e3).toBeCloseTo(4 * 2 * 64 ** 3, -1);
    for (const { microseconds, gbps } of rows) expect(Math.min(microseconds, gbps)).toBeGreaterThan(0);
  }
  for (const limit of [rows.limits.gflops, rows.limits.gbps]) expect(limit).toBeGreaterThan(0);
});

it("a profile without timestamps says so, and still counts", async () => {
  const { adapter, keepAlive } = await requestAdapter({ adapter: "auto" });
  const plain = await init({ device: await adapter.requestDevice(), default: true });
  try {
    expect(plain.features.timestamps).toBe(false);
    const x = randn([32, 32]);
    const step = capture((y: Tensor) => y.matmul(y));
    const rows = await profile(async () => {
      x.matmul(x);
      step(x);
      await step(x).data();
    }, plain);
    expect(rows.timestamps).toBe(false);
    expect(rows.map(({ count }) => count)).toEqual([3]);
    for (const name of ["microseconds", "gflops", "gbps", "percentOfLimit"] as const) expect(rows[0]?.[name]).toBeNaN();
    expect(String(rows)).toMatch(/matmul\w* +3 +- +- +- +-/);
    expect(String(rows)).toMatch(/no timestamps \(feature timestamp-query\)/);
    expect(keepAlive).toBeDefined();
  } finally {
    await plain.close();
    plain.gpu.destroy();
    setDefaultDevice(device);
  }
});
