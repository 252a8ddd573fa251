/** One family on all libraries: the file is written, losses are compared, then all are timed in turns. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Link, startProgram, tellOf, withEmptyShaderCache } from "../link.ts";
import { messageOf } from "../measure.ts";
import { spreadOf } from "../stats.ts";
import { timedInTurns } from "../turns.ts";
import type { FamilyRequests } from "./child.ts";
import type { ColdRequest } from "./cold.ts";
import { CHECKED_STEPS, type Family, INFERENCE_BATCHES } from "./families.ts";
import type { FamilyLibraryName } from "./library.ts";
import type { FamilyOutcomes, Measured } from "./results.ts";
import { startTorch } from "./torch.ts";

export type FamilyLink = Link<FamilyRequests, FamilyLibraryName>;

export interface FamilyEffort {
  rounds: number;
  /** Milliseconds of training steps per library and round. */
  budget: number;
  /** Milliseconds of inference per library, batch and round. */
  inferBudget: number;
  /** Fresh processes per library; none measures no first step. */
  starts: number;
}

export const FULL: FamilyEffort = { rounds: 7, budget: 300, inferBudget: 60, starts: 3 };
export const QUICK: FamilyEffort = { rounds: 2, budget: 30, inferBudget: 10, starts: 1 };

/** Steps of a fresh process: enough to see what memory they take. */
const COLD_STEPS = 5;

export async function writeFamily(writer: FamilyLink, family: Family, folder: string): Promise<string> {
  const file = join(folder, `${family.name}.safetensors`);
  writeFileSync(file, await writer.ask("write", family));
  return file;
}

/** The first link is gradwell's, whose losses the others are compared with. */
export async function measureFamily(
  family: Family,
  file: string,
  links: readonly FamilyLink[],
  effort: FamilyEffort,
): Promise<FamilyOutcomes> {
  const outcomes: FamilyOutcomes = {};
  const losses = new Map<FamilyLink, number[]>();
  const fail = (link: FamilyLink, error: unknown) => {
    outcomes[link.name] = { failed: messageOf(error) };
    losses.delete(link);
  };
  let reference: number[] | undefined;
  for (const link of links) {
    try {
      const found = await link.ask("prepare", { family, file, checked: CHECKED_STEPS });
      reference ??= found;
      compare(found, reference, family.tolerance);
      await link.ask("warm");
      losses.set(link, found);
    } catch (error) {
      fail(link, error);
    }
  }
  const turns = (sample: (link: FamilyLink) => Promise<number[]>) =>
    timedInTurns([...losses.keys()], effort.rounds, sample, fail);
  const steps = await turns((link) => link.ask("measure", effort.budget));
  const infer = new Map<number, Map<FamilyLink, number[]>>();
  for (const batch of INFERENCE_BATCHES) {
    // The first is compiled.
    for (const link of [...losses.keys()]) {
      await link.ask("infer", { batch, budget: 0 }).catch((error) => fail(link, error));
    }
    infer.set(batch, await turns((link) => link.ask("infer", { batch, budget: effort.inferBudget })));
  }
  for (const [link, first] of losses) {
    const of = (samples: Map<FamilyLink, number[]> | undefined) => spreadOf(samples?.get(link) ?? []);
    const measured: Measured = {
      step: of(steps),
      infer: Object.fromEntries([...infer].map(([batch, samples]) => [batch, of(samples)])),
      losses: first,
    };
    if (link.name.endsWith("cpu") === false && link.name.endsWith("wasm") === false)
      measured.counts = await link.ask("count");
    outcomes[link.name] = measured;
  }
  for (const link of links) if (link.alive) await link.ask("dispose").catch(() => undefined);
  return outcomes;
}

function compare(found: number[], reference: number[], tolerance: number): void {
  found.forEach((loss, i) => {
    const expected = reference[i] ?? Number.NaN;
    if (Math.abs(loss - expected) <= tolerance * Math.abs(expected)) return;
    throw new Error(`wrong loss ${loss} of step ${i + 1}, where gradwell has ${expected}`);
  });
}

/** First step and peak memory of each library that was measured, added to its outcome. */
export async function measureFamilyStarts(
  family: Family,
  file: string,
  outcomes: FamilyOutcomes,
  { programs, python, starts }: { programs: string; python: string | undefined; starts: number },
): Promise<void> {
  const request: ColdRequest = { family, file, steps: COLD_STEPS };
  const told = new Map<FamilyLibraryName, { firstStepMs: number; peakMiB: number }[]>();
  const names = Object.entries(outcomes).flatMap(([name, outcome]) =>
    "step" in outcome ? [name as FamilyLibraryName] : [],
  );
  for (let i = 0; i < starts; i++) {
    for (const name of names) {
      try {
        const one = await coldStart(name, request, programs, python);
        told.set(name, [...(told.get(name) ?? []), one]);
      } catch (error) {
        console.error(`bench: ${family.name}, ${name}: no first step: ${messageOf(error)}`);
      }
    }
  }
  for (const [name, runs] of told) {
    const cold = spreadOf(runs.map((run) => run.firstStepMs));
    Object.assign(outcomes[name] ?? {}, { cold, memory: spreadOf(runs.map((run) => run.peakMiB)) });
  }
}

function coldStart(
  name: FamilyLibraryName,
  request: ColdRequest,
  programs: string,
  python: string | undefined,
): Promise<{ firstStepMs: number; peakMiB: number }> {
  if (name === "torch-cpu") return tellOf(startTorch(python ?? "python3", ["cold", JSON.stringify(request)]));
  return withEmptyShaderCache((env) =>
    tellOf(startProgram(join(programs, "family-cold.mjs"), [name, JSON.stringify(request)], env)),
  );
}
