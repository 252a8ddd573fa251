/** The debug option of captures: after each replay the same step runs eagerly from the same state, and bits are compared. */
import { withOwnReleaseQueue } from "../autograd/release-queue.ts";
import { CaptureError } from "../errors.ts";
import type { BufferSlice, GpuBuffer } from "../gpu/buffer-pool.ts";
import type { Device } from "../gpu/device.ts";
import { defineDeviceAssert } from "../gpu/device-asserts.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { compare_bits } from "../gpu/shaders.generated.ts";
import { contiguous } from "../tensor/copy.ts";
import { scope, tensorsIn } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { RecordedTape } from "./tape.ts";

const differs = defineDeviceAssert(
  (place) => `capture: a replay differs from an eager run, first seen at word ${place} of a buffer`,
  CaptureError,
);

const whole = (buffer: GpuBuffer): BufferSlice => ({ buffer, offset: 0, size: buffer.bytes });

/**
 * Replays, then runs `eager` from the state before and compares: the outputs, and every buffer that the step wrote and
 * that outlives it. A difference is thrown as a CaptureError by the next read.
 */
export function replayChecked(device: Device, tape: RecordedTape, replay: () => unknown, eager: () => unknown): void {
  const written = [...tape.written].filter((buffer) => buffer !== device.faults.binding.buffer);
  const grads = [...tape.gradLeaves].map((leaf) => [leaf, leaf.grad] as const);
  const before = written.map((buffer) => copyOf(device, buffer));
  const outputs = tensorsIn(replay()) as Tensor[];
  const after = written.map((buffer) => copyOf(device, buffer));
  tape.undo();
  written.forEach((buffer, i) => {
    copy(device, before[i] as GpuBuffer, buffer);
  });
  for (const [leaf, gradient] of grads) leaf.grad = gradient;
  scope(() => {
    const repeated = withOwnReleaseQueue(device, eager, tensorsIn);
    for (const [i, one] of (tensorsIn(repeated) as Tensor[]).entries()) {
      compare(device, contiguous(one).binding, contiguous(outputs[i] as Tensor).binding, one.size * 4);
    }
  });
  written.forEach((buffer, i) => {
    compare(device, whole(buffer), whole(after[i] as GpuBuffer), buffer.bytes);
  });
  for (const buffer of [...before, ...after]) device.pool.release(buffer);
}

function copyOf(device: Device, buffer: GpuBuffer): GpuBuffer {
  const twin = device.pool.acquire(buffer.bytes, () => "capture check");
  copy(device, buffer, twin);
  return twin;
}

function copy(device: Device, source: GpuBuffer, destination: GpuBuffer): void {
  device.recorder.copy(whole(source), whole(destination), source.bytes);
}

function compare(device: Device, first: BufferSlice, second: BufferSlice, bytes: number): void {
  const words = Math.floor(bytes / 4);
  const faults = device.faults.binding;
  device.run(compare_bits, { first, second, faults, words, code: differs }, strideGroups(device, words));
}
