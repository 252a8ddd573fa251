import { expect, it } from "vitest";
import { assertNoGpuErrors, testDevice } from "./device.ts";

const device = await testDevice();

it("turns an uncaptured WebGPU error into a failure, once", async () => {
  // A mappable storage buffer is against the rules.
  device.gpu.createBuffer({ label: "wrong", size: 16, usage: 0x80 | 0x1 });
  await expect(assertNoGpuErrors(device)).rejects.toThrow(/wrong|usage/i);
  await assertNoGpuErrors(device);
});

it("passes on work that is in order", async () => {
  device.gpu.createBuffer({ size: 16, usage: 0x80 });
  await assertNoGpuErrors(device);
  expect(device.closed).toBe(false);
});
