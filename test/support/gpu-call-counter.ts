/** What a GPUDevice is asked to make while something runs. */
import type { Device } from "../../src/gpu/device.ts";

/** The names of its methods, in order. */
export function madeBy(device: Device, fn: () => void): string[] {
  const made: string[] = [];
  const names = ["createBuffer", "createBindGroup", "createComputePipeline", "createShaderModule"] as const;
  const originals = names.map((name) => device.gpu[name]);
  for (const [i, name] of names.entries()) {
    (device.gpu as unknown as Record<string, unknown>)[name] = (...args: unknown[]) => {
      made.push(name);
      return (originals[i] as (...args: unknown[]) => unknown).apply(device.gpu, args);
    };
  }
  try {
    fn();
  } finally {
    for (const [i, name] of names.entries()) (device.gpu as unknown as Record<string, unknown>)[name] = originals[i];
  }
  return made;
}

/** How many buffers for reading back are made while `fn` runs. */
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
