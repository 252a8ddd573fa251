import { readFileSync } from "node:fs";

/** Linux counts what the parent held at the fork into maxRSS; the peak of this program alone is VmHWM. */
export function peakMiB(): number {
  try {
    const peak = /VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (peak) return Number(peak) / 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS / 1024;
}
