/** State dicts of optimizers: out, as copies, and in, from here or from PyTorch. */
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { sub } from "../ops/binary.ts";
import { copyInto } from "../tensor/copy.ts";
import { tensor } from "../tensor/create.ts";
import type { TensorData } from "../tensor/host.ts";
import { scope } from "../tensor/scope.ts";
import { sameShape } from "../tensor/shape.ts";
import { empty, storageOf, Tensor } from "../tensor/tensor.ts";
import { checkGroup } from "./groups.ts";
import type { BaseOptions, KernelSpec, ParamGroup } from "./optimizer-spec.ts";
import type { SkippedSteps } from "./skipped-steps.ts";
import { eachUsedBuffer, fillState, type Slot, stateView } from "./state-buffers.ts";

export interface OptimizerState {
  /** Steps of the optimizer: the argument of its schedules. */
  readonly stepCount: number;
  /**
   * Per parameter that has taken a step: `step` and the state buffers, under PyTorch's names. With a gradient scaler `step` is a
   * tensor, which leaves out the skipped ones, and `calls` counts all.
   */
  readonly state: Readonly<Record<string, Readonly<Record<string, Tensor | number>>>>;
  /** The groups' options, and the keys of their parameters in `state`. */
  readonly paramGroups: readonly Readonly<Record<string, unknown>>[];
}

export interface Parts<O extends BaseOptions> {
  readonly spec: KernelSpec<O>;
  readonly groups: readonly ParamGroup<O>[];
  readonly slots: readonly Slot[];
  readonly skips: SkippedSteps;
}

export function readState<O extends BaseOptions>(
  parts: Parts<O>,
  stepCount: number,
  rates: readonly number[],
): OptimizerState {
  const { spec, groups, slots, skips } = parts;
  const keys = keysOf(slots);
  const state: Record<string, Record<string, Tensor | number>> = {};
  for (const slot of slots.filter(({ steps }) => steps > 0)) {
    const entry: Record<string, Tensor | number> = stepsOf(slot, skips);
    eachUsedBuffer(spec, optionsOf(groups, slot), (name) => {
      const { device, shape } = slot.param;
      const view = stateView(slot, name);
      entry[name] = empty(device, shape);
      copyInto(entry[name], view);
      view.dispose();
    });
    state[keys[slot.index] as string] = entry;
  }
  const paramGroups = groups.map((group, i) => {
    const options = Object.fromEntries(Object.keys(spec.defaults).map((key) => [key, group[key as keyof O]]));
    const params = slots.filter((slot) => slot.group === i).map(({ index }) => keys[index] as string);
    return { ...structuredClone({ ...options, lr: rates[i] }), params };
  });
  return { stepCount, state, paramGroups };
}

function stepsOf({ steps, index }: Slot, skips: SkippedSteps): Record<string, Tensor | number> {
  const taken = scope(() => {
    const skipped = skips.of(index);
    return skipped && sub(steps, skipped);
  });
  return taken ? { step: taken, calls: steps } : { step: steps };
}

/** Restores a state dict and returns the optimizer's step count. `checkVariant` throws for options that need other kernels. */
export function applyState<O extends BaseOptions>(
  parts: Parts<O>,
  dict: object,
  checkVariant: (group: O, i: number) => void,
): number {
  const { spec, groups, slots, skips } = parts;
  const op = `${spec.name}.loadStateDict`;
  const { state, loaded, stepCount } = readDict(op, dict, groups.length);
  const options = groups.map((group, i) => optionsFrom(op, spec, group, loaded[i] as Loose));
  options.forEach((one, i) => {
    checkGroup(spec, one);
    checkVariant(one, i);
  });
  const entries = matchEntries(op, parts, state, loaded);
  const loadedState = slots.map((slot) => stateFrom(op, parts, slot, entries[slot.index]));
  groups.forEach((group, i) => {
    Object.assign(group, options[i]);
  });
  skips.clear();
  for (const { region } of slots) for (const { tensor } of region.buffers) storageOf(tensor).restore();
  slots.forEach((slot, i) => {
    slot.steps = loadedState[i]?.steps ?? 0;
    const taken = loadedState[i]?.taken;
    if (taken) scope(() => skips.set(slot.index, sub(slot.steps, taken)));
    eachUsedBuffer(spec, optionsOf(groups, slot), (name, initial) => {
      const source = loadedState[i]?.tensors[name];
      if (source) writeState(slot, name, source);
      else fillState(slot, name, initial);
    });
  });
  return stepCount ?? Math.max(0, ...slots.map(({ steps }) => steps));
}

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

type Loose = Readonly<Record<string, unknown>>;

function readDict(
  op: string,
  dict: object,
  groupCount: number,
): { state: Loose; loaded: readonly Loose[]; stepCount: number | undefined } {
  const { state, paramGroups, param_groups, stepCount } = (dict ?? {}) as Loose;
  const loaded = paramGroups ?? param_groups;
  check(typeof state === "object" && state !== null, ArgumentError, () =>
    expected(op, "state", "an object by parameter", state),
  );
  check(Array.isArray(loaded), ArgumentError, () => expected(op, "paramGroups", "a list of groups", loaded));
  check(loaded.length === groupCount, ArgumentError, () =>
    expected(op, "paramGroups", `${groupCount} groups`, loaded.length),
  );
  check(stepCount === undefined || isCount(stepCount), ArgumentError, () =>
    expected(op, "stepCount", "an integer >= 0", stepCount),
  );
  return { state: state as Loose, loaded, stepCount };
}

/** A group's options with those of a loaded group in their place. */
function optionsFrom<O extends BaseOptions>(op: string, spec: KernelSpec<O>, group: ParamGroup<O>, loaded: Loose): O {
  check(loaded.maximize !== true, ArgumentError, () =>
    expected(op, "maximize", "false: negate the loss instead", true),
  );
  const options: Record<string, unknown> = {};
  for (const key of Object.keys(spec.defaults)) {
    const value = loaded[key] ?? loaded[key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)];
    const keepsSchedule = key === "lr" && typeof group.lr === "function";
    options[key] = value === undefined || keepsSchedule ? group[key as keyof O] : structuredClone(value);
  }
  // Every key of O has a default, so that each was visited.
  return options as O;
}

/** The loaded entry of each parameter: by name, or by index where the dict uses numbers, as PyTorch's does. */
function matchEntries<O extends BaseOptions>(
  op: string,
  { slots, groups }: Parts<O>,
  state: Loose,
  loaded: readonly Loose[],
): (Loose | undefined)[] {
  const theirs = loaded.flatMap(({ params }, i) => {
    const count = groups[i]?.params.length;
    check(Array.isArray(params) && params.length === count, ShapeError, () =>
      expected(op, `paramGroups[${i}].params`, `${count} parameters`, Array.isArray(params) ? params.length : params),
    );
    return params.map(String);
  });
  const own = keysOf(slots);
  const byName = theirs.every((key) => own.includes(key));
  check(
    byName || theirs.every((key) => /^\d+$/.test(key)),
    ArgumentError,
    () => `${op}: unknown parameter '${theirs.find((key) => !own.includes(key))}' (known: ${own.join(", ")})`,
  );
  const stray = Object.keys(state).find((key) => !theirs.includes(key));
  check(stray === undefined, ArgumentError, () => `${op}: state of '${stray}', which is in none of the dict's groups`);
  return slots.map(({ index }) => state[(byName ? own : theirs)[index] as string] as Loose | undefined);
}

interface Loaded {
  readonly steps: number;
  /** Those that no gradient scaler skipped, where one was used: u32, (). */
  readonly taken: Tensor | undefined;
  readonly tensors: Record<string, Tensor>;
}

function stateFrom<O extends BaseOptions>(
  op: string,
  parts: Parts<O>,
  slot: Slot,
  entry: Loose | undefined,
): Loaded | undefined {
  if (!entry) return undefined;
  const key = keysOf(parts.slots)[slot.index];
  const tensors: Record<string, Tensor> = {};
  eachUsedBuffer(parts.spec, optionsOf(parts.groups, slot), (name) => {
    const value = entry[name];
    // PyTorch writes None for a momentum that has not begun.
    if (value !== undefined && value !== null)
      tensors[name] = asTensor(`${op}: ${key}`, name, value as TensorData, slot.param);
  });
  // Not all of PyTorch's optimizers count their steps; whether there was one is all that matters to those.
  const step = entry.step ?? (Object.keys(tensors).length > 0 ? 1 : 0);
  const taken = step instanceof Tensor && step.dtype === "u32" && step.size === 1 ? step : undefined;
  const steps = taken ? entry.calls : step;
  check(isCount(steps), ArgumentError, () =>
    expected(`${op}: ${key}`, taken ? "calls" : "step", "an integer >= 0 (of a tensor: await item())", steps),
  );
  return { steps, taken, tensors };
}

function asTensor(op: string, name: string, value: Tensor | TensorData, param: Tensor): Tensor {
  const { shape, device } = param;
  if (!(value instanceof Tensor)) return tensor(value, { shape, device, dtype: "f32" });
  value.assertLive(op);
  check(sameShape(value.shape, shape) && value.dtype === "f32" && value.device === device, ShapeError, () =>
    expected(op, name, `an f32 tensor of shape [${shape}] on the parameter's device`, value),
  );
  return value;
}

function writeState(slot: Slot, name: string, source: Tensor): void {
  const state = stateView(slot, name);
  copyInto(state, source);
  state.dispose();
}

const optionsOf = <O extends BaseOptions>(groups: readonly ParamGroup<O>[], slot: Slot): O => groups[slot.group] as O;

/** Labels where they tell the parameters apart, else indices. */
function keysOf(slots: readonly Slot[]): string[] {
  const counts = new Map<string, number>();
  for (const { param } of slots) if (param.label) counts.set(param.label, (counts.get(param.label) ?? 0) + 1);
  return slots.map(({ param, index }) => (param.label && counts.get(param.label) === 1 ? param.label : String(index)));
}
