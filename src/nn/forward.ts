/** Runs a module's forward: checked, seen by captures, and freeing what it made. */

import type { Tape } from "../gpu/command-recorder.ts";
import { runtimeOf } from "../gpu/device.ts";
import { keep, scopeKeeping, tensorsIn } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { trace } from "./forward-trace.ts";
import { guardModule, settleModule } from "./module-snapshot.ts";
import { isModule, leavesIn, type ModuleLike } from "./nested-entries.ts";
import { enter, leave } from "./running-modules.ts";

// biome-ignore lint/suspicious/noExplicitAny: every module has inputs and results of its own
export type Forward = (...inputs: any[]) => any;

const scopedForwards = new WeakSet<Forward>();

/** Returns true if a module's `forward` is its class's own, and not one that somebody put in its place. */
export const isPlain = (module: ModuleLike): boolean => isScoped(module.forward);

export const isScoped = (forward: Forward): boolean => scopedForwards.has(forward);

/** A class's own `forward`, which frees what it made. */
export function scoped(module: ModuleLike, forward: Forward, checkOwn: () => void): Forward {
  const why = () =>
    `the forward of ${describe(module)} made it and freed it when it was done; return it from there, put it into a ` +
    "property of the module or into an argument, or call keep(x) on it";
  const run: Forward = (...inputs) => {
    const output = scopeKeeping(
      () => forward.apply(module, inputs),
      () => [inputs, module],
      why,
    );
    trace.seen?.(module, output);
    return output;
  };
  const wrapped = watched(module, run, checkOwn);
  scopedForwards.add(wrapped);
  return wrapped;
}

/** A module in words: its class, and its path where a parameter's label tells it. */
function describe(module: ModuleLike): string {
  const [first] = module.namedParameters();
  const label = first?.[1].label;
  const path = first && label?.endsWith(`.${first[0]}`) ? label.slice(0, -first[0].length - 1) : "";
  return `${module.constructor.name}${path ? ` '${path}'` : ""}`;
}

/** A `forward` that is checked, and that a capture which records it depends on. */
export function watched(module: ModuleLike, forward: Forward, checkOwn: () => void): Forward {
  return (...inputs) => {
    const tape = recordingOf(module, inputs);
    if (tape) guardModule(tape, module);
    checkOwn();
    enter(module, inputs);
    try {
      return forward.apply(module, inputs);
    } finally {
      leave();
      if (tape) {
        // What the module holds outlives the recording, as it outlives an eager call.
        for (const one of valuesOf(module)) keep(one);
        settleModule(tape, module);
      }
    }
  };
}

/** The capture that records on the device of a forward's inputs or, without any, of the module's state. */
function recordingOf(module: ModuleLike, inputs: readonly unknown[]): Tape | undefined {
  const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;
  const first = isTensor(inputs[0]) ? inputs[0] : (tensorsIn(inputs).find(isTensor) ?? valuesOf(module)[0]);
  return first && runtimeOf(first.device).recorder.tape;
}

const isStateful = (value: object): value is ModuleLike | Tensor => value instanceof Tensor || isModule(value);

/** The tensors that a module and all below it hold in their properties. */
function valuesOf(root: ModuleLike): Tensor[] {
  const found: Tensor[] = [];
  const modules = new Set([root]);
  // It grows as it is gone through.
  for (const module of modules) {
    for (const value of Object.values(module)) {
      if (typeof value !== "object" || value === null) continue;
      for (const [, one] of leavesIn(value, isStateful)) {
        if (isModule(one)) modules.add(one);
        else found.push(one);
      }
    }
  }
  return found;
}
