/** init(): from an adapter to a device with all that it can give. */
import { debugEnvironment, requestAdapter } from "#adapter";
import { ArgumentError, check, checkKeys, expected } from "../errors.ts";
import type { AdapterChoice } from "./adapter/adapter.ts";
import { Debug, type DebugLevel } from "./debug.ts";
import { setDefaultDevice } from "./default-device.ts";
import { Device } from "./device.ts";
import { FEATURES, infoOf } from "./device-info.ts";

export interface InitOptions {
  /** `"auto"` (default) takes a GPU, else a software adapter; the others force one. */
  adapter?: "auto" | "gpu" | "software";
  /** A GPUDevice that the page already has; it is not destroyed by `close()`. */
  device?: GPUDevice;
  powerPreference?: "low-power" | "high-performance";
  /** Seed of the random numbers; also `manualSeed(n)`. Default 0. */
  seed?: number;
  /** Submits every dispatch alone, so that a WebGPU error names its operation and shapes. Slow. Default false. */
  validation?: boolean;
  /**
   * Writes to the console what the runtime does: 1 each submit with its dispatches and the host's time, 2 also each
   * dispatch with kernel, workgroups, operation and shapes, 3 also the WGSL of each pipeline when it is made.
   * Default in Node: the environment variable GRADWELL_DEBUG, else 0.
   */
  debug?: DebugLevel;
  /** Whether to use what `tune()` measured on this adapter in earlier runs. Default true. */
  tuning?: boolean;
}

/** Chooses an adapter, makes a device with its largest limits, and makes it the default one. */
export async function init(options: InitOptions = {}): Promise<Device> {
  checkKeys("init", options, ["adapter", "device", "powerPreference", "seed", "validation", "debug", "tuning"]);
  const { adapter = "auto", seed = 0 } = options;
  check(["auto", "gpu", "software"].includes(adapter), ArgumentError, () =>
    expected("init", "adapter", "'auto', 'gpu' or 'software'", adapter),
  );
  check(Number.isSafeInteger(seed), ArgumentError, () => expected("init", "seed", "a whole number", seed));
  const level = debugLevel(options.debug);
  const device = options.device
    ? new Device(options.device, infoOf(options.device.adapterInfo), false)
    : await open(
        await requestAdapter({ adapter, ...(options.powerPreference && { powerPreference: options.powerPreference }) }),
      );
  device.random.seed = seed;
  device.validation = options.validation ?? false;
  if (level > 0) device.recorder.debug = new Debug(level, debugEnvironment.log);
  if (options.tuning ?? true) await device.tuning.load();
  setDefaultDevice(device);
  return device;
}

function debugLevel(wanted: unknown): DebugLevel {
  const [argument, value] = wanted === undefined ? ["GRADWELL_DEBUG", debugEnvironment.level()] : ["debug", wanted];
  const known = ([0, 1, 2, 3] as const).find((level) => level === value);
  check(known !== undefined, ArgumentError, () => expected("init", argument, "0, 1, 2 or 3", value));
  return known as DebugLevel;
}

async function open(choice: AdapterChoice): Promise<Device> {
  const { adapter } = choice;
  const requiredFeatures = Object.values(FEATURES).filter((name) => adapter.features.has(name)) as GPUFeatureName[];
  const gpu = await adapter.requestDevice({ label: "gradwell", requiredFeatures, requiredLimits: maximaOf(adapter) });
  const device = new Device(gpu, infoOf(adapter.info, choice), true, choice.wait);
  device.onClose(() => void choice.keepAlive);
  return device;
}

function maximaOf(adapter: GPUAdapter): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const name in adapter.limits) {
    const value = adapter.limits[name as keyof GPUSupportedLimits];
    if (typeof value === "number") limits[name] = value;
  }
  return limits;
}
