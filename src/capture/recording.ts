/** One recording of a captured function: made by running it once, then replayed. */

import { elementAt } from "../elements.ts";
import { CaptureError, check } from "../errors.ts";
import type { BufferPool } from "../gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { withOwnReleaseQueue } from "../tensor/release-queue.ts";
import { scopeKeeping, watch } from "../tensor/scope.ts";
import { layout } from "../tensor/storage.ts";
import { disposeBecause, requiresGradEpoch, storageOf, Tensor } from "../tensor/tensor.ts";
import { replayChecked } from "./check.ts";
import { GivenShapes } from "./host-arrays.ts";
import { BoundInputs, type Input } from "./inputs.ts";
import { KeyWriter } from "./key.ts";
import { Outputs, outputsIn } from "./outputs.ts";
import { rebuild } from "./plain.ts";
import { RecordedTape } from "./tape.ts";

type AnyFunction = (...args: unknown[]) => unknown;

/** A call of a captured function. */
export interface Call {
  readonly args: readonly unknown[];
  readonly inputs: readonly Input[];
  /** The key, and the parts of it that the arguments make up. */
  readonly key: string;
  readonly parts: readonly string[];
  readonly device: Device;
}

const FREED = "the capture that it belongs to freed its recording";
const NOT_RETURNED = "it was made inside a captured function, which keeps only what it returns";

export class Recording {
  /** True if a function is being recorded, on any device. */
  static isBeingMade = false;
  readonly key: string;
  readonly device: Device;
  readonly tape: RecordedTape;
  /** Epochs of the storage layout, of requiresGrad and of the measured kernels when recording began. */
  readonly #layoutEpoch = layout.epoch;
  readonly #freezingEpoch = requiresGradEpoch.epoch;
  readonly #tuningEpoch: number;
  readonly #pool: BufferPool;
  #bound: BoundInputs | undefined;
  #outputs: Outputs | undefined;

  private constructor({ key, device }: Call) {
    this.key = key;
    this.device = device;
    this.#tuningEpoch = runtimeOf(device).tuning.epoch;
    this.#pool = runtimeOf(device).pool.child();
    this.tape = new RecordedTape(device, this.#pool);
  }

  /** Runs `fn` and records it. */
  static make(fn: AnyFunction, call: Call): { recording: Recording; result: unknown } {
    const recording = new Recording(call);
    try {
      return { recording, result: recording.#record(fn, call) };
    } catch (error) {
      recording.free();
      throw error;
    }
  }

  /** True if flat storage, `requiresGrad` and the choice of kernels are still those that were recorded. */
  get isFresh(): boolean {
    const { tuning } = runtimeOf(this.device);
    const isLaidOut = this.#layoutEpoch === layout.epoch && this.#freezingEpoch === requiresGradEpoch.epoch;
    return isLaidOut && this.#tuningEpoch === tuning.epoch;
  }

  /** The result of a call, by one submit. */
  replay({ inputs }: Call): unknown {
    const [bound, outputs] = [this.#bound as BoundInputs, this.#outputs as Outputs];
    bound.checkApart(inputs, this.#isWritten);
    // The last replay reads inputs and params that are written anew below.
    runtimeOf(this.device).recorder.flushIfDue();
    const slots = outputs.reserve();
    bound.upload(inputs);
    const prepared = bound.prepare(inputs);
    const result = this.tape.replay(
      (encoder) => {
        bound.copy(encoder, prepared);
        outputs.revoke();
      },
      (encoder) => outputs.emit(encoder, inputs, slots),
    );
    bound.release(inputs, prepared);
    return result;
  }

  /** Replays, and compares with what `fn` does. */
  replayChecked(call: Call, fn: AnyFunction): unknown {
    const bound = (this.#bound as BoundInputs).tensors;
    const given = call.inputs.map(({ source, host }, i) => (host ? elementAt(bound, i) : source));
    const eager = () => fn(...substitute(call, given));
    const { origins } = this.#outputs as Outputs;
    return replayChecked(this.device, this.tape, () => this.replay(call), eager, origins);
  }

  free(): void {
    if (!this.device.closed) runtimeOf(this.device).recorder.flush();
    this.#bound?.dispose(FREED);
    this.#outputs?.dispose(FREED);
    this.tape.free();
    this.#pool.drain();
  }

  #record(fn: AnyFunction, call: Call): unknown {
    const { device, inputs } = call;
    const { recorder } = runtimeOf(device);
    const outer = runtimeOf(device).pool;
    runtimeOf(device).pool = this.#pool;
    Recording.isBeingMade = true;
    try {
      const bound = new BoundInputs(device, inputs);
      this.#bound = bound;
      bound.upload(inputs);
      const prepared = bound.prepare(inputs);
      bound.copy(recorder.encoder(), prepared);
      bound.release(inputs, prepared);
      const given = substitute(call, bound.tensors);
      const before = textOf(given);
      recorder.tape = this.tape;
      // What a step reads may be lost then: recording it anew finds out.
      this.tape.addCaptureGuard(() => runtimeOf(device).losses.count);
      this.#outputs = this.#run(() => fn(...given), call, bound);
      recorder.tape = undefined;
      this.#check(call, bound);
      check(textOf(given) === before, CaptureError, () => CHANGED);
    } finally {
      recorder.tape = undefined;
      runtimeOf(device).pool = outer;
      Recording.isBeingMade = false;
    }
    this.tape.finish();
    const slots = this.#outputs.reserve();
    return this.#outputs.emit(recorder.encoder(), inputs, slots);
  }

  /** Runs `fn` in its own scope. */
  #run(fn: () => unknown, { device, inputs }: Call, bound: BoundInputs): Outputs {
    const made = new Set<Tensor>();
    const unwatch = watch((tensor) => {
      if (tensor instanceof Tensor) made.add(tensor);
    });
    let result: unknown;
    let live: Tensor[] = [];
    const runScoped = () =>
      scopeKeeping(
        () => {
          result = fn();
          refusePromise(result);
          live = [...made].filter(({ disposed }) => !disposed);
          return [...outputsIn(result, made).keys()];
        },
        () => [],
      );
    try {
      withOwnReleaseQueue(device, runScoped, (kept) => kept);
    } finally {
      unwatch();
    }
    for (const tensor of live) if (tensor.disposed) disposeBecause(tensor, NOT_RETURNED);
    bound.check(inputs, (tensor) => this.tape.writerOf(storageOf(tensor).buffer) !== undefined);
    const { gradLeaves } = this.tape;
    const writerOf = this.tape.writerOf.bind(this.tape);
    const context = { device, inputs, gradLeaves, writerOf, pool: this.#pool, tensors: made, bound: bound.tensors };
    return new Outputs(result, outputsIn(result, made), context);
  }

  #check({ inputs }: Call, bound: BoundInputs): void {
    bound.checkApart(inputs, this.#isWritten);
    check(
      layout.epoch === this.#layoutEpoch,
      CaptureError,
      () => "capture: an optimizer was made inside the captured function; make it outside",
    );
  }

  /** True if a tensor of the caller's shares memory with what `fn` writes; outputs of the last call are copied in time. */
  readonly #isWritten = (tensor: Tensor): boolean =>
    !storageOf(tensor).isCaptured && this.tape.writerOf(storageOf(tensor).buffer) !== undefined;
}

const CHANGED =
  "capture: fn changed its arguments (a property, a list, a Map), which no replay can repeat; return the new value instead";

/** The arguments with other tensors in place of the inputs. */
function substitute({ args, inputs }: Call, tensors: readonly Tensor[]): unknown[] {
  const bySource = new Map<object, Tensor>(inputs.map(({ source }, i) => [source, elementAt(tensors, i)]));
  return rebuild(args, (one) => bySource.get(one)) as unknown[];
}

const textOf = (args: readonly unknown[]): string => new KeyWriter(new GivenShapes([])).parts(args).join();

function refusePromise(result: unknown): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => undefined);
  throw new CaptureError("capture: fn must not be async; read values outside of it");
}
