/** The launch choices for GPUs, on the adapter at hand. */
import { afterAll } from "vitest";
import { setDefaultDevice } from "../../src/gpu/default-device.ts";
import { type Device, makeDevice, runtimeOf } from "../../src/gpu/device.ts";

/** A device like `device` (of `testDevice`) that chooses kernels and launches as for a GPU; closed when the test file ends. */
export function pretendedGpu(device: Device): Device {
  const pretended = makeDevice(device.gpu, { ...device.info, isSoftware: false }, false, (promise) =>
    runtimeOf(device).wait(promise),
  );
  afterAll(() => pretended.close());
  return pretended;
}

/** Runs `fn` with another default device, and then `device` is it again. */
export async function withDefaultDevice<T>(other: Device, device: Device, fn: () => Promise<T>): Promise<T> {
  setDefaultDevice(other);
  try {
    return await fn();
  } finally {
    setDefaultDevice(device);
  }
}
