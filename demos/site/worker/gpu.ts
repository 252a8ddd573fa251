/** The device of a worker, and what the page should know of it. */
import { type Device, init } from "gradwell";
import type { CommonReport } from "../shared/protocol.ts";
import { OPTIMIZERS, type OptimizerName } from "../shared/settings.ts";
import { isAvailable } from "./nets.ts";

export async function openDevice(seed: number): Promise<{ device: Device; report: CommonReport }> {
  const device = await init({ seed });
  const optimizers = (Object.keys(OPTIMIZERS) as OptimizerName[]).filter(isAvailable);
  const { description, isSoftware, vendor, architecture } = device.info;
  const name = description === "unknown adapter" ? `${vendor} ${architecture}`.trim() || description : description;
  const report = {
    type: "device",
    description: name,
    isSoftware,
    timestamps: device.features.timestamps,
    optimizers,
  } as const;
  return { device, report };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
