/** The dispatches of one step: the chunks of flat storage that each goes through, and the kernel constants it needs. */

import { elementAt } from "../elements.ts";
import type { ComputeKernel, NamedArgs } from "../gpu/compute-kernel.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import type { Read, RunArgs, Shader, Write } from "../gpu/shader.ts";
import { bindingOf } from "../tensor/binding.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  CHUNK_ENTRY,
  CONSTANTS_PER_SET,
  chunkCount,
  chunkGroups,
  chunkWorkgroup,
  eachChunk,
  MAX_CONSTANT_SETS,
  makeTable,
  packFields,
  packWords,
} from "./chunk-table.ts";
import { flatBufferIds, gradSlice, valueSlice } from "./flat-params.ts";
import type { BaseOptions, KernelSpec, ParamGroup } from "./optimizer-spec.ts";
import type { Slot } from "./state-buffers.ts";

/** The bindings that the kernels of all optimizers share; their state buffers are added to these. */
export type OptimizerShader = Shader<
  { table: Read<"u32", 4>; value: Write<"f32", 4>; grad: Read<"f32", 4>; skips: Read<"u32"> },
  { first: "u32"; chunks: "u32"; constants: ["f32", 128]; skipping: "u32" }
>;

/** Parameters that share a set of kernel constants: those of one group with one step count. Never empty. */
type Sharing = readonly [Slot, ...Slot[]];

export interface Launch {
  readonly kernel: ComputeKernel;
  readonly groups: number;
  readonly args: NamedArgs;
  /** The sets of kernel constants, part of `args`: written anew in every step. */
  readonly constants: number[];
  /** The parameters of each set. */
  readonly sets: readonly Sharing[];
}

export interface Plan {
  readonly slots: readonly Slot[];
  readonly table: Tensor;
  /** Entries of the table. */
  readonly chunks: number;
  readonly launches: readonly Launch[];
}

/** Identifies the plan that these parameters need: who is in it, and who shares a set of constants with whom. */
export function planKey(slots: readonly Slot[]): string {
  const sets = new Map<string, number>();
  let key = "";
  for (const slot of slots) {
    const set = sharingKey(slot);
    if (!sets.has(set)) sets.set(set, sets.size);
    key += `${slot.index}:${sets.get(set)},`;
  }
  return key;
}

/** Returns whether parameters that share constants still have equal step counts: steps with fewer gradients part them. */
export function sharingHolds({ launches }: Plan): boolean {
  return launches.every(({ sets }) => sets.every((set) => set.every(({ steps }) => steps === set[0].steps)));
}

const sharingKey = ({ group, steps }: Slot): string => `${group}:${steps}`;

/** Returns the dispatches for these slots, and uploads their chunk table. */
export function makePlan<O extends BaseOptions>(
  device: Device,
  spec: KernelSpec<O>,
  groups: readonly ParamGroup<O>[],
  slots: readonly Slot[],
): Plan {
  const words: number[] = [];
  const drafts = inSameBuffers(slots).flatMap((together) =>
    inParts(groupBy(together, sharingKey), MAX_CONSTANT_SETS).map((sets) => {
      const first = chunkCount(words);
      sets.forEach((set, s) => {
        for (const slot of set) appendChunks(words, slot, s);
      });
      return { sets, first, chunks: chunkCount(words) - first };
    }),
  );
  const table = makeTable(device, words);
  const launches = drafts.map((draft) => makeLaunch(device, spec, groups, table, draft));
  return { slots, table, chunks: chunkCount(words), launches };
}

interface Draft {
  readonly sets: readonly [Sharing, ...Sharing[]];
  readonly first: number;
  readonly chunks: number;
}

function makeLaunch<O extends BaseOptions>(
  device: Device,
  spec: KernelSpec<O>,
  groups: readonly ParamGroup<O>[],
  table: Tensor,
  { sets, first, chunks }: Draft,
): Launch {
  const { param, region, group } = sets[0][0];
  const constants = new Array<number>(MAX_CONSTANT_SETS * CONSTANTS_PER_SET).fill(0);
  const shared: RunArgs<OptimizerShader> = {
    table: bindingOf(table),
    value: valueSlice(param).binding,
    grad: gradSlice(param).binding,
    first,
    chunks,
    constants,
    // Read only where steps may be skipped: see skipped-steps.ts.
    skips: bindingOf(table),
    skipping: 0,
  };
  const args: Record<string, NamedArgs[string]> = { ...shared };
  for (const { binding, tensor } of region.buffers) args[binding] = bindingOf(tensor);
  const kernel = runtimeOf(device).kernelOf(spec.shader, {
    WORKGROUP: chunkWorkgroup(device),
    ...spec.overrides(groups[group] as O),
  });
  return { kernel, groups: chunkGroups(device, chunks), args, constants, sets };
}

/** Slots that one dispatch can reach: the same region, and values and gradients in the same buffers. */
function inSameBuffers(slots: readonly Slot[]): Sharing[] {
  return groupBy(slots, ({ region, param }) => `${region.id}:${flatBufferIds(param)}`);
}

function appendChunks(words: number[], slot: Slot, set: number): void {
  const { param, index, vector } = slot;
  const value = valueSlice(param).vector;
  const grad = gradSlice(param).vector;
  eachChunk(param.device, Math.ceil(param.size / 4), (start, length) => {
    const packed = packFields(index, set, length);
    words.push(...packWords(CHUNK_ENTRY, { value: value + start, grad: grad + start, state: vector + start, packed }));
  });
}

/** The items by key, in order of each key's first item. */
function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): [T, ...T[]][] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.values()];
}

/** Parts of at most `length` items. */
function inParts<T>(items: readonly T[], length: number): [T, ...T[]][] {
  const indexed = items.map((item, i) => ({ item, part: Math.floor(i / length) }));
  return groupBy(indexed, ({ part }) => String(part)).map(([first, ...rest]) => [
    first.item,
    ...rest.map(({ item }) => item),
  ]);
}

/** Writes this step's kernel constants. `rates` are the groups' learning rates; step counts have advanced already. */
export function writeConstants<O extends BaseOptions>(
  spec: KernelSpec<O>,
  groups: readonly ParamGroup<O>[],
  rates: readonly number[],
  { sets, constants }: Launch,
): void {
  sets.forEach(([{ group, steps }], s) => {
    spec.kernelConstants(groups[group] as O, elementAt(rates, group), steps).forEach((constant, i) => {
      constants[s * CONSTANTS_PER_SET + i] = constant;
    });
    constants[(s + 1) * CONSTANTS_PER_SET - 1] = steps;
  });
}
