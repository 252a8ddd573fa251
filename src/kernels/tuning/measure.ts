/** Finds the fastest correct kernel for a piece of work. In small steps, so that a training loop can go on in between. */
import { type Device, runtimeOf } from "../../gpu/device.ts";
import { PassClock, RepeatedDispatches } from "../../gpu/dispatch-timer.ts";
import { type Choice, choiceName } from "../../gpu/tuning.ts";
import { faultOf } from "./guard.ts";
import type { Trial, Workload } from "./workload.ts";

export interface Measured {
  readonly key: string;
  readonly usual: Choice;
  readonly fastest: Choice;
  /** Milliseconds by name of the choice, the fastest of some passes; those that failed their check are missing. */
  readonly milliseconds: ReadonlyMap<string, number>;
  /** The fault of each of the others. */
  readonly faults: ReadonlyMap<string, string>;
}

/** The fastest must take less than this part of the time of the table's kernel: smaller differences are noise. */
const WORTH = 0.95;
const ROUNDS = 5;

/** Checks and times every choice; each step takes some milliseconds, but for the one in which a kernel is compiled. */
export async function* measure(device: Device, workload: Workload): AsyncGenerator<void, Measured> {
  const trial = runtimeOf(device).outsideCapture(() => workload.makeTrial());
  try {
    yield;
    const faults = yield* faultsOf(device, workload, trial);
    const able = workload.choices.filter((choice) => !faults.has(choiceName(choice)));
    const milliseconds = yield* times(device, trial, able);
    return {
      key: workload.key,
      usual: workload.usual,
      fastest: fastestOf(workload, able, milliseconds),
      milliseconds,
      faults,
    };
  } finally {
    if (runtimeOf(device).isUsable) trial.dispose();
  }
}

async function* faultsOf(
  device: Device,
  { key, choices }: Workload,
  trial: Trial,
): AsyncGenerator<void, Map<string, string>> {
  const faults = new Map<string, string>();
  for (const choice of choices) {
    const known = runtimeOf(device).tuning.isBarred(key, choice) ? "it failed in an earlier run" : undefined;
    const fault = known ?? (await faultOf(device, trial, choice));
    if (fault) {
      faults.set(choiceName(choice), fault);
      runtimeOf(device).tuning.bar(key, choice);
    }
    yield;
  }
  return faults;
}

async function* times(
  device: Device,
  trial: Trial,
  choices: readonly Choice[],
): AsyncGenerator<void, Map<string, number>> {
  const clock = new PassClock(device);
  const runs = choices.map((choice) => new RepeatedDispatches(device, () => trial.run(choice)));
  const best = new Map<string, number>();
  try {
    for (const run of runs) yield* run.calibrate(clock);
    // In turns, so that whatever the machine does meanwhile hits all of them.
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, run] of runs.entries()) {
        const name = choiceName(choices[i] as Choice);
        const milliseconds = (await clock.milliseconds((pass) => run.encode(pass))) / run.repeats;
        best.set(name, Math.min(best.get(name) ?? Infinity, milliseconds));
        yield;
      }
    }
    return best;
  } finally {
    if (runtimeOf(device).isUsable) for (const one of [clock, ...runs]) one.dispose();
  }
}

function fastestOf({ usual }: Workload, able: readonly Choice[], milliseconds: ReadonlyMap<string, number>): Choice {
  const time = (choice: Choice) => milliseconds.get(choiceName(choice)) ?? Infinity;
  const fastest = able.reduce((best, one) => (time(one) < time(best) ? one : best), usual);
  return time(fastest) < time(usual) * WORTH ? fastest : usual;
}
