/** The most that the adapter can do, measured once: multiply-adds and copied bytes a second. */

import type { BufferSlice } from "./buffer-pool.ts";
import { type Device, runtimeOf } from "./device.ts";
import { launchPolicy, strideGroups } from "./launch-policy.ts";
import { copy, probe_multiply_add } from "./shaders.generated.ts";

export interface AdapterLimits {
  /** 10^9 multiplications and additions a second. */
  readonly gflops: number;
  /** 10^9 bytes a second, read and written, of a large copy. */
  readonly gbps: number;
}

const known = new WeakMap<Device, Promise<AdapterLimits>>();

/** The measured limits of a device; the first call takes some tens of milliseconds. */
export function adapterLimits(device: Device): Promise<AdapterLimits> {
  const found = known.get(device);
  if (found) return found;
  const measured = measure(device);
  known.set(device, measured);
  return measured;
}

/** Bytes each way of the copy probe: larger than any cache of a software adapter's host, small for a GPU. */
const COPY_BYTES = 64 * 2 ** 20;

async function measure(device: Device): Promise<AdapterLimits> {
  const copyBytes = Math.min(COPY_BYTES, device.limits.maxStorageBufferBindingSize);
  const buffers = [copyBytes, copyBytes].map((bytes) => runtimeOf(device).pool.acquire(bytes, () => "profile"));
  const [src, dst] = buffers.map((buffer): BufferSlice => ({ buffer, offset: 0, size: copyBytes })) as [
    BufferSlice,
    BufferSlice,
  ];
  const vectors = copyBytes / 16;
  const seconds = await fastest(device, () =>
    runtimeOf(device).run(copy, { src, dst, vectors }, strideGroups(device, vectors)),
  );
  const [groups, turns] = [launchPolicy(device).probeGroups, 2000];
  const y = { ...dst, size: groups * 64 * 16 };
  const flops = groups * 64 * turns * 8 * 4 * 2;
  const multiplySeconds = await fastest(device, () =>
    runtimeOf(device).run(probe_multiply_add, { y, turns }, groups, { WORKGROUP: 64 }),
  );
  for (const buffer of buffers) runtimeOf(device).pool.release(buffer);
  return { gflops: flops / multiplySeconds / 1e9, gbps: (2 * copyBytes) / seconds / 1e9 };
}

/** Seconds of the fastest of some runs, each waited for. */
async function fastest(device: Device, run: () => void): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 6; i++) {
    await device.sync();
    const start = performance.now();
    run();
    await device.sync();
    best = Math.min(best, (performance.now() - start) / 1000);
  }
  return best;
}
