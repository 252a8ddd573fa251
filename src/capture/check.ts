/** The debug option of captures: after each replay the same step runs eagerly from the same state, and bits are compared. */

import { CaptureError, check, show } from "../errors.ts";
import type { BufferSlice, GpuBuffer } from "../gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { defineDeviceAssert } from "../gpu/device-asserts.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { compare_bits } from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { contiguous } from "../tensor/copy.ts";
import { withOwnReleaseQueue } from "../tensor/release-queue.ts";
import { scope } from "../tensor/scope.ts";
import { bytesOf } from "../tensor/storage.ts";
import { gradOf, putGrad, storageOf, Tensor } from "../tensor/tensor.ts";
import { outputsIn } from "./outputs.ts";
import { partsOf } from "./plain.ts";
import type { RecordedTape } from "./tape.ts";

/** A range of compared words with what lies there; the last one that contains a word names it. */
interface Named {
  readonly from: number;
  readonly to: number;
  readonly name: string;
}

/** The compared contents by the number that the kernel is given, each kind once. */
const subjects: { readonly ranges: readonly Named[]; readonly writer: string }[] = [];
const numbers = new Map<string, number>();

function subjectOf(ranges: readonly Named[], writer: string): number {
  const key = JSON.stringify([ranges, writer]);
  const known = numbers.get(key) ?? subjects.push({ ranges, writer }) - 1;
  numbers.set(key, known);
  return known;
}

const differs = defineDeviceAssert((word, number) => {
  const subject = subjects[number];
  const { name, from } = subject?.ranges.findLast((one) => word >= one.from && word < one.to) ?? { name: "", from: 0 };
  return (
    `capture: a replay differs from an eager run in ${name}, made by '${subject?.writer}', first seen at word ${word - from}; ` +
    "fn reads something that changes between calls: pass it as an argument, or keep it in a tensor, a module or an optimizer's schedule"
  );
}, CaptureError);

const whole = (buffer: GpuBuffer): BufferSlice => ({ buffer, offset: 0, size: buffer.bytes });

/**
 * Replays, then runs `eager` from the state before and compares: the outputs, and every buffer that the step wrote and
 * that outlives it. A difference is thrown as a CaptureError by the next read. `origins` are the operations that made the
 * outputs, by path.
 */
export function replayChecked(
  device: Device,
  tape: RecordedTape,
  replay: () => unknown,
  eager: () => unknown,
  origins: ReadonlyMap<string, string>,
): unknown {
  const written = tape.written.filter((buffer) => buffer !== runtimeOf(device).faults.binding.buffer);
  const grads = [...tape.gradLeaves].map((leaf) => [leaf, gradOf(leaf)] as const);
  const before = written.map((buffer) => copyOf(device, buffer));
  const result = replay();
  const after = written.map((buffer) => copyOf(device, buffer));
  tape.undo();
  written.forEach((buffer, i) => {
    copy(device, before[i] as GpuBuffer, buffer);
  });
  for (const [leaf, gradient] of grads) putGrad(leaf, gradient);
  try {
    scope(() => {
      const repeated = withOwnReleaseQueue(device, eager, (value) => [...outputsIn(value, NONE).keys()]);
      compareHost(result, repeated, "result");
      compareOutputs(device, result, repeated, origins);
    });
    written.forEach((buffer, i) => {
      const subject = subjectOf(rangesOf(tape, buffer), tape.writerOf(buffer) as string);
      compare(device, whole(buffer), whole(after[i] as GpuBuffer), buffer.bytes, subject);
    });
  } finally {
    for (const buffer of [...before, ...after]) runtimeOf(device).pool.release(buffer);
  }
  return result;
}

const NONE: ReadonlySet<unknown> = new Set();

function compareOutputs(
  device: Device,
  replayed: unknown,
  repeated: unknown,
  origins: ReadonlyMap<string, string>,
): void {
  const outputs = new Map([...outputsIn(replayed, NONE)].map(([tensor, path]) => [path, tensor]));
  for (const [tensor, path] of outputsIn(repeated, NONE)) {
    const output = outputs.get(path);
    if (!output || output === tensor || tensor.size === 0) continue;
    const subject = subjectOf([{ from: 0, to: Number.POSITIVE_INFINITY, name: path }], origins.get(path) ?? "");
    const [first, second] = [contiguous(tensor), contiguous(output)];
    compare(device, bindingOf(first), bindingOf(second), tensor.size * bytesOf(tensor.dtype), subject);
    if (second !== output) second.dispose();
  }
}

/** Throws where two results differ in what is no tensor, or in the shape of one. */
function compareHost(replayed: unknown, repeated: unknown, path: string): void {
  const refuse = () => {
    const [now, then] = [show(repeated), show(replayed)];
    return `capture: a replay differs from an eager run in ${path}: ${then} was recorded, now it is ${now}; return tensors for what changes between calls`;
  };
  if (replayed instanceof Tensor && repeated instanceof Tensor) {
    check(`${replayed}` === `${repeated}` || `${replayed.shape}` === `${repeated.shape}`, CaptureError, refuse);
    return;
  }
  const [first, second] = [partsOf(replayed), partsOf(repeated)];
  if (!first || !second) {
    check(Object.is(replayed, repeated) || (isOpaque(replayed) && isOpaque(repeated)), CaptureError, refuse);
    return;
  }
  check(first.length === second.length, CaptureError, refuse);
  first.forEach(([step, part], i) => {
    compareHost(part, second[i]?.[1], path + step);
  });
}

/** Functions and instances of classes, which are made anew in each run. */
const isOpaque = (value: unknown): boolean =>
  typeof value === "function" || (typeof value === "object" && value !== null);

/** The parameters and gradients that lie in a buffer, in words. */
function rangesOf(tape: RecordedTape, buffer: GpuBuffer): Named[] {
  const ranges: Named[] = [{ from: 0, to: buffer.bytes / 4, name: `a buffer of ${buffer.bytes} bytes` }];
  const add = (tensor: Tensor | null, what: string, label: string) => {
    if (!tensor || tensor.disposed || storageOf(tensor).buffer !== buffer) return;
    const { offset, size } = storageOf(tensor).slice(
      tensor.offset * bytesOf(tensor.dtype),
      tensor.size * bytesOf(tensor.dtype),
    );
    ranges.push({ from: offset / 4, to: (offset + size) / 4, name: what + label });
  };
  for (const leaf of tape.gradLeaves) {
    const label = leaf.label ? `'${leaf.label}'` : `of shape [${leaf.shape}]`;
    add(leaf, "parameter ", label);
    add(leaf.grad, "the gradient of parameter ", label);
  }
  return ranges;
}

function copyOf(device: Device, buffer: GpuBuffer): GpuBuffer {
  const duplicate = runtimeOf(device).pool.acquire(buffer.bytes, () => "capture check");
  copy(device, buffer, duplicate);
  return duplicate;
}

function copy(device: Device, source: GpuBuffer, destination: GpuBuffer): void {
  runtimeOf(device).recorder.copy(whole(source), whole(destination), source.bytes);
}

function compare(device: Device, first: BufferSlice, second: BufferSlice, bytes: number, subject: number): void {
  const words = Math.floor(bytes / 4);
  const faults = runtimeOf(device).faults.binding;
  runtimeOf(device).run(
    compare_bits,
    { first, second, faults, words, code: differs, subject },
    strideGroups(device, words),
  );
}
