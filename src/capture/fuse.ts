/**
 * Fuses elementwise dispatches of a recorded tape: where one reads what an earlier one wrote, both become one kernel,
 * and a value that nothing else reads is never written to memory. Slices and param words are moved as they are.
 */

import type { BufferSlice, GpuBuffer } from "../gpu/buffer-pool.ts";
import type { Dispatch } from "../gpu/command-recorder.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { workgroupSize } from "../gpu/launch-policy.ts";
import {
  type ElementwiseStage,
  elementwiseShader,
  fusableStages,
  type Source,
  takesParam,
} from "../kernels/elementwise/shader.ts";
import { FutureAccesses, PastAccesses, sameSlice, type Touches } from "./accesses.ts";

/** An operand with what it takes of the dispatch: a slice, a param's word, both or (a stage's value) neither. */
interface BoundOperand {
  readonly source: Source;
  readonly slice: BufferSlice | undefined;
  readonly word: number | undefined;
}

interface BoundStage {
  readonly expression: ElementwiseStage["expression"];
  readonly operands: readonly BoundOperand[];
  /** Undefined for a value that is not written to memory. */
  readonly output: BufferSlice | undefined;
}

/** Stages that run as one kernel, and all that they read and write. */
interface FusedElementwise extends Touches {
  readonly dispatch: Dispatch;
  readonly stages: readonly BoundStage[];
  readonly size: number;
}

type Entry = Dispatch | FusedElementwise;

const isFusable = (entry: Entry | undefined): entry is FusedElementwise => entry !== undefined && "stages" in entry;

/** Stages of one kernel at most: longer ones take longer to compile than they save. */
const MAX_STAGES = 16;

/** Buffers bound to one kernel at most. */
const MAX_BUFFERS = 16;

/**
 * The tape with elementwise dispatches fused. `isDead` returns true for a buffer whose content at the end of the tape is
 * of no interest. The order of all other dispatches stays, and so do the bits: a fused kernel computes what its parts did.
 */
export function fuseElementwise(
  device: Device,
  tape: readonly Dispatch[],
  isDead: (buffer: GpuBuffer) => boolean,
): Dispatch[] {
  const entries: (Entry | undefined)[] = tape.map(toFused);
  const past = new PastAccesses((at) => entries[at] === undefined);
  const future = new FutureAccesses();
  entries.forEach((entry, at) => {
    if (entry) future.add(at, touchesOf(entry), isFusable(entry));
  });
  /** Takes a producer of what entry j reads into it, if there is one. */
  const fuseOne = (j: number, consumer: FusedElementwise): FusedElementwise | undefined => {
    for (const slice of consumer.reads) {
      const i = past.writerOf(slice);
      const producer = i === undefined ? undefined : entries[i];
      if (i === undefined || !isFusable(producer) || !past.canMove(i, producer)) continue;
      const fused = fuse(device, producer, consumer, (value) => future.needs(value, j, !isDead(value.buffer)));
      if (!fused) continue;
      entries[i] = undefined;
      return fused;
    }
    return undefined;
  };
  for (let j = 0; j < entries.length; j++) {
    const entry = entries[j] as Entry;
    for (let fused = isFusable(entry) ? entry : undefined; fused; fused = fuseOne(j, fused)) entries[j] = fused;
    past.add(j, touchesOf(entries[j] as Entry));
  }
  return entries
    .filter((entry) => entry !== undefined)
    .map((entry) => (isFusable(entry) ? toDispatch(device, entry) : entry));
}

/** An elementwise dispatch as its stages, with slices and words in the order of the shader; any other as it is. */
function toFused(dispatch: Dispatch): Entry {
  const stages = dispatch.refresh ? undefined : fusableStages(dispatch.kernel.shader);
  if (!stages) return dispatch;
  const slices = dispatch.slices.values();
  const [size = 0, ...rest] = dispatch.params;
  const words = rest.values();
  const bound = stages.map(({ expression, sources, stored }): BoundStage => {
    const operands = sources.map((source) => ({
      source,
      slice: "type" in source ? slices.next().value : undefined,
      word: takesParam(source) ? words.next().value : undefined,
    }));
    return { expression, operands, output: stored ? slices.next().value : undefined };
  });
  return fusedOf(dispatch, bound, size);
}

function fusedOf(dispatch: Dispatch, stages: readonly BoundStage[], size: number): FusedElementwise {
  const reads = stages.flatMap(({ operands }) => operands.flatMap(({ slice }) => slice ?? []));
  return { dispatch, stages, size, reads, writes: stages.flatMap(({ output }) => output ?? []) };
}

function touchesOf(entry: Entry): Touches {
  if (isFusable(entry)) return entry;
  const { bindings } = entry.kernel.shader;
  // A read_write binding may be read as well.
  return { reads: entry.slices, writes: entry.slices.filter((_, i) => bindings[i]?.access === "read_write") };
}

/**
 * Both as one kernel, or undefined where that is not possible. `needs` returns true where what a slice holds is needed
 * once the consumer has run.
 */
function fuse(
  device: Device,
  producer: FusedElementwise,
  consumer: FusedElementwise,
  needs: (slice: BufferSlice) => boolean,
): FusedElementwise | undefined {
  const shift = producer.stages.length;
  if (producer.size !== consumer.size || shift + consumer.stages.length > MAX_STAGES) return undefined;
  const consumed = consumedStages(producer, consumer);
  if (!consumed) return undefined;
  const taken = new Set(consumed.values());
  const first = producer.stages.map((stage, s): BoundStage => {
    const isStored = stage.output && (!taken.has(s) || needs(stage.output));
    return { ...stage, output: isStored ? stage.output : undefined };
  });
  const second = consumer.stages.map((stage): BoundStage => {
    const operands = stage.operands.map((operand): BoundOperand => {
      const { source } = operand;
      const from = source.kind === "stage" ? source.stage + shift : consumed.get(operand);
      if (from === undefined) return operand;
      return { source: { kind: "stage", stage: from }, slice: undefined, word: undefined };
    });
    return { ...stage, operands };
  });
  const fused = fusedOf(consumer.dispatch, [...first, ...second], consumer.size);
  return fits(device, fused) ? fused : undefined;
}

/**
 * The consumer's operands that are values of the producer's stages, with the stage; undefined where it reads what the
 * producer wrote in another way than each element at its own index.
 */
function consumedStages(producer: FusedElementwise, consumer: FusedElementwise): Map<BoundOperand, number> | undefined {
  const consumed = new Map<BoundOperand, number>();
  for (const operand of consumer.stages.flatMap(({ operands }) => operands)) {
    const { slice: read, source } = operand;
    if (!read || !producer.writes.some(({ buffer }) => buffer === read.buffer)) continue;
    const from = producer.stages.findIndex(({ output }) => output && sameSlice(output, read));
    // A single element is its own index however it is read.
    if (from < 0 || (source.kind !== "dense" && consumer.size !== 1)) return undefined;
    consumed.set(operand, from);
  }
  return consumed;
}

/** Returns true within the limits of bindings, with no buffer both read and written, nor a word written twice. */
function fits(device: Device, { reads, writes }: FusedElementwise): boolean {
  return (
    reads.length + writes.length <= Math.min(device.limits.maxStorageBuffersPerShaderStage, MAX_BUFFERS) &&
    !reads.some((read) => writes.some((write) => read.buffer === write.buffer)) &&
    !writes.some((one, i) => writes.some((other, j) => i < j && overlap(one, other)))
  );
}

const overlap = (a: BufferSlice, b: BufferSlice): boolean =>
  a.buffer === b.buffer && a.offset < b.offset + b.size && b.offset < a.offset + a.size;

function toDispatch(device: Device, { dispatch, stages, size }: FusedElementwise): Dispatch {
  const plain = stages.map(({ expression, operands, output }): ElementwiseStage => {
    return { expression, sources: operands.map(({ source }) => source), stored: output !== undefined };
  });
  const shader = elementwiseShader(plain);
  if (shader === dispatch.kernel.shader) return dispatch;
  const kernel = runtimeOf(device).kernelOf(shader, { WORKGROUP: workgroupSize(device) });
  const slices = stages.flatMap(({ operands, output }) => [...operands.map(({ slice }) => slice), output]);
  // The params behind these words are zeros.
  const params = new Uint32Array(Math.ceil(shader.paramsBytes / 4));
  params.set([size, ...stages.flatMap(({ operands }) => operands.flatMap(({ word }) => word ?? []))]);
  return { ...dispatch, kernel, slices: slices.filter((slice) => slice !== undefined), params };
}
