/** Captures' records of gradients, which gpu/ does not know, by the tape that records the dispatches. */
import type { Tape } from "../gpu/command-recorder.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";

/** A capture's record of the gradients that its function reads, sets and overwrites. */
export interface GradientRecorder<T> {
  /** Notes that the `grad` of `leaf` is about to be set; the capture sets it likewise after each replay. */
  recordGrad(leaf: T): void;
  /** Notes that the present `grad` of `leaf` decides what is recorded. */
  guardGrad(leaf: T): void;
  /** Notes that a gradient's memory gets other values: from each replay on, what a user kept of it is gone. */
  overwritesGrad(gradient: T): void;
}

/** `T` is Tensor, whose file imports this one. */
export class GradientRecorders<T> {
  readonly #byTape = new WeakMap<Tape, GradientRecorder<T>>();

  register(tape: Tape, recorder: GradientRecorder<T>): void {
    this.#byTape.set(tape, recorder);
  }

  /** Returns the record of the capture that records on a device, if one does. */
  of(device: Device): GradientRecorder<T> | undefined {
    const { tape } = runtimeOf(device).recorder;
    return tape && this.#byTape.get(tape);
  }
}

/** The record of a gradient that the library made, for those who look at it through `grad`. */
export interface GradientMemory<T> {
  /** True if a later backward or replay overwrites it (an optimizer's slot, a capture's memory). */
  shared: boolean;
  /** The tensor that `grad` gave out: the gradient itself, or of shared memory a window on it, until that is overwritten. */
  shown: T | undefined;
  /** The view that `grad` gave out while this tape recorded: one per recording, as eager reads give one tensor. */
  recorded: { readonly tape: Tape; readonly view: T } | undefined;
}
