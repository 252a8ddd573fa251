/** The device of a test file. Without an adapter it throws: a suite that computed nothing must not pass. */
import { afterAll, afterEach } from "vitest";
import { type Device, runtimeOf } from "../../src/gpu/device.ts";
import { init } from "../../src/gpu/init.ts";
import type { InitOptions } from "../../src/gpu/init-options.ts";

/**
 * `const device = await testDevice()` at the top of a test file: the default device until the file ends. After each
 * test whatever WebGPU found wrong with its work fails that test.
 */
export async function testDevice(options: InitOptions = {}): Promise<Device> {
  // What somebody measured on this machine must not decide what is tested.
  const device = await init({ tuning: false, ...options });
  afterEach(() => assertNoGpuErrors(device));
  afterAll(() => device.close());
  return device;
}

/** Waits for the GPU and throws everything that it reported and nobody took. */
export async function assertNoGpuErrors(device: Device): Promise<void> {
  if (device.closed) return;
  runtimeOf(device).recorder.flush();
  await device.gpu.queue.onSubmittedWorkDone();
  const errors = runtimeOf(device).takeErrors();
  if (errors.length > 0) throw new AggregateError(errors, errors.map((error) => error.message).join("\n"));
}
