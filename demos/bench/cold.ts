/** A fresh process that imports a library, takes its first training step, then more: time to the first, peak memory. */
import { MLP } from "./cases.ts";
import type { LibraryName } from "./library.ts";
import { openLibrary } from "./open-library.ts";
import { peakMiB } from "./peak-memory.ts";
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
const result: Cold = { firstStepMs, peakMiB: peakMiB() };

process.send?.(result, () => process.exit(0));
