/**
 * Joins elementwise dispatches of a recorded tape: where one reads what an earlier one wrote, both become one kernel,
 * and a value that nothing else reads is never written to memory.
 */

import type { BufferSlice, GpuBuffer } from "../gpu/buffer-pool.ts";
import type { Dispatch } from "../gpu/command-recorder.ts";
import type { Device } from "../gpu/device.ts";
import { workgroupSize } from "../gpu/launch-policy.ts";
import {
  type ElementwiseShader,
  type ElementwiseStage,
  elementwiseShader,
  inputName,
  numberName,
  outputName,
  periodName,
  type Source,
  zeroName,
} from "../kernels/elementwise/shader.ts";
import { FutureAccesses, PastAccesses, sameSlice, type Touches } from "./accesses.ts";

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

/** Stages of one kernel at most: longer ones take longer to compile than they save. */
const MAX_STAGES = 16;

/** Buffers bound to one kernel at most. */
const MAX_BUFFERS = 16;

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
  const past = new PastAccesses((at) => entries[at] === undefined);
  const future = new FutureAccesses();
  entries.forEach((entry, at) => {
    if (entry) future.add(at, touchesOf(entry), isChain(entry));
  });
  /** Takes a producer of what entry j reads into it, if there is one. */
  const joinOne = (j: number, consumer: FusedElementwise): FusedElementwise | undefined => {
    for (const slice of touchesOf(consumer).reads) {
      const i = past.writerOf(slice);
      const producer = i === undefined ? undefined : entries[i];
      if (i === undefined || !isChain(producer) || !past.canMove(i, touchesOf(producer))) continue;
      const chain = join(device, producer, consumer, (value) => future.needs(value, j, !isDead(value.buffer)));
      if (!chain) continue;
      entries[i] = undefined;
      return chain;
    }
    return undefined;
  };
  for (let j = 0; j < entries.length; j++) {
    const entry = entries[j] as Entry;
    for (let chain = isChain(entry) ? entry : undefined; chain; chain = joinOne(j, chain)) entries[j] = chain;
    past.add(j, touchesOf(entries[j] as Entry));
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

/** What an entry reads and writes. */
function touchesOf(entry: Entry): Touches {
  if (isChain(entry)) {
    const all = [...entry.slices];
    const isOutput = ([name]: readonly [string, BufferSlice]) => name.startsWith("out_");
    return {
      reads: all.filter((one) => !isOutput(one)).map(([, slice]) => slice),
      writes: all.filter(isOutput).map(([, slice]) => slice),
    };
  }
  const { bindings } = entry.kernel.shader;
  // A read_write binding may be read as well.
  return { reads: entry.slices, writes: entry.slices.filter((_, i) => bindings[i]?.access === "read_write") };
}

/**
 * Both as one chain, or undefined where that is not possible. `needs` tells whether what a slice holds is needed once
 * the consumer has run.
 */
function join(
  device: Device,
  producer: FusedElementwise,
  consumer: FusedElementwise,
  needs: (slice: BufferSlice) => boolean,
): FusedElementwise | undefined {
  const shift = producer.stages.length;
  if (producer.size !== consumer.size || shift + consumer.stages.length > MAX_STAGES) return undefined;
  const taken = stagesTaken(producer, consumer);
  if (!taken) return undefined;
  const slices = new Map<string, BufferSlice>();
  const numbers = new Map<string, number>([["size", consumer.size]]);
  const add = (chain: FusedElementwise, s: number, to: number, stage: ElementwiseStage): ElementwiseStage => {
    stage.sources.forEach((one, i) => {
      if ("type" in one) slices.set(inputName(to, i), chain.slices.get(inputName(s, i)) as BufferSlice);
      for (const name of [numberName, periodName]) {
        const value = chain.numbers.get(name(s, i));
        if (value !== undefined && one.kind !== "stage") numbers.set(name(to, i), value);
      }
    });
    if (stage.stored) slices.set(outputName(to), chain.slices.get(outputName(s)) as BufferSlice);
    return stage;
  };
  const consumed = new Set(taken.values());
  const first = producer.stages.map((stage, s) => {
    const stored = stage.stored && (!consumed.has(s) || needs(producer.slices.get(outputName(s)) as BufferSlice));
    return add(producer, s, s, { ...stage, stored });
  });
  const second = consumer.stages.map((stage, s) => {
    const sources = stage.sources.map((one, i): Source => {
      if (one.kind === "stage") return { kind: "stage", stage: one.stage + shift };
      const from = taken.get(inputName(s, i));
      return from === undefined ? one : { kind: "stage", stage: from };
    });
    return add(consumer, s, s + shift, { ...stage, sources });
  });
  const chain = { dispatch: consumer.dispatch, stages: [...first, ...second], size: consumer.size, slices, numbers };
  return fits(device, chain) ? chain : undefined;
}

/**
 * Which of the consumer's inputs are values of the producer's stages, by name; undefined where it reads what the producer
 * wrote in another way than each element at its own index.
 */
function stagesTaken(producer: FusedElementwise, consumer: FusedElementwise): Map<string, number> | undefined {
  const taken = new Map<string, number>();
  const written = producer.stages.map((_, s) => producer.slices.get(outputName(s)));
  for (const [s, { sources }] of consumer.stages.entries()) {
    for (const [i, { kind }] of sources.entries()) {
      const read = consumer.slices.get(inputName(s, i));
      if (!read || !written.some((slice) => slice?.buffer === read.buffer)) continue;
      const from = written.findIndex((slice) => slice && sameSlice(slice, read));
      // A single element is its own index however it is read.
      if (from < 0 || (kind !== "dense" && consumer.size !== 1)) return undefined;
      taken.set(inputName(s, i), from);
    }
  }
  return taken;
}

/** Within the limits of bindings, and with no buffer both read and written, nor a word written twice. */
function fits(device: Device, chain: FusedElementwise): boolean {
  const { reads, writes } = touchesOf(chain);
  return (
    chain.slices.size <= Math.min(device.limits.maxStorageBuffersPerShaderStage, MAX_BUFFERS) &&
    !reads.some((read) => writes.some((write) => read.buffer === write.buffer)) &&
    !writes.some((one, i) => writes.some((other, j) => i < j && overlap(one, other)))
  );
}

const overlap = (a: BufferSlice, b: BufferSlice): boolean =>
  a.buffer === b.buffer && a.offset < b.offset + b.size && b.offset < a.offset + a.size;

/** Args for the params that are 0. */
const ZEROS = Object.fromEntries([0, 1, 2, 3].map((operand) => [zeroName(operand), 0]));

function toDispatch(device: Device, chain: FusedElementwise): Dispatch {
  const { shader: original } = chain.dispatch.kernel;
  const shader = elementwiseShader(chain.stages);
  if (shader === original) return chain.dispatch;
  const kernel = device.kernelOf(shader, { WORKGROUP: workgroupSize(device) });
  const args = { ...ZEROS, ...Object.fromEntries([...chain.slices, ...chain.numbers]) };
  const params = new Uint32Array(Math.ceil(shader.paramsBytes / 4));
  kernel.pack(args, { u32: params, i32: new Int32Array(params.buffer), f32: new Float32Array(params.buffer) }, 0);
  return { kernel, slices: kernel.slices(args), params, groups: chain.dispatch.groups, refresh: undefined };
}
