/** A process with one library in it: prepares work, measures it, counts what it asks of WebGPU. Talks to link.ts. */
import type { AdapterKind } from "../../src/gpu/adapter/adapter.ts";
import type { AdapterLimits } from "../../src/gpu/roofline.ts";
import { type Counts, counted } from "./counting.ts";
import type { Library, LibraryName, Running } from "./library.ts";
import { openLibrary } from "./open-library.ts";
import { Sampler } from "./sampler.ts";
import { answerRequests } from "./serve.ts";
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

let library: Library;
let running: Running | undefined;
let sampler: Sampler | undefined;

answerRequests<Requests>({
  async open() {
    library = await openLibrary(process.argv[2] as LibraryName);
    return { version: library.version, device: library.device, kind: library.kind };
  },
  async prepare(work) {
    running = await library.prepare(work, inputsOf(work));
    for (let i = 0; i < checkedRuns(work); i++) running.run();
    const results = await running.results();
    sampler = new Sampler(running);
    await sampler.warmUp();
    return results;
  },
  async measure(budget) {
    if (!sampler) throw new Error("nothing is prepared");
    return sampler.measure(budget);
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
  close: () => library.close(),
});

function current(): Running {
  if (!running) throw new Error("nothing is prepared");
  return running;
}
