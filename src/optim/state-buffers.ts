/** An optimizer's memory: for each parameter its step count, and its place in the flat storage of every moment. */
import { ArgumentError, check, expected } from "../errors.ts";
import { fill } from "../tensor/copy.ts";
import { stridesOf } from "../tensor/shape.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { gradPlace, internal, placeBytes, valuePlace } from "./flat-params.ts";
import type { BaseOptions, OptimizerSpec, ParamGroup } from "./optimizer-spec.ts";

/** The moments of parameters that lie in the same buffers and are updated by the same kernel. */
export interface Region {
  readonly id: number;
  /** In the order of the rule's moments; four elements stand in for one that is not used. */
  readonly moments: readonly Tensor[];
}

/** What an optimizer keeps of one parameter. */
export interface Slot {
  readonly index: number;
  readonly param: Tensor;
  readonly group: number;
  readonly region: Region;
  /** Where its moments start in the region's, in vectors. */
  readonly vector: number;
  /** Steps taken by this parameter: those in which it had a gradient. */
  steps: number;
}

/** What the tables of the kernels have bits for. */
const MAX_PARAMETERS = 2 ** 17;

/** What the kernel is specialised by for a group. Groups of one kind share their dispatches. */
export function kindOf<O extends BaseOptions>(rule: OptimizerSpec<O>, group: O): string {
  return JSON.stringify(rule.overrides(group));
}

/** Makes the memory for flat parameters, as at step 0. */
export function makeSlots<O extends BaseOptions>(rule: OptimizerSpec<O>, groups: readonly ParamGroup<O>[]): Slot[] {
  const members = groups.flatMap((group, i) => group.params.map((param) => ({ param, group: i })));
  check(members.length <= MAX_PARAMETERS, ArgumentError, () =>
    expected(rule.name, "params", `at most ${MAX_PARAMETERS} parameters`, members.length),
  );
  const keys = members.map(({ param, group }) => {
    const kind = kindOf(rule, groups[group] as O);
    return `${valuePlace(param).whole.buffer.id}:${gradPlace(param).whole.buffer.id}:${kind}`;
  });
  const regions = new Map<string, Region>();
  const vectors = new Map<string, number>();
  members.forEach(({ param }, i) => {
    vectors.set(keys[i] as string, (vectors.get(keys[i] as string) ?? 0) + placeBytes(param) / 16);
  });
  const next = new Map<string, number>();
  return members.map(({ param, group }, index) => {
    const key = keys[index] as string;
    const region =
      regions.get(key) ?? makeRegion(rule, groups[group] as O, param, regions.size, vectors.get(key) as number);
    regions.set(key, region);
    const vector = next.get(key) ?? 0;
    next.set(key, vector + placeBytes(param) / 16);
    const slot: Slot = { index, param, group, region, vector, steps: 0 };
    rule.stateBuffers.forEach(({ initial, used }, k) => {
      const start = initial?.(groups[group] as O) ?? 0;
      if (start !== 0 && (used?.(groups[group] as O) ?? true)) fillMoment(slot, k, start);
    });
    return slot;
  });
}

function makeRegion<O extends BaseOptions>(
  rule: OptimizerSpec<O>,
  group: O,
  like: Tensor,
  id: number,
  vectors: number,
): Region {
  const moments = rule.stateBuffers.map(({ used }) => {
    const moment = internal(empty(like.device, [(used?.(group) ?? true) ? 4 * vectors : 4]));
    fill(moment, 0);
    return moment;
  });
  return { id, moments };
}

/** A parameter's moment, as a tensor of the parameter's shape. The caller disposes it. */
export function momentOf(slot: Slot, k: number): Tensor {
  const { shape } = slot.param;
  return new Tensor((slot.region.moments[k] as Tensor).storage, shape, stridesOf(shape), 4 * slot.vector, "f32");
}

export function fillMoment(slot: Slot, k: number, value: number): void {
  const moment = momentOf(slot, k);
  fill(moment, value);
  moment.dispose();
}
