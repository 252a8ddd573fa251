/** profile(): what it counts, and that it changes nothing. */
import { expect, it } from "vitest";
import { capture, profile, randn, type Tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

it("counts kernels, their time, and products' GFLOP/s against the measured limits", async () => {
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

it("sees into replays, and results stay what they are", async () => {
  const f = capture((x: Tensor) => x.matmul(x).add(1).tanh());
  const x = randn([32, 32]);
  const before = await f(x).data();
  const rows = await profile(() => f(x));
  expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(2);
  expect(await f(x).data()).toEqual(before);
});
