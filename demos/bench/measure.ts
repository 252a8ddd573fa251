/** One case on all libraries: prepared and checked one after the other, then timed in turns. */
import type { Case } from "./cases.ts";
import type { Counts } from "./counting.ts";
import type { LibraryName } from "./library.ts";
import { coldStart, type Link, NotDone, steadySteps } from "./link.ts";
import { difference, type Reference, referenceOf } from "./reference.ts";
import { type Spread, spreadOf } from "./stats.ts";
import { timedInTurns } from "./turns.ts";
import { inputsOf, type Work } from "./work.ts";

/** Outcome of a case for one library: times, or the reason why there are none. */
export type Outcome = { spread: Spread; counts?: Counts } | { failed: string };

export type Outcomes = Partial<Record<LibraryName, Outcome>>;

export interface Effort {
  rounds: number;
  /** Milliseconds of measuring per library and round. */
  budget: number;
  /** Fresh processes for what only those can tell. */
  starts: number;
}

export const FULL: Effort = { rounds: 7, budget: 200, starts: 3 };
export const QUICK: Effort = { rounds: 2, budget: 30, starts: 1 };

export async function measureWork(one: Case, work: Work, links: readonly Link[], effort: Effort): Promise<Outcomes> {
  const outcomes: Outcomes = {};
  const ready: Link[] = [];
  const reference = referenceOf(work, inputsOf(work));
  for (const link of links) {
    const failed = await prepare(link, work, reference);
    if (failed === undefined) ready.push(link);
    else if (failed !== NOT_DONE) outcomes[link.name] = { failed };
  }
  const samples = await timedInTurns(
    ready,
    effort.rounds,
    (link) => link.ask("measure", effort.budget),
    (link, error) => {
      outcomes[link.name] = { failed: messageOf(error) };
    },
  );
  for (const [link, values] of samples) {
    const perOp = one.unit === "us" && work.kind === "add" ? 1000 / work.repeats : 1;
    const spread = spreadOf(values.map((value) => value * perOp));
    const counts = work.kind === "mlp" && link.name.endsWith("wasm") === false ? await link.ask("count") : undefined;
    outcomes[link.name] = counts ? { spread, counts } : { spread };
  }
  for (const link of links) if (link.alive) await link.ask("dispose").catch(() => undefined);
  return outcomes;
}

const NOT_DONE = "not done";

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** `undefined` when the results are right, else what is wrong. */
async function prepare(link: Link, work: Work, reference: Reference): Promise<string | undefined> {
  try {
    const wrong = difference(await link.ask("prepare", work), reference);
    return wrong && `wrong result: ${wrong}`;
  } catch (error) {
    if (error instanceof NotDone) return NOT_DONE;
    return messageOf(error);
  }
}

/** First step and peak memory of each library. */
export async function measureStarts(
  names: readonly LibraryName[],
  programs: string,
  effort: Effort,
): Promise<{ firstStep: Outcomes; memory: Outcomes }> {
  const [firstStep, memory]: Outcomes[] = [{}, {}];
  const colds = new Map(names.map((name) => [name, [] as { firstStepMs: number; peakMiB: number }[]]));
  for (let i = 0; i < effort.starts; i++) {
    for (const name of names) {
      try {
        colds.get(name)?.push(await coldStart(name, programs));
      } catch (error) {
        const failed = messageOf(error);
        for (const outcomes of [firstStep, memory]) (outcomes as Outcomes)[name] = { failed };
      }
    }
  }
  for (const [name, runs] of colds) {
    if (runs.length < effort.starts) continue;
    (firstStep as Outcomes)[name] = { spread: spreadOf(runs.map((run) => run.firstStepMs)) };
    (memory as Outcomes)[name] = { spread: spreadOf(runs.map((run) => run.peakMiB)) };
  }
  return { firstStep: firstStep as Outcomes, memory: memory as Outcomes };
}

/** Time and heap over ten thousand captured steps; ours alone. */
export async function measureSteady(programs: string, effort: Effort): Promise<{ time: Outcomes; heap: Outcomes }> {
  const runs = [];
  try {
    for (let i = 0; i < effort.starts; i++) runs.push(await steadySteps(programs));
  } catch (error) {
    const outcome = { gradwell: { failed: messageOf(error) } };
    return { time: outcome, heap: outcome };
  }
  return {
    time: { gradwell: { spread: spreadOf(runs.map(({ slowerBy }) => slowerBy)) } },
    heap: { gradwell: { spread: spreadOf(runs.map(({ heapKiB }) => heapKiB)) } },
  };
}
