/** Results of a run, and the numbers that table, figures and verdict share. Pure. */
import type { InitName, Options } from "./options.ts";

export interface Evaluation {
  /** Optimizer steps done before it. */
  step: number;
  /** Share of the 10,000 test images that are named right, 0 to 1. */
  accuracy: number;
  /** Mean cross entropy on them, nats. */
  loss: number;
}

/** One network trained from one initialization with one seed. */
export interface Run {
  init: InitName;
  seed: number;
  /** Training loss of every step, nats. */
  losses: number[];
  evaluations: Evaluation[];
  /** First layer's weights before the first step. */
  initialWeights: Float32Array;
  /** Time of training alone, without evaluation. */
  seconds: number;
  /** False when it was stopped before its last step. */
  complete: boolean;
}

export interface Experiment {
  options: Options;
  adapter: string;
  stepsPerEpoch: number;
  stepsPerRun: number;
  runs: Run[];
}

const TRAIN_IMAGES = 60_000;

/** Full batches only: the rest of an epoch waits for the next shuffle, so that every step has the same shapes. */
export function stepsPerEpoch({ batch }: Pick<Options, "batch">): number {
  return Math.floor(TRAIN_IMAGES / batch);
}

export function stepsPerRun(options: Pick<Options, "batch" | "steps" | "epochs">): number {
  return options.steps ?? options.epochs * stepsPerEpoch(options);
}

/** After which steps the test images are looked at: every epoch's end, more often when there are few, and the end. */
export function evaluationSteps(options: Pick<Options, "batch" | "steps" | "epochs">): number[] {
  const [epoch, total] = [stepsPerEpoch(options), stepsPerRun(options)];
  const perEpoch = Math.ceil(4 / Math.max(1, total / epoch));
  const steps = Array.from({ length: Math.ceil((total * perEpoch) / epoch) }, (_, i) =>
    Math.round(((i + 1) * epoch) / perEpoch),
  );
  return [...new Set([...steps.filter((step) => step > 0 && step < total), total])];
}

export function runsPlanned({ options }: Experiment): number {
  return options.inits.length * options.seeds;
}

/** The runs of each initialization, in the order of first appearance. */
export function byInit(runs: readonly Run[]): Map<InitName, Run[]> {
  const groups = new Map<InitName, Run[]>();
  for (const run of runs) groups.set(run.init, [...(groups.get(run.init) ?? []), run]);
  return groups;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Mean, least and greatest of several curves, step by step, as far as the shortest goes. */
export function spread(curves: readonly (readonly number[])[]): { mean: number[]; low: number[]; high: number[] } {
  const length = Math.min(...curves.map((curve) => curve.length));
  const at = (pick: (values: number[]) => number) =>
    Array.from({ length }, (_, i) => pick(curves.map((curve) => curve[i]!)));
  return { mean: at(mean), low: at((values) => Math.min(...values)), high: at((values) => Math.max(...values)) };
}

/** Loss around the end of `step` steps: the mean over the `window` steps up to it. One batch alone is too noisy. */
export function lossAt(losses: readonly number[], step: number, window = 20): number {
  return mean(losses.slice(Math.max(0, step - window), step));
}

/** The first step after which the loss, as `lossAt` gives it, is at most `target`; undefined when it never is. */
export function stepsTo(losses: readonly number[], target: number, window = 20): number | undefined {
  for (let step = Math.min(window, losses.length); step <= losses.length && step > 0; step++) {
    if (lossAt(losses, step, window) <= target) return step;
  }
  return undefined;
}
