/** Did this run show what the article found? Decided on the losses of this run, by a criterion that is stated. */
import type { Table } from "../support/table.ts";
import type { InitName } from "./options.ts";
import { byInit, type Experiment, lossAt, mean, type Run, stepsTo } from "./results.ts";

export interface Verdict {
  kind: "yes" | "partly" | "no";
  /** The answer in one sentence. */
  summary: string;
  /** One sentence on each question, with its numbers. */
  sentences: string[];
  /** The criterion of the decision. */
  criterion: string;
}

/** The numbers that the verdict rests on, one row per initialization, seeds averaged. */
export function verdictTable(experiment: Experiment): Table {
  const early = earlySteps(experiment);
  const groups = byInit(experiment.runs.filter((run) => run.losses.length >= early));
  const base = groups.get("torchDefault");
  const rows = [...groups].map(([name, runs]) => {
    const loss = earlyLoss(runs, early);
    const compared = base ? [change(loss / earlyLoss(base, early) - 1), ...runsToTarget(runs, base, early)] : [];
    return [name, decimal(loss), ...compared];
  });
  const compared = base ? ["against the default", "steps to the default's loss then"] : [];
  return { columns: ["initialization", `mean loss, first ${early} steps`, ...compared], rows };
}

interface Finding {
  held: boolean;
  sentence: string;
}

/** Early mean losses that differ by less than this share are alike: the seed alone moves one by 2 to 3 %. */
const APART = 0.1;
/** "Well ahead" also means that the default's loss is reached in this share of the steps. */
const SOONER = 0.9;
const LEAST_STEPS = 40;

const CHALLENGERS: readonly InitName[] = ["xavierUniform", "xavierNormal", "heUniform", "heNormal"];

export function verdictOf(experiment: Experiment): Verdict {
  const early = earlySteps(experiment);
  const groups = byInit(experiment.runs.filter((run) => run.losses.length >= early));
  const findings = [
    aheadOfDefault(groups, early),
    alike("Xavier", groups.get("xavierUniform"), groups.get("xavierNormal"), early),
    alike("He", groups.get("heUniform"), groups.get("heNormal"), early),
  ].filter((finding) => finding !== undefined);
  const held = findings.filter((finding) => finding.held).length;
  const kind = held === 0 ? "no" : held === findings.length ? "yes" : "partly";
  const summary = findings.length === 0 ? nothingToCompare(experiment, early) : SUMMARIES[kind];
  return { kind, summary, sentences: findings.map((finding) => finding.sentence), criterion: criterionOf(early) };
}

/** The window that counts as "early on": a quarter of the first epoch, or all of a run that is shorter. */
export function earlySteps({ stepsPerRun, stepsPerEpoch }: Experiment): number {
  return Math.max(LEAST_STEPS, Math.min(stepsPerRun, Math.floor(stepsPerEpoch / 4)));
}

const SUMMARIES = {
  yes: "This run shows what the article found, as far as it was asked.",
  partly: "This run shows a part of what the article found, and a part not.",
  no: "This run did not show what the article found.",
} as const;

function nothingToCompare({ stepsPerRun }: Experiment, early: number): string {
  return stepsPerRun < early
    ? `This run cannot tell: it has ${stepsPerRun} steps, and at least ${early} are needed.`
    : "This run cannot tell: it has no two finished initializations that the article compares.";
}

function criterionOf(early: number): string {
  return (
    `How this is decided: early on means the first ${early} steps. Well ahead means, with every seed, a mean training loss ` +
    `over them at least ${percent(APART)} lower than with PyTorch's default, and the loss that the default has at their ` +
    `end (mean of 20 steps) reached in at most ${percent(SOONER)} of the steps. Alike means mean losses less than ` +
    `${percent(APART)} apart: another seed alone moves such a mean by 2 to 3\u00a0%.`
  );
}

function aheadOfDefault(groups: Map<InitName, Run[]>, early: number): Finding | undefined {
  const base = groups.get("torchDefault");
  const present = CHALLENGERS.filter((name) => groups.has(name));
  if (!base || present.length === 0) return undefined;
  const behind = present.filter((name) => !groups.get(name)!.every((run) => isAhead(run, base, early)));
  const held = behind.length === 0;
  const claim = held
    ? "Early on, Xavier and He were well ahead of PyTorch's default"
    : `Early on, ${behind.join(", ")} ${behind.length > 1 ? "were" : "was"} not well ahead of PyTorch's default`;
  const losses = range(
    present.map((name) => earlyLoss(groups.get(name)!, early)),
    decimal,
  );
  return { held, sentence: `${claim}: a mean loss of ${losses} against ${decimal(earlyLoss(base, early))}.` };
}

/** Compares with the default's run of the same seed: the same images in the same order. */
function isAhead(run: Run, base: readonly Run[], early: number): boolean {
  const baseline = base.find((other) => other.seed === run.seed);
  if (!baseline) return true;
  const steps = stepsToDefault(run, baseline, early) ?? Number.POSITIVE_INFINITY;
  return earlyLoss([run], early) <= (1 - APART) * earlyLoss([baseline], early) && steps <= SOONER * early;
}

/** Steps until a run has the loss that the default has at the end of the early window. */
function stepsToDefault(run: Run, baseline: Run, early: number): number | undefined {
  return stepsTo(run.losses, lossAt(baseline.losses, early));
}

function runsToTarget(runs: readonly Run[], base: readonly Run[], early: number): [string] {
  const steps = runs.map((run) => {
    const baseline = base.find((other) => other.seed === run.seed);
    return (baseline && stepsToDefault(run, baseline, early)) ?? Number.NaN;
  });
  return [steps.every(Number.isFinite) ? mean(steps).toFixed(0) : "–"];
}

function alike(
  family: string,
  uniform: Run[] | undefined,
  normal: Run[] | undefined,
  early: number,
): Finding | undefined {
  if (!uniform || !normal) return undefined;
  const [a, b] = [earlyLoss(uniform, early), earlyLoss(normal, early)];
  const apart = Math.abs(a - b) / Math.min(a, b);
  const held = apart < APART;
  const claim = `${family} from a uniform and from a normal distribution ${held ? "did alike" : "differed"}`;
  return {
    held,
    sentence: `${claim}: mean loss ${decimal(a)} and ${decimal(b)}${Number.isFinite(apart) ? `, ${percent(apart, 1)} apart` : ""}.`,
  };
}

function earlyLoss(runs: readonly Run[], early: number): number {
  return mean(runs.map((run) => mean(run.losses.slice(0, early))));
}

function decimal(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : "not finite";
}

function range(values: number[], show: (value: number) => string): string {
  const ends = [Math.min(...values), Math.max(...values)].map(show);
  return ends[0] === ends[1] ? ends[0]! : ends.join(" to ");
}

/** With a space that does not break before the sign. */
function percent(share: number, digits = 0): string {
  return `${(100 * share).toFixed(digits)}\u00a0%`;
}

function change(share: number): string {
  if (!Number.isFinite(share)) return "–";
  return Math.abs(share) < 0.0005 ? "–" : `${share < 0 ? "−" : "+"}${percent(Math.abs(share), 1)}`;
}
