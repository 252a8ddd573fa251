/** Counters of the objects that a GPUDevice is asked to create while a function runs. */
import type { Device } from "../../src/gpu/device.ts";

/** Runs `fn` and returns the names of the GPUDevice methods that created something, in order. */
export function gpuCallsDuring(device: Device, fn: () => void): string[] {
  const calls: string[] = [];
  const names = ["createBuffer", "createBindGroup", "createComputePipeline", "createShaderModule"] as const;
  const originals = names.map((name) => device.gpu[name]);
  for (const [i, name] of names.entries()) {
    (device.gpu as unknown as Record<string, unknown>)[name] = (...args: unknown[]) => {
      calls.push(name);
      return (originals[i] as (...args: unknown[]) => unknown).apply(device.gpu, args);
    };
  }
  try {
    fn();
  } finally {
    for (const [i, name] of names.entries()) (device.gpu as unknown as Record<string, unknown>)[name] = originals[i];
  }
  return calls;
}

/** Counts the readback buffers that are created while `fn` runs. */
export async function countReadbacks(device: Device, fn: () => unknown): Promise<number> {
  const create = device.gpu.createBuffer;
  let mapped = 0;
  device.gpu.createBuffer = function (this: GPUDevice, descriptor: GPUBufferDescriptor) {
    if (descriptor.usage & 1) mapped++;
    return create.call(this, descriptor);
  } as typeof create;
  try {
    await fn();
    return mapped;
  } finally {
    device.gpu.createBuffer = create;
  }
}
