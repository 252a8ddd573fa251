/** A fresh process that takes ten thousand captured steps: whether the last ones are as fast as the first, and the heap as large. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openLibrary } from "./open-library.ts";
import { inputsOf, type Work } from "./work.ts";

export interface Steady {
  /** Fastest block of the last thousand steps against that of the second thousand, in percent: other load only adds. */
  slowerBy: number;
  /** JavaScript heap after the last thousand less that after the second, each after a collection. */
  heapKiB: number;
}

const STEPS = 10_000;
/** Steps between waits, as a program that looks at a loss now and then has them. */
const BLOCK = 10;
const WORK: Work = { kind: "mlp", widths: [64, 32, 10], batch: 32 };

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const library = await openLibrary("gradwell");
const running = await library.prepare(WORK, inputsOf(WORK));
const times: number[] = [];
let heapThen = 0;
for (let step = 0; step < STEPS; step += BLOCK) {
  if (step === 2000) heapThen = heap();
  const start = performance.now();
  for (let i = 0; i < BLOCK; i++) running.run();
  await running.sync();
  times.push(performance.now() - start);
}
const fastestOf = (n: number) => Math.min(...times.slice(((n - 1) * 1000) / BLOCK, (n * 1000) / BLOCK));
const result: Steady = { slowerBy: 100 * (fastestOf(10) / fastestOf(2) - 1), heapKiB: (heap() - heapThen) / 1024 };
process.send?.(result, () => process.exit(0));

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
