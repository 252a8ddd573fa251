/** A fresh process that imports a library, takes its first training step, then more: time to the first, peak memory. */
import { readFileSync } from "node:fs";
import { MLP } from "./cases.ts";
import type { LibraryName } from "./library.ts";
import { openLibrary } from "./open-library.ts";
import { inputsOf } from "./work.ts";

export interface Cold {
  firstStepMs: number;
  peakMiB: number;
}

const STEPS = 100;

const inputs = inputsOf(MLP);
const start = performance.now();
const library = await openLibrary(process.argv[2] as LibraryName);
const running = await library.prepare(MLP, inputs);
running.run();
await running.sync();
const firstStepMs = performance.now() - start;
for (let i = 1; i < STEPS; i++) {
  running.run();
  if (i % 10 === 0) await running.sync();
}
await running.sync();
const result: Cold = { firstStepMs, peakMiB: peakKiB() / 1024 };

/** Linux counts what the parent held at the fork into maxRSS; the peak of this program alone is VmHWM. */
function peakKiB(): number {
  try {
    const peak = /VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (peak) return Number(peak);
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS;
}

process.send?.(result, () => process.exit(0));
