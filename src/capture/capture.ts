/** capture(fn): records what a function does on the GPU and replays it with almost no work on the CPU. */
import { isAutocast, isGradEnabled } from "../autograd/modes.ts";
import { ArgumentError, CaptureError, check, expected } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import type { Shape } from "../tensor/shape.ts";
import { assertReadable, Tensor } from "../tensor/tensor.ts";
import { GivenShapes, type HostArray } from "./host-arrays.ts";
import type { Input } from "./inputs.ts";
import { KeyWriter } from "./key.ts";
import { type Call, Recording } from "./recording.ts";
import { Recordings } from "./recordings.ts";
import { CaptureTuning } from "./tuning.ts";

export type { HostArray } from "./host-arrays.ts";

export interface CaptureOptions {
  /** Recordings kept at most, one per key of the arguments and state of the modules; the least recently used is freed. Default 8. */
  maxRecordings?: number;
  /** For debugging: runs every replayed step eagerly as well and compares all bits. Slow. Default false. */
  check?: boolean;
  /** Shapes of bare typed arrays, by argument; a single -1 in each is what the length leaves. Default: one dim. */
  shapes?: readonly (Shape | undefined)[];
}

/** An argument as a captured function takes it: host arrays in place of tensors too. */
export type Capturable<T> = T extends Tensor
  ? T | HostArray
  : T extends readonly unknown[]
    ? { [K in keyof T]: Capturable<T[K]> }
    : T;

/** A captured function; `dispose()` frees its recordings. */
export interface Captured<A extends unknown[], R> {
  (...args: { [K in keyof A]: Capturable<A[K]> }): R;
  /** Recordings held now. */
  readonly recordings: number;
  dispose(): void;
}

/**
 * A function that records all that `fn` does on the GPU on its first call per key of the arguments, and replays it
 * afterwards: one submit, no other work than writing the commands. A whole training step may be captured. Replays equal
 * eager runs bit for bit.
 *
 * The key: shapes and dtypes of tensors and host arrays and which of them are the same; the values of plain data; which
 * function, module or optimizer it is. Outputs of up to 64 KiB are tensors of their own at each call; larger ones are
 * overwritten by the next call. `fn` must not read values.
 */
export function capture<A extends Tensor[], R>(fn: (...args: A) => R, options?: CaptureOptions): Captured<A, R>;
export function capture<A extends unknown[], R>(fn: (...args: A) => R, options?: CaptureOptions): Captured<A, R>;
export function capture<A extends unknown[], R>(fn: (...args: A) => R, options: CaptureOptions = {}): Captured<A, R> {
  const { maxRecordings = 8, check: checked = false, shapes = [] } = options;
  check(Array.isArray(shapes), ArgumentError, () => expected("capture", "shapes", "a list of shapes", shapes));
  const given = new GivenShapes(shapes);
  const recordings = new Recordings(maxRecordings);
  const tuning = new CaptureTuning();
  const captured = (...args: { [K in keyof A]: Capturable<A[K]> }): R => {
    const call = callOf(args, given);
    const found = recordings.find(call);
    // A recording gives what fn returned, with other tensors in it.
    if (found) return (checked ? found.replayChecked(call, fn as never) : tuning.replay(found, call)) as R;
    recordings.makeRoom(call);
    const { recording, result } = tuning.watch(call, () => Recording.make(fn as never, call));
    recordings.add(recording);
    return result as R;
  };
  const made = Object.assign(captured, { recordings: 0, dispose: () => recordings.clear() });
  return Object.defineProperty(made, "recordings", { get: () => recordings.size });
}

/** A call with its key. Throws where it cannot be captured, before anything is done. */
function callOf(args: readonly unknown[], given: GivenShapes): Call {
  const writer = new KeyWriter(given);
  const parts = writer.parts(args);
  const { inputs } = writer;
  const device = deviceOf(inputs);
  runtimeOf(device).assertOpen("capture");
  check(
    !Recording.isBeingMade && !runtimeOf(device).recorder.tape,
    CaptureError,
    () => "capture: a captured function was called inside another; capture the outer one alone",
  );
  const key = `${parts.length}:${parts.join("")}${isGradEnabled()}${isAutocast()}`;
  return { args, inputs, parts, key, device };
}

/** The device of all inputs. */
function deviceOf(inputs: readonly Input[]): Device {
  let device: Device | undefined;
  for (const { source, path } of inputs) {
    if (!(source instanceof Tensor)) continue;
    checkInput(source, path);
    device ??= source.device;
    check(source.device === device, ArgumentError, () => `capture: ${path} is on another device than the first input`);
  }
  return device ?? currentDevice();
}

function checkInput(input: Tensor, path: string): void {
  assertReadable(input, "capture");
  check(
    !input.requiresGrad,
    CaptureError,
    () =>
      `capture: ${path} has requiresGrad, but an input is copied, so no gradient would reach it; let fn refer to parameters directly, or pass ${path}.detach()`,
  );
}
