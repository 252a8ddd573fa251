/** The families whose kernels are chosen by measurement. */
import type { Device } from "../../gpu/device.ts";
import type { Asked } from "../../gpu/tuning.ts";
import { matmulWorkload } from "../matmul/workload.ts";
import type { Workload } from "./workload.ts";

/** Functions that make a workload of a shape, by the word that the keys of a family begin with. */
const families: Readonly<Record<string, (device: Device, shape: never) => Workload>> = {
  matmul: matmulWorkload,
};

/** The work that was asked for and that more than one kernel can do. */
export function workloadsOf(device: Device, asked: Asked): Workload[] {
  const made = [...asked].map(([key, shape]) => {
    const family = families[key.slice(0, key.indexOf(" "))];
    return family?.(device, shape as never);
  });
  return made.filter((one): one is Workload => one !== undefined);
}
