/** A process with one library in it: prepares work, measures it, counts what it asks of WebGPU. Talks to link.ts. */
import type { AdapterKind } from "../../src/gpu/adapter/adapter.ts";
import type { AdapterLimits } from "../../src/gpu/roofline.ts";
import { type Counts, counted } from "./counting.ts";
import { type Library, type LibraryName, type Running, Unsupported } from "./library.ts";
import { openLibrary } from "./open-library.ts";
import { checkedRuns, inputsOf, type Work } from "./work.ts";

export interface Opened {
  version: string | undefined;
  device: string;
  kind: AdapterKind | undefined;
}

/** The requests of link.ts; each is answered with a message. */
export interface Requests {
  open(): Opened;
  /** The results after checkedRuns(work) runs; then warms up. */
  prepare(work: Work): Record<string, Float32Array>;
  /** Milliseconds per run of as many samples as fit into `budget` milliseconds, at least one. */
  measure(budget: number): number[];
  count(): Counts;
  limits(): AdapterLimits;
  dispose(): void;
  close(): void;
}

export interface Request {
  id: number;
  method: keyof Requests;
  argument?: unknown;
}

export type Answer = { id: number; value?: unknown; error?: string; unsupported?: boolean };

/** A sample of fast work holds several runs, so that waiting for the GPU is a small part of it, as in a training loop. */
const SAMPLE_MS = 12;
const MAX_RUNS = 50;
/** Work that takes microseconds needs thousands of calls until its JavaScript is compiled; slow work is warm after two runs. */
const WARM_UP = { runs: 2, ms: 300 };

let library: Library;
let running: Running | undefined;
let runsPerSample = 1;

const methods: { [M in keyof Requests]: (argument: Parameters<Requests[M]>[0]) => Promise<ReturnType<Requests[M]>> } = {
  async open() {
    library = await openLibrary(process.argv[2] as LibraryName);
    return { version: library.version, device: library.device, kind: library.kind };
  },
  async prepare(work) {
    running = await library.prepare(work, inputsOf(work));
    for (let i = 0; i < checkedRuns(work); i++) running.run();
    const results = await running.results();
    await warmUp(running);
    return results;
  },
  async measure(budget) {
    const samples: number[] = [];
    const until = performance.now() + budget;
    do samples.push(await sample(current()));
    while (performance.now() < until);
    return samples;
  },
  async count() {
    const one = current();
    await one.sync();
    return counted(async () => {
      one.run();
      await one.sync();
    });
  },
  async limits() {
    if (!library.limits) throw new Error("limits: only gradwell measures them");
    return library.limits();
  },
  async dispose() {
    running?.dispose();
    running = undefined;
  },
  async close() {
    await library.close();
    process.disconnect();
    // Threads of a library must not keep the process alive.
    setImmediate(() => process.exit(0));
  },
};

function current(): Running {
  if (!running) throw new Error("nothing is prepared");
  return running;
}

/** Runs until it is as fast as it gets, and finds how many runs make a sample. */
async function warmUp(one: Running): Promise<void> {
  runsPerSample = 1;
  const start = performance.now();
  let fastest = Infinity;
  for (let i = 0; i < WARM_UP.runs || performance.now() - start < WARM_UP.ms; i++) {
    fastest = Math.min(fastest, await sample(one));
  }
  runsPerSample = Math.max(1, Math.min(MAX_RUNS, Math.round(SAMPLE_MS / fastest)));
}

async function sample(one: Running): Promise<number> {
  await one.sync();
  const start = performance.now();
  for (let i = 0; i < runsPerSample; i++) one.run();
  await one.sync();
  return (performance.now() - start) / runsPerSample;
}

process.on("message", async ({ id, method, argument }: Request) => {
  const answer: Answer = { id };
  try {
    answer.value = await (methods[method] as (argument: unknown) => Promise<unknown>)(argument);
  } catch (error) {
    answer.error = error instanceof Error ? error.message : String(error);
    answer.unsupported = error instanceof Unsupported;
  }
  if (process.connected) process.send?.(answer);
});
