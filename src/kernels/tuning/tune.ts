/** tune(fn): measures the kernels that can do the work of a program, and keeps the fastest for this adapter. */
import { ArgumentError, check, expected } from "../../errors.ts";
import { currentDevice } from "../../gpu/default-device.ts";
import { type Device, runtimeOf } from "../../gpu/device.ts";
import { choiceName } from "../../gpu/tuning.ts";
import { workloadsOf } from "./families.ts";
import { type Measured, measure } from "./measure.ts";
import type { Workload } from "./workload.ts";

export interface TunedShape {
  /** Operation and shape, such as `matmul 128x784x256 nt`: M, K, N, and which operands are stored transposed. */
  readonly shape: string;
  /** The kernel that the table takes by itself, and the one that is taken from now on. */
  readonly before: string;
  readonly after: string;
  /** Milliseconds of each candidate, the fastest of some runs. */
  readonly milliseconds: Readonly<Record<string, number>>;
  /** Faults of candidates that are never taken on this adapter: see `init`'s option `tuning`. */
  readonly faults: Readonly<Record<string, string>>;
}

export interface Tuned {
  readonly shapes: readonly TunedShape[];
  /** True if later runs on this adapter will know. */
  readonly remembered: boolean;
}

/**
 * Runs `fn` (a training step, not a captured one) and measures every kernel that could do its work on this adapter,
 * compiling them: seconds, once. A kernel is checked against float64 before it is timed, and timed over as many runs as
 * make some milliseconds. The fastest is used from now on, in recordings made from now on, and by later `init()` calls on
 * the same adapter, driver and version (`init({ tuning: false })` ignores what was remembered). Another kernel may sum in
 * another order: results can differ in the last bits from those before.
 */
export async function tune(fn: () => unknown): Promise<Tuned> {
  check(typeof fn === "function", ArgumentError, () => expected("tune", "fn", "a function", fn));
  const device = currentDevice();
  const { tuning } = runtimeOf(device);
  check(!tuning.asked, ArgumentError, () => "tune: another tune() of this device is running; await it first");
  const asked = new Map<string, unknown>();
  tuning.asked = asked;
  try {
    await fn();
  } finally {
    tuning.asked = undefined;
  }
  const shapes: TunedShape[] = [];
  for (const workload of workloadsOf(device, asked)) shapes.push(reportOf(await measured(device, workload)));
  return { shapes, remembered: shapes.length > 0 && (await tuning.save()) };
}

/** Measures in one go, and keeps the fastest. */
async function measured(device: Device, workload: Workload): Promise<Measured> {
  const steps = measure(device, workload);
  for (;;) {
    const { done, value } = await steps.next();
    if (!done) continue;
    runtimeOf(device).tuning.set(value.key, value.fastest === value.usual ? undefined : value.fastest);
    return value;
  }
}

const reportOf = ({ key, usual, fastest, milliseconds, faults }: Measured): TunedShape => ({
  shape: key,
  before: choiceName(usual),
  after: choiceName(fastest),
  milliseconds: Object.fromEntries(milliseconds),
  faults: Object.fromEntries(faults),
});
