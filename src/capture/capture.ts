/** capture(fn): records what a function does on the GPU and replays it with almost no work on the CPU. */
import { isAutocast, isGradEnabled } from "../autograd/modes.ts";
import { withOwnReleaseQueue } from "../autograd/release-queue.ts";
import { ArgumentError, CaptureError, check, checkKeys, checkNumber, expected } from "../errors.ts";
import type { BufferPool } from "../gpu/buffer-pool.ts";
import { currentDevice } from "../gpu/default-device.ts";
import type { Device } from "../gpu/device.ts";
import { contiguous, copyInto } from "../tensor/copy.ts";
import { keep, scopeKeeping, tensorsIn } from "../tensor/scope.ts";
import { layout } from "../tensor/storage.ts";
import { empty, requiresGradEpoch, Tensor } from "../tensor/tensor.ts";
import { replayChecked } from "./check.ts";
import { RecordedTape } from "./tape.ts";

export interface CaptureOptions {
  /** How many recordings (one per shapes of the inputs and state of the modules) are kept; the oldest is freed. Default 8. */
  maxRecordings?: number;
  /** For debugging: runs every replayed step eagerly as well and compares all bits. Slow. Default false. */
  check?: boolean;
}

/** A captured function; `dispose()` frees its recordings. */
export interface Captured<A extends unknown[], R> {
  (...args: A): R;
  /** Recordings held now. */
  readonly recordings: number;
  dispose(): void;
}

interface Recording {
  readonly key: string;
  readonly tape: RecordedTape;
  readonly pool: BufferPool;
  readonly bound: readonly Tensor[];
  readonly result: unknown;
  readonly device: Device;
  /** Places of storage, and which tensors want gradients, at the time of recording. */
  readonly layoutEpoch: number;
  readonly freezingEpoch: number;
}

/**
 * A function that records all that `fn` does on the GPU on its first call per input shapes, and replays it afterwards:
 * one submit, no other work than writing the commands. A whole training step may be captured. Replays equal eager runs
 * bit for bit. What `fn` returns is overwritten by the next call. `fn` must not read values; other arguments than
 * tensors count as constants.
 */
export function capture<A extends Tensor[], R>(fn: (...args: A) => R, options?: CaptureOptions): Captured<A, R>;
export function capture<A extends unknown[], R>(fn: (...args: A) => R, options?: CaptureOptions): Captured<A, R>;
export function capture<A extends unknown[], R>(fn: (...args: A) => R, options: CaptureOptions = {}): Captured<A, R> {
  check(typeof fn === "function", ArgumentError, () => expected("capture", "fn", "a function", fn));
  checkKeys("capture", options, ["maxRecordings", "check"]);
  const { maxRecordings = 8, check: checked = false } = options;
  checkNumber("capture", "maxRecordings", maxRecordings, 1);
  let recordings: Recording[] = [];
  const captured = (...args: A): R => {
    const inputs = tensorsIn(args) as Tensor[];
    for (const input of inputs) checkInput(input);
    const key = keyOf(args);
    const found = recordings.find((one) => one.key === key && one.tape.guardsPass());
    if (found && found.layoutEpoch === layout.epoch && found.freezingEpoch === requiresGradEpoch.epoch) {
      check(
        !found.device.recorder.tape,
        CaptureError,
        () => "capture: a captured function was called inside another; capture the outer one alone",
      );
      if (checked)
        replayChecked(
          found.device,
          found.tape,
          () => replay(found, inputs),
          () => fn(...args),
        );
      else replay(found, inputs);
      return found.result as R;
    }
    recordings = makeRoom(
      recordings.filter((one) => one !== found || free(one)),
      maxRecordings - 1,
    );
    const recording = record(fn as (...args: unknown[]) => unknown, args, inputs, key);
    recordings.push(recording);
    return recording.result as R;
  };
  const dispose = () => {
    recordings = makeRoom(recordings, 0);
  };
  Object.defineProperty(captured, "recordings", { get: () => recordings.length });
  return Object.assign(captured, { dispose }) as unknown as Captured<A, R>;
}

function checkInput(input: Tensor): void {
  input.assertLive("capture");
  check(
    !input.requiresGrad,
    CaptureError,
    () =>
      "capture: an input with requiresGrad is copied, so no gradient would reach it; let fn refer to parameters directly",
  );
}

/** What a recording is valid for: shapes and dtypes of tensors, values of everything else, and the modes it was made in. */
function keyOf(args: readonly unknown[]): string {
  const part = (value: unknown): string => {
    if (value instanceof Tensor) return `${value.dtype}[${value.shape}]`;
    if (Array.isArray(value)) return `(${value.map(part).join(",")})`;
    if (typeof value === "object" && value !== null)
      return `{${Object.entries(value)
        .map(([name, one]) => `${name}:${part(one)}`)
        .join(",")}}`;
    return `${typeof value}:${String(value)}`;
  };
  return `${args.map(part).join(";")};${isGradEnabled()};${isAutocast()}`;
}

function record(
  fn: (...args: unknown[]) => unknown,
  args: readonly unknown[],
  inputs: readonly Tensor[],
  key: string,
): Recording {
  const device = deviceOf(inputs);
  check(
    !device.recorder.tape,
    CaptureError,
    () => "capture: a captured function was called inside another; capture the outer one alone",
  );
  const pool = device.pool.child();
  const outer = device.pool;
  const tape = new RecordedTape(device, pool);
  const [layoutEpoch, freezingEpoch] = [layout.epoch, requiresGradEpoch.epoch];
  device.pool = pool;
  try {
    const bound = inputs.map((input) => bind(device, input));
    device.recorder.tape = tape;
    const result = withOwnReleaseQueue(
      device,
      () =>
        scopeKeeping(
          () => fn(...substitute(args, inputs, bound)),
          () => [],
        ),
      tensorsIn,
    );
    check(!(result instanceof Promise), CaptureError, () => "capture: fn must not be async; read values outside of it");
    device.recorder.tape = undefined;
    for (const output of tensorsIn(result) as Tensor[]) keep(output);
    device.pool = outer;
    tape.finish();
    check(
      layout.epoch === layoutEpoch,
      CaptureError,
      () => "capture: an optimizer was made inside the captured function; make it outside",
    );
    return { key, tape, pool, bound, result, device, layoutEpoch, freezingEpoch };
  } catch (error) {
    tape.free();
    pool.drain();
    throw error;
  } finally {
    device.recorder.tape = undefined;
    device.pool = outer;
  }
}

function deviceOf(inputs: readonly Tensor[]): Device {
  return inputs[0]?.device ?? currentDevice();
}

/** The capture's own copy of an input; replays copy into it. */
function bind(device: Device, input: Tensor): Tensor {
  const bound = keep(empty(device, input.shape, input.dtype));
  copyInto(bound, input);
  return bound;
}

/** The arguments with bound tensors in place of the inputs. */
function substitute(args: readonly unknown[], inputs: readonly Tensor[], bound: readonly Tensor[]): unknown[] {
  const swap = (value: unknown): unknown => {
    if (value instanceof Tensor) return bound[inputs.indexOf(value)];
    if (Array.isArray(value)) return value.map(swap);
    if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, swap(one)]));
    }
    return value;
  };
  return args.map(swap);
}

function replay(recording: Recording, inputs: readonly Tensor[]): unknown {
  const dense = inputs.map((input) => contiguous(input));
  recording.tape.replay(dense, recording.bound);
  dense.forEach((one, i) => {
    if (one !== inputs[i]) one.dispose();
  });
  return recording.result;
}

/** Frees the oldest recordings until at most `most` are left. */
function makeRoom(recordings: Recording[], most: number): Recording[] {
  while (recordings.length > most) free(recordings.shift() as Recording);
  return recordings;
}

function free({ tape, pool, bound, result, device }: Recording): false {
  device.recorder.flush();
  const outputs = (tensorsIn(result) as Tensor[]).filter((one) => !one.disposed && one.storage.buffer.pool === pool);
  for (const tensor of [...bound, ...outputs]) {
    tensor.freedBy = "the capture that it belongs to freed its recording";
    tensor.dispose();
  }
  tape.free();
  pool.drain();
  return false;
}
