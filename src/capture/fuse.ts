/**
 * Joins elementwise dispatches of a recorded tape: where one reads what an earlier one wrote, both become one kernel,
 * and a value that nothing else reads is never written to memory.
 */

import type { BufferSlice, GpuBuffer } from "../gpu/buffer-pool.ts";
import type { Dispatch } from "../gpu/command-recorder.ts";
import type { Device } from "../gpu/device.ts";
import { launchPolicy, workgroupSize } from "../gpu/launch-policy.ts";
import {
  type ElementwiseShader,
  type ElementwiseStage,
  elementwiseShader,
  inputName,
  numberName,
  outputName,
  periodName,
  type Source,
} from "../kernels/elementwise/shader.ts";

/** An elementwise dispatch taken apart: its stages, and what each of their operands and outputs is bound to. */
interface FusedElementwise {
  readonly dispatch: Dispatch;
  readonly stages: readonly ElementwiseStage[];
  readonly size: number;
  /** By the names that the shader of these stages gives them. */
  readonly slices: ReadonlyMap<string, BufferSlice>;
  readonly numbers: ReadonlyMap<string, number>;
}

type Entry = Dispatch | FusedElementwise;

const isChain = (entry: Entry | undefined): entry is FusedElementwise => entry !== undefined && "stages" in entry;

/**
 * The tape with chains joined. `isDead` tells whether a buffer's content at the end of the tape is of no interest.
 * The order of all other dispatches stays, and so do the bits: a joined kernel computes what its parts did.
 */
export function fuseElementwise(
  device: Device,
  tape: readonly Dispatch[],
  isDead: (buffer: GpuBuffer) => boolean,
): Dispatch[] {
  const entries: (Entry | undefined)[] = tape.map(toChain);
  for (let j = 0; j < entries.length; j++) {
    for (let joined = true; joined; ) {
      joined = false;
      const consumer = entries[j];
      if (!isChain(consumer)) break;
      for (const [name, slice] of consumer.slices) {
        const i = writerBefore(entries, j, slice);
        const producer = i === undefined ? undefined : entries[i];
        if (!isChain(producer) || !name.startsWith("in_") || !canMove(entries, i as number, j, slice)) continue;
        const keep =
          !isDead(slice.buffer) && !overwrittenLater(entries, j, slice) ? true : readLater(entries, j, slice);
        const chain = join(device, producer, consumer, slice, keep);
        if (!chain) continue;
        entries[j] = chain;
        entries[i as number] = undefined;
        joined = true;
        break;
      }
    }
  }
  return entries
    .filter((entry) => entry !== undefined)
    .map((entry) => (isChain(entry) ? toDispatch(device, entry) : entry));
}

function toChain(dispatch: Dispatch): Entry {
  const { shader } = dispatch.kernel;
  if (!("stages" in shader) || dispatch.refresh) return dispatch;
  const { stages } = shader as ElementwiseShader;
  if (stages.some(({ sources }) => sources.some(({ kind }) => kind === "strided"))) return dispatch;
  const slices = new Map(shader.bindings.map(({ name }, i) => [name, dispatch.slices[i] as BufferSlice]));
  const floats = new Float32Array(dispatch.params.buffer);
  const ints = new Int32Array(dispatch.params.buffer);
  const numbers = new Map(
    shader.params.map(({ name, type, offset }) => {
      const words = type === "f32" ? floats : type === "i32" ? ints : dispatch.params;
      return [name, words[offset / 4] as number];
    }),
  );
  return { dispatch, stages, size: numbers.get("size") as number, slices, numbers };
}

/** What an entry writes and reads. */
function touches(entry: Entry, writes: boolean): BufferSlice[] {
  if (isChain(entry))
    return [...entry.slices].filter(([name]) => name.startsWith("out_") === writes).map(([, slice]) => slice);
  const { bindings } = entry.kernel.shader;
  // A read_write binding may be read as well.
  return entry.slices.filter((_, i) => (writes ? bindings[i]?.access === "read_write" : true));
}

const sameSlice = (a: BufferSlice, b: BufferSlice): boolean =>
  a.buffer === b.buffer && a.offset === b.offset && a.size === b.size;
const overlaps = (a: readonly BufferSlice[], b: readonly BufferSlice[]): boolean =>
  a.some((one) => b.some((other) => one.buffer === other.buffer));

/** The entry that wrote just this slice last before j; undefined if something else wrote to its buffer since. */
function writerBefore(entries: readonly (Entry | undefined)[], j: number, slice: BufferSlice): number | undefined {
  for (let i = j - 1; i >= 0; i--) {
    const entry = entries[i];
    if (!entry) continue;
    const written = touches(entry, true).filter(({ buffer }) => buffer === slice.buffer);
    if (written.length > 0) return written.some((one) => sameSlice(one, slice)) ? i : undefined;
  }
  return undefined;
}

/** Whether entry i may run at place j instead: nothing in between reads what it writes or writes what it reads. */
function canMove(entries: readonly (Entry | undefined)[], i: number, j: number, slice: BufferSlice): boolean {
  const moved = entries[i] as Entry;
  const [reads, writes] = [touches(moved, false), touches(moved, true)];
  for (let k = i + 1; k < j; k++) {
    const entry = entries[k];
    if (entry && (overlaps(touches(entry, true), [...reads, ...writes]) || overlaps(touches(entry, false), writes)))
      return false;
  }
  return slice.size > 0;
}

/** Whether the value in a slice is read after j, before it is overwritten. */
function readLater(entries: readonly (Entry | undefined)[], j: number, slice: BufferSlice): boolean {
  for (let k = j + 1; k < entries.length; k++) {
    const entry = entries[k];
    if (!entry) continue;
    if (overlaps(touches(entry, false), [slice])) return true;
    if (isChain(entry) && touches(entry, true).some((one) => sameSlice(one, slice))) return false;
  }
  return false;
}

function overwrittenLater(entries: readonly (Entry | undefined)[], j: number, slice: BufferSlice): boolean {
  return entries
    .slice(j + 1)
    .some((entry) => isChain(entry) && touches(entry, true).some((one) => sameSlice(one, slice)));
}

/** A product followed by a sum: GPU compilers would contract them to one rounding, and the bits would differ from eager. */
function contracts(device: Device, producer: FusedElementwise, consumer: FusedElementwise): boolean {
  if (!launchPolicy(device).contractsFma) return false;
  const text = (chain: FusedElementwise) => chain.stages.map(({ expression }) => expression.wgsl).join();
  return text(producer).includes("*") && /[+-]/.test(text(consumer));
}

/** Both as one chain, or undefined where that is not possible. `slice` is what the consumer reads of the producer. */
function join(
  device: Device,
  producer: FusedElementwise,
  consumer: FusedElementwise,
  slice: BufferSlice,
  keep: boolean,
): FusedElementwise | undefined {
  const shift = producer.stages.length;
  const source = producer.stages.findIndex((_, s) => sameSlice(producer.slices.get(outputName(s)) ?? NOTHING, slice));
  if (producer.size !== consumer.size || source < 0 || contracts(device, producer, consumer)) return undefined;
  const slices = new Map<string, BufferSlice>();
  const numbers = new Map<string, number>([["size", consumer.size]]);
  const copyParts = (chain: FusedElementwise, s: number, to: number, sources: readonly Source[]) => {
    sources.forEach((one, i) => {
      if ("type" in one) slices.set(inputName(to, i), chain.slices.get(inputName(s, i)) as BufferSlice);
      for (const name of [numberName, periodName]) {
        const value = chain.numbers.get(name(s, i));
        if (value !== undefined && one.kind !== "stage") numbers.set(name(to, i), value);
      }
    });
    const output = chain.slices.get(outputName(s));
    if (output) slices.set(outputName(to), output);
  };
  const first = producer.stages.map((stage, s) => ({ ...stage, stored: stage.stored && (keep || s !== source) }));
  let isWhole = true;
  const second = consumer.stages.map(
    (stage, s): ElementwiseStage => ({
      ...stage,
      sources: stage.sources.map((one, i): Source => {
        if (one.kind === "stage") return { kind: "stage", stage: one.stage + shift };
        const read = consumer.slices.get(inputName(s, i));
        if (!read || !sameSlice(read, slice)) return one;
        // A stage gives each element to the same place; a single one is also the operand of kind "one".
        isWhole &&= one.kind === "dense" || consumer.size === 1;
        return { kind: "stage", stage: source };
      }),
    }),
  );
  if (!isWhole) return undefined;
  for (const [s, stage] of first.entries()) copyParts(producer, s, s, stage.sources);
  for (const [s, stage] of second.entries()) copyParts(consumer, s, s + shift, stage.sources);
  if (!keep) slices.delete(outputName(source));
  const chain = { dispatch: consumer.dispatch, stages: [...first, ...second], size: consumer.size, slices, numbers };
  return fits(device, chain) ? chain : undefined;
}

const NOTHING = { buffer: undefined, offset: -1, size: -1 } as unknown as BufferSlice;

/** Within the limit of bindings, and with no buffer both read and written. */
function fits(device: Device, chain: FusedElementwise): boolean {
  return (
    chain.slices.size <= device.limits.maxStorageBuffersPerShaderStage &&
    !overlaps(touches(chain, false), touches(chain, true))
  );
}

function toDispatch(device: Device, chain: FusedElementwise): Dispatch {
  const { shader: original } = chain.dispatch.kernel;
  const shader = elementwiseShader(chain.stages);
  if (shader === original) return chain.dispatch;
  const kernel = device.kernelOf(shader, { WORKGROUP: workgroupSize(device) });
  const args = Object.fromEntries([...chain.slices, ...chain.numbers]);
  const params = new Uint32Array(Math.ceil(shader.paramsBytes / 4));
  kernel.pack(args, { u32: params, i32: new Int32Array(params.buffer), f32: new Float32Array(params.buffer) }, 0);
  return { kernel, slices: kernel.slices(args), params, groups: chain.dispatch.groups, refresh: undefined };
}
