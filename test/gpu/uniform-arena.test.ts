/** Params of dispatches: each bind group keeps its own, whatever else is recorded before the submit. */

import { afterEach, expect, it, vi } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import { type Tensor, tensor, zeros } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { gpuCallsDuring } from "../support/gpu-call-counter.ts";

const device = await testDevice();
afterEach(() => {
  vi.restoreAllMocks();
});

const kernel = device.kernel({
  name: "put",
  wgsl: `
struct Params { at: u32, value: f32 }
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> params: Params;
@compute @workgroup_size(1) fn main() { y[params.at] = params.value; }`,
});
const put = (y: Tensor, at: number, value: number) => kernel.run({ y, at, value }, 1);

it("a uniform may differ between dispatches of one submit over the same buffers", async () => {
  const y = zeros([200]);
  for (let i = 0; i < 200; i++) put(y, i, i / 2);
  expect([...(await y.data())]).toEqual(Array.from({ length: 200 }, (_, i) => i / 2));
  y.dispose();
});

it("a uniform has its last value, also across a submit", async () => {
  const y = zeros([2]);
  for (const value of [1, 2, 1, 3]) {
    put(y, 0, value);
    put(y, 1, -value);
    expect([...(await y.data())]).toEqual([value, -value]);
  }
  y.dispose();
});

it("a uniform is uploaded once as long as it stays the same", async () => {
  const y = zeros([4]);
  put(y, 1, 5);
  await device.sync();
  const write = vi.spyOn(device.gpu.queue, "writeBuffer");
  for (let i = 0; i < 10; i++) {
    put(y, 1, 5);
    await device.sync();
  }
  expect(write).not.toHaveBeenCalled();
  put(y, 1, 6);
  await device.sync();
  expect(write).toHaveBeenCalledTimes(1);
  y.dispose();
});

it("a uniform that changes with every step needs no new bind group", async () => {
  const y = zeros([4]);
  const steps = (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      put(y, 0, i);
      put(y, 1, 2 * i);
      if (i % 3 === 0) runtimeOf(device).recorder.flush();
    }
  };
  steps(0, 30);
  expect(gpuCallsDuring(device, () => steps(30, 300))).toEqual([]);
  expect([...(await y.data())]).toEqual([299, 598, 0, 0]);
  y.dispose();
});

it("a uniform outlives bind groups that are evicted", async () => {
  const buffers = Array.from({ length: 600 }, () => tensor([0]));
  for (let round = 1; round <= 3; round++) {
    for (const [i, y] of buffers.entries()) put(y, 0, round * 1000 + i);
    const values = await Promise.all(buffers.map((y) => y.item()));
    expect(values).toEqual(buffers.map((_, i) => round * 1000 + i));
  }
  for (const y of buffers) y.dispose();
});
