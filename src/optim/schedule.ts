/**
 * Learning rate schedules: functions from the number of steps taken so far (0 at the first step) to a rate, to be given
 * as `lr`. Past their end they stay where they arrived.
 */
import { ArgumentError, check, expected } from "../errors.ts";

export type Schedule = (step: number) => number;

/** A rise to `peak`, and a way down. */
export interface DecayOptions {
  peak: number;
  /** Steps of the whole schedule. */
  total: number;
  /** Steps of the linear rise at its start: the first is peak / warmup. Default 0. */
  warmup?: number;
  /** The rate at its end. Default 0. */
  floor?: number;
}

/** The same rate always. */
export function constant(lr: number): Schedule {
  return () => lr;
}

/** From `peak` to `floor` in a straight line. */
export const linear = (options: DecayOptions): Schedule => decay("linear", options, (progress) => 1 - progress);

/** From `peak` to `floor` along half a cosine. Loshchilov and Hutter 2017. */
export const cosine = (options: DecayOptions): Schedule =>
  decay("cosine", options, (progress) => (1 + Math.cos(Math.PI * progress)) / 2);

function decay(name: string, options: DecayOptions, shape: (progress: number) => number): Schedule {
  const { peak, total, warmup = 0, floor = 0 } = options;
  check(warmup <= total, ArgumentError, () =>
    expected(`schedule.${name}`, "warmup", `at most total (${total})`, warmup),
  );
  check(floor <= peak, ArgumentError, () => expected(`schedule.${name}`, "floor", `at most peak (${peak})`, floor));
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup;
    if (step >= total) return floor;
    return floor + (peak - floor) * shape((step - warmup) / (total - warmup));
  };
}

/** `lr gamma^floor(step / stepSize)`; gamma 0.1 unless given. */
export function step(options: { lr: number; stepSize: number; gamma?: number }): Schedule {
  const { lr, stepSize, gamma = 0.1 } = options;
  return (step) => lr * gamma ** Math.floor(step / stepSize);
}

/** `lr gamma^step`. */
export function exponential(options: { lr: number; gamma: number }): Schedule {
  const { lr, gamma } = options;
  return (step) => lr * gamma ** step;
}

export interface OneCycleOptions {
  maxLr: number;
  totalSteps: number;
  /** The part of the steps that rises. Default 0.3. */
  pctStart?: number;
  /** Default "cos". */
  annealStrategy?: "cos" | "linear";
  /** It starts from maxLr / divFactor. Default 25. */
  divFactor?: number;
  /** It ends at maxLr / divFactor / finalDivFactor. Default 1e4. */
  finalDivFactor?: number;
}

/** Up to `maxLr` and far down again. Smith and Topin 2018, as PyTorch has it with two phases. */
export function oneCycle(options: OneCycleOptions): Schedule {
  const { maxLr, totalSteps, pctStart = 0.3, annealStrategy = "cos", divFactor = 25, finalDivFactor = 1e4 } = options;
  const first = maxLr / divFactor;
  const last = first / finalDivFactor;
  const top = pctStart * totalSteps - 1;
  const between = (start: number, end: number, part: number) =>
    end + (start - end) * (annealStrategy === "cos" ? (1 + Math.cos(Math.PI * part)) / 2 : 1 - part);
  return (step) => {
    if (step < top || top >= totalSteps - 1) return between(first, maxLr, Math.min(1, step / top));
    return between(maxLr, last, Math.min(1, (step - top) / (totalSteps - 1 - top)));
  };
}

/** A linear rise over `steps` steps to where `after` starts, then `after`, which counts from there. */
export function warmup(options: { steps: number; after: number | Schedule }): Schedule {
  const { steps, after } = options;
  const then = typeof after === "function" ? after : () => after;
  return (step) => (step < steps ? (then(0) * (step + 1)) / steps : then(step - steps));
}
