/** A process with one library in it that trains families: checks, measures, counts. Talks to ../link.ts. */
import { readFileSync } from "node:fs";
import type { AdapterKind } from "../../../src/gpu/adapter/adapter.ts";
import { type Counts, counted } from "../counting.ts";
import { Sampler, samplesWithin } from "../sampler.ts";
import { answerRequests } from "../serve.ts";
import type { Family } from "./families.ts";
import { parseFamilyFile } from "./file.ts";
import { type FamilyLibrary, type FamilyLibraryName, type FamilyRunning, openFamilyLibrary } from "./library.ts";

export interface FamilyOpened {
  version?: string | undefined;
  device: string;
  kind?: AdapterKind | undefined;
}

export interface FamilyCounts extends Counts {
  bytes?: number;
}

/** Each is answered with a message. torch_child.py answers the same. */
export interface FamilyRequests {
  open(): FamilyOpened;
  /** The bytes of a family's file; only gradwell writes it. */
  write(family: Family): Uint8Array;
  /** The losses of the first steps. */
  prepare(request: { family: Family; file: string; checked: number }): number[];
  warm(): void;
  /** Milliseconds per step of as many samples as fit into `budget` milliseconds, at least one. */
  measure(budget: number): number[];
  /** Milliseconds from input to output on the host, likewise. */
  infer(request: { batch: number; budget: number }): number[];
  count(): FamilyCounts;
  dispose(): void;
  close(): void;
}

let library: FamilyLibrary;
let running: FamilyRunning | undefined;
let sampler: Sampler | undefined;

function current(): FamilyRunning {
  if (!running) throw new Error("nothing is prepared");
  return running;
}

answerRequests<FamilyRequests>({
  async open() {
    library = await openFamilyLibrary(process.argv[2] as FamilyLibraryName);
    return { version: library.version, device: library.device, kind: library.kind };
  },
  async write(family) {
    if (!library.write) throw new Error("write: only gradwell writes the data");
    return library.write(family);
  },
  async prepare({ family, file, checked }) {
    running = await library.prepare(family, parseFamilyFile(readFileSync(file)));
    const losses: number[] = [];
    for (let i = 0; i < checked; i++) {
      running.step();
      losses.push(await running.loss());
    }
    return losses;
  },
  async warm() {
    const one = current();
    sampler = new Sampler({ run: () => one.step(), sync: () => one.sync() });
    await sampler.warmUp();
  },
  async measure(budget) {
    if (!sampler) throw new Error("measure: not warmed up");
    return sampler.measure(budget);
  },
  async infer({ batch, budget }) {
    await current().sync();
    return samplesWithin(budget, async () => {
      const start = performance.now();
      await current().infer(batch);
      return performance.now() - start;
    });
  },
  async count() {
    const one = current();
    await one.sync();
    const counts = await counted(async () => {
      one.step();
      await one.sync();
    });
    const bytes = await one.bytes?.();
    return bytes === undefined || Number.isNaN(bytes) ? counts : { ...counts, bytes };
  },
  async dispose() {
    running?.dispose();
    running = undefined;
  },
  close: () => library.close(),
});
