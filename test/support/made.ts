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
