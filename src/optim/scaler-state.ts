/** Records what a gradient scaler did with each optimizer since its last update, in captures and their replays too. */
import { ArgumentError, check, expected } from "../errors.ts";
import type { Tape } from "../gpu/command-recorder.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";

export type Stage = "unscaled" | "stepped";

interface OptimizerStage {
  readonly stage: Stage;
  /** The capture that was recording. */
  readonly tape: Tape | undefined;
}

/** Optimizers of one scaler: each has a flag of its own. */
export const MAX_OPTIMIZERS = 16;

export class ScalerState {
  readonly #device: Device;
  readonly #numbers = new WeakMap<object, number>();
  readonly #turns = new Map<object, OptimizerStage>();
  #known = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  get isEmpty(): boolean {
    return this.#turns.size === 0;
  }

  /** The optimizer's number, which never changes: recordings hold it. */
  numberOf(op: string, optimizer: object): number {
    const known = this.#numbers.get(optimizer);
    if (known !== undefined) return known;
    check(this.#known < MAX_OPTIMIZERS, ArgumentError, () =>
      expected(op, "optimizer", `one of at most ${MAX_OPTIMIZERS}`, `number ${this.#known + 1}`),
    );
    this.#numbers.set(optimizer, this.#known);
    return this.#known++;
  }

  stageOf(optimizer: object): Stage | undefined {
    const turn = this.#turns.get(optimizer);
    // A recording holds where the optimizer is found as it was, unless the recording itself brought it there.
    if (!turn || turn.tape !== runtimeOf(this.#device).recorder.tape) {
      runtimeOf(this.#device).addCaptureGuard(() => this.#turns.get(optimizer)?.stage);
    }
    return turn?.stage;
  }

  enter(optimizer: object, stage: Stage): void {
    const before = this.#turns.get(optimizer);
    const turn = { stage, tape: runtimeOf(this.#device).recorder.tape };
    runtimeOf(this.#device).onReplay(
      () => this.#turns.set(optimizer, turn),
      () => {
        if (before) this.#turns.set(optimizer, before);
        else this.#turns.delete(optimizer);
      },
    );
  }

  clear(): void {
    const before = [...this.#turns];
    runtimeOf(this.#device).onReplay(
      () => this.#turns.clear(),
      () => {
        for (const [optimizer, turn] of before) this.#turns.set(optimizer, turn);
      },
    );
  }
}
