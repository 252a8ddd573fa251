/** The device that is measured, and what can be known of it without measuring. */
import { requestAdapter } from "../../src/gpu/adapter/adapter.node.ts";
import { setDefaultDevice } from "../../src/gpu/default-device.ts";
import { type Device, makeDevice, runtimeOf } from "../../src/gpu/device.ts";
import { adapterClass } from "../../src/gpu/launch-policy.ts";
import { init } from "../../src/index.ts";

export interface Opened {
  /** Chooses kernels and launches as for a GPU. */
  device: Device;
  /** The same GPUDevice with the choices for software adapters: another way to the same numbers. */
  other: Device;
  /** A software adapter plays the GPU. */
  isRehearsal: boolean;
  close(): Promise<void>;
}

/** A software adapter is given the choices for GPUs, so that the whole day can be rehearsed on it. */
export async function open(): Promise<Opened> {
  const real = await init({ tuning: false });
  const wait = <T>(promise: Promise<T>) => runtimeOf(real).wait(promise);
  const device = makeDevice(real.gpu, { ...real.info, isSoftware: false }, false, wait);
  const other = makeDevice(real.gpu, { ...real.info, isSoftware: true }, false, wait);
  setDefaultDevice(device);
  return {
    device,
    other,
    isRehearsal: adapterClass(real) === "software",
    async close() {
      for (const one of [device, other]) await one.close();
      setDefaultDevice(real);
      await real.close();
    },
  };
}

/** Limits, features, subgroups and matrix units of the adapter, used by gradwell or not. */
export async function facts(): Promise<Record<string, unknown>> {
  const { adapter, name, kind, keepAlive } = await requestAdapter({ adapter: "auto" });
  const info = adapter.info as GPUAdapterInfo & { subgroupMatrixConfigs?: Iterable<unknown> };
  const limits: Record<string, number> = {};
  for (const limit in adapter.limits) {
    const value: unknown = adapter.limits[limit as keyof GPUSupportedLimits];
    if (typeof value === "number") limits[limit] = value;
  }
  const found = {
    name,
    kind,
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description,
    subgroups: [info.subgroupMinSize, info.subgroupMaxSize],
    subgroupMatrices: [...(info.subgroupMatrixConfigs ?? [])],
    features: [...adapter.features].sort(),
    limits,
  };
  // The adapter lives as long as what made it.
  void keepAlive;
  return found;
}
