import { expect, it } from "vitest";
import { ValidationError } from "../../src/errors.ts";
import { assertNoGpuErrors, testDevice } from "./device.ts";

const device = await testDevice();

it("assertNoGpuErrors turns an uncaptured WebGPU error into a failure, once", async () => {
  // A mappable storage buffer is against the rules.
  device.gpu.createBuffer({ label: "wrong", size: 16, usage: 0x80 | 0x1 });
  await expect(assertNoGpuErrors(device)).rejects.toMatchObject({ errors: [expect.any(ValidationError)] });
  await assertNoGpuErrors(device);
});

it("assertNoGpuErrors passes on valid work", async () => {
  device.gpu.createBuffer({ size: 16, usage: 0x80 });
  await assertNoGpuErrors(device);
  expect(device.closed).toBe(false);
});
