/** Per-parameter state of an optimizer: its step count, and its part of the flat storage of every state buffer. */
import { ArgumentError, check, expected } from "../errors.ts";
import { fill } from "../tensor/copy.ts";
import { stridesOf } from "../tensor/shape.ts";
import { empty, makeTensor, storageOf, type Tensor } from "../tensor/tensor.ts";
import { MAX_PARAMETERS } from "./chunk-table.ts";
import { flatBufferIds, internal, paddedBytes, VECTOR_BYTES } from "./flat-params.ts";
import type { BaseOptions, KernelSpec, ParamGroup } from "./optimizer-spec.ts";

/** The storage of one state buffer: flat, or four elements where the options do without it. */
export interface StateStorage {
  readonly name: string;
  /** The shader's binding. */
  readonly binding: string;
  readonly tensor: Tensor;
}

/** The state of parameters that lie in the same buffers and are updated by the same kernel. */
export interface Region {
  readonly id: number;
  /** In the order of the spec's state buffers. */
  readonly buffers: readonly StateStorage[];
}

/** The record that an optimizer keeps of one parameter. */
export interface Slot {
  readonly index: number;
  readonly param: Tensor;
  readonly group: number;
  readonly region: Region;
  /** Offset of its state in the region's buffers, in vectors. */
  readonly vector: number;
  /** Steps taken by this parameter: those in which it had a gradient. */
  steps: number;
}

/** Returns what the kernel is specialized by for a group, as a key. Groups of one variant share their dispatches. */
export function variantOf<O extends BaseOptions>(spec: KernelSpec<O>, group: O): string {
  return JSON.stringify(spec.overrides(group));
}

/** Makes the state of flat parameters, as at step 0. */
export function makeSlots<O extends BaseOptions>(spec: KernelSpec<O>, groups: readonly ParamGroup<O>[]): Slot[] {
  const members = groups.flatMap((options, group) =>
    options.params.map((param) => ({ param, group, options, key: regionKey(spec, options, param) })),
  );
  check(members.length <= MAX_PARAMETERS, ArgumentError, () =>
    expected(spec.name, "params", `at most ${MAX_PARAMETERS} parameters`, members.length),
  );
  const vectors = new Map<string, number>();
  const offsets = members.map(({ param, key }) => {
    const offset = vectors.get(key) ?? 0;
    vectors.set(key, offset + paddedBytes(param) / VECTOR_BYTES);
    return offset;
  });
  const regions = new Map<string, Region>();
  return members.map(({ param, group, options, key }, index) => {
    const region = regions.get(key) ?? makeRegion(spec, options, param, regions.size, vectors.get(key) ?? 0);
    regions.set(key, region);
    const slot: Slot = { index, param, group, region, vector: offsets[index] ?? 0, steps: 0 };
    eachUsedBuffer(spec, options, (name, initial) => {
      if (initial !== 0) fillState(slot, name, initial);
    });
    return slot;
  });
}

const regionKey = <O extends BaseOptions>(spec: KernelSpec<O>, options: O, param: Tensor): string =>
  `${flatBufferIds(param)}:${variantOf(spec, options)}`;

/** Visits the state buffers that a group with these options has, with what they start from. */
export function eachUsedBuffer<O extends BaseOptions>(
  { stateBuffers }: KernelSpec<O>,
  options: O,
  visit: (name: string, initial: number) => void,
): void {
  for (const { name, used, initial } of stateBuffers) {
    if (used?.(options) ?? true) visit(name, initial?.(options) ?? 0);
  }
}

function makeRegion<O extends BaseOptions>(
  spec: KernelSpec<O>,
  group: O,
  like: Tensor,
  id: number,
  vectors: number,
): Region {
  const buffers = spec.stateBuffers.map(({ name, binding, used }) => {
    const tensor = internal(empty(like.device, [(used?.(group) ?? true) ? 4 * vectors : 4]));
    fill(tensor, 0);
    return { name, binding, tensor };
  });
  return { id, buffers };
}

/** A parameter's state of that name, as a tensor of the parameter's shape. The caller disposes it. */
export function stateView({ param, region, vector }: Slot, name: string): Tensor {
  const buffer = region.buffers.find((one) => one.name === name);
  check(buffer, ArgumentError, () =>
    expected("optimizer", "state buffer", region.buffers.map((one) => one.name).join(", "), name),
  );
  return makeTensor(storageOf(buffer.tensor), param.shape, stridesOf(param.shape), 4 * vector, "f32");
}

/** Sets every element of a parameter's state. */
export function fillState(slot: Slot, name: string, value: number): void {
  const state = stateView(slot, name);
  fill(state, value);
  state.dispose();
}
