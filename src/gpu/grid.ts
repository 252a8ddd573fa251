/** How many workgroups a grid-stride kernel should get. */
import type { Device } from "./device.ts";

/** Invocations per workgroup of the grid-stride kernels. */
export const WORKGROUP = 64;

/**
 * Workgroups for `items` items with a grid-stride loop: on a software adapter few, with long loops, since each one
 * costs microseconds to start; on a GPU enough to fill it.
 */
export function strideGroups(device: Device, items: number, workgroup = WORKGROUP): number {
  const most = device.info.isSoftware ? 64 : 8192;
  return Math.min(Math.ceil(items / workgroup), most);
}
