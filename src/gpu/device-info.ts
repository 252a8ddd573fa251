/** Information on a device's adapter. */
import type { AdapterChoice } from "./adapter/adapter.ts";

export interface DeviceInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly isSoftware: boolean;
  /** Lanes of a subgroup that every dispatch is sure to have; 0 without subgroups. */
  readonly subgroupSize: number;
}

export interface DeviceFeatures {
  readonly f16: boolean;
  readonly subgroups: boolean;
  readonly timestamps: boolean;
}

/** The WebGPU features that gradwell makes use of. */
export const FEATURES = { f16: "shader-f16", subgroups: "subgroups", timestamps: "timestamp-query" } as const;

/** Returns which of them a device has. */
export function featuresOf({ features }: GPUDevice): DeviceFeatures {
  const has = (name: keyof typeof FEATURES) => features.has(FEATURES[name]);
  return { f16: has("f16"), subgroups: has("subgroups"), timestamps: has("timestamps") };
}

/** `choice`: what the adapter's provider knows beyond the adapter itself. */
export function infoOf(info: GPUAdapterInfo | undefined, choice?: AdapterChoice): DeviceInfo {
  const description = info?.description || choice?.name || "unknown adapter";
  const isSoftware = choice
    ? choice.kind !== "gpu"
    : ((info as { isFallbackAdapter?: boolean } | undefined)?.isFallbackAdapter ?? false);
  return {
    vendor: info?.vendor ?? "",
    architecture: info?.architecture ?? "",
    description,
    isSoftware,
    subgroupSize: info?.subgroupMinSize ?? 0,
  };
}
