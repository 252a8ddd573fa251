/** A fresh process that imports a library and takes the first steps of a family: time to the first, peak memory. */
import { readFileSync } from "node:fs";
import { peakMiB } from "../peak-memory.ts";
import type { Family } from "./families.ts";
import { parseFamilyFile } from "./file.ts";
import { type FamilyLibraryName, openFamilyLibrary } from "./library.ts";

/** Passed as the second argument, as JSON. */
export interface ColdRequest {
  family: Family;
  file: string;
  steps: number;
}

const start = performance.now();
const { family, file, steps }: ColdRequest = JSON.parse(process.argv[3] ?? "");
const library = await openFamilyLibrary(process.argv[2] as FamilyLibraryName);
const running = await library.prepare(family, parseFamilyFile(readFileSync(file)));
running.step();
await running.loss();
const firstStepMs = performance.now() - start;
for (let i = 1; i < steps; i++) running.step();
await running.sync();
process.send?.({ firstStepMs, peakMiB: peakMiB() }, () => process.exit(0));
