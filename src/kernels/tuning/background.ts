/**
 * Tuning while a program trains: `init({ tuning: "auto" })`. What captured functions ask for is measured between their
 * replays, a few milliseconds at a time, on memory of its own. What measured faster is tried in the whole function, which is
 * recorded anew, and kept only if its replays get faster: a kernel that is fast alone may not be so between others.
 */
import { type Device, runtimeOf } from "../../gpu/device.ts";
import { PassTimestamps } from "../../gpu/dispatch-timer.ts";
import type { Asked, Choice } from "../../gpu/tuning.ts";
import { workloadsOf } from "./families.ts";
import { measure } from "./measure.ts";
import type { Workload } from "./workload.ts";

/** Milliseconds between two replays; a step that has begun is finished. */
const SLICE_MS = 30;
/** Replays timed with the old kernels, and with the new. */
const TRIAL_REPLAYS = 7;
/** The whole replay must take less than this part of what it took. */
const WORTH = 0.97;
/** Operands and results of one measurement take no more f32 elements than this. */
const MOST_ELEMENTS = 2 ** 23;

/** The timing of one replay of a captured function. */
export interface ReplayTiming {
  /** For the pass of the replay, where timestamps tell its time. */
  readonly descriptor: GPUComputePassDescriptor | undefined;
  /** After the pass, in the same encoder. */
  encoded(encoder: GPUCommandEncoder): void;
  /** After the submit. */
  submitted(): void;
}

type Phase = "measuring" | "before" | "after" | "done";

/** The tuning of one captured function. */
export class BackgroundTuning {
  readonly #device: Device;
  readonly #queue: Workload[];
  /** Winners that the function has not been recorded with yet, by key. */
  readonly #winners = new Map<string, Choice>();
  #phase: Phase = "measuring";
  #steps: AsyncGenerator<void> | undefined;
  #isBusy = false;
  #before: number[] = [];
  #after: number[] = [];

  constructor(device: Device, asked: Asked) {
    this.#device = device;
    const { choices } = runtimeOf(device).tuning;
    this.#queue = workloadsOf(device, asked).filter(
      ({ key, choices: { length }, elements }) => !choices.has(key) && length > 1 && elements <= MOST_ELEMENTS,
    );
  }

  get isDone(): boolean {
    return this.#phase === "done";
  }

  /** Asked before each replay: how to time it, if it is to be timed. */
  timing(): ReplayTiming | undefined {
    if ((this.#phase !== "before" && this.#phase !== "after") || this.#isBusy) return undefined;
    return this.#timed();
  }

  /** Called after each replay: goes on in the background. */
  replayed(): void {
    if (this.#isBusy || this.#phase !== "measuring") return;
    this.#inBackground(() => this.#slice());
  }

  #inBackground(work: () => Promise<void>): void {
    this.#isBusy = true;
    work()
      .catch((error: unknown) => {
        this.#phase = "done";
        // A device that was closed or lost meanwhile is the program's to find out.
        if (runtimeOf(this.#device).isUsable) console.warn(`init({ tuning: "auto" }): stopped measuring: ${error}`);
      })
      .finally(() => {
        this.#isBusy = false;
      });
  }

  /** Measures for a few milliseconds. */
  async #slice(): Promise<void> {
    const { tuning } = runtimeOf(this.#device);
    const start = performance.now();
    this.#steps ??= this.#measureAll();
    let isMeasured = false;
    while (!isMeasured && performance.now() - start < SLICE_MS) isMeasured = (await this.#steps.next()).done === true;
    tuning.budget -= performance.now() - start;
    if (!isMeasured && tuning.budget > 0) return;
    await this.#steps.return(undefined);
    this.#phase = this.#winners.size > 0 ? "before" : "done";
    if (this.#phase === "done") void tuning.save();
  }

  async *#measureAll(): AsyncGenerator<void> {
    for (const workload of this.#queue) {
      const { key, usual, fastest } = yield* measure(this.#device, workload);
      // Remembered also where it is the usual one, so that no later run measures it again.
      if (fastest === usual) runtimeOf(this.#device).tuning.choices.set(key, usual);
      else this.#winners.set(key, fastest);
    }
  }

  /** Times one replay; with enough of them, goes over to the next phase. */
  #timed(): ReplayTiming {
    const device = this.#device;
    this.#isBusy = true;
    const timestamps = device.features.timestamps ? new PassTimestamps(device) : undefined;
    let start = 0;
    return {
      descriptor: timestamps?.descriptor,
      encoded(encoder) {
        timestamps?.resolve(encoder);
        start = performance.now();
      },
      submitted: () =>
        this.#inBackground(async () => {
          const nanoseconds = await timestamps?.nanoseconds();
          if (nanoseconds === undefined) await runtimeOf(device).wait(device.gpu.queue.onSubmittedWorkDone());
          timestamps?.dispose();
          this.#note(nanoseconds === undefined ? performance.now() - start : Number(nanoseconds) / 1e6);
        }),
    };
  }

  #note(milliseconds: number): void {
    const times = this.#phase === "before" ? this.#before : this.#after;
    times.push(milliseconds);
    if (times.length < TRIAL_REPLAYS) return;
    if (this.#phase === "before") {
      this.#take();
      this.#phase = "after";
    } else {
      this.#decide();
      this.#phase = "done";
    }
  }

  /** From the next call on, the function is recorded with the winners. */
  #take(): void {
    for (const [key, choice] of this.#winners) runtimeOf(this.#device).tuning.set(key, choice);
  }

  #decide(): void {
    const { tuning } = runtimeOf(this.#device);
    if (median(this.#after) > WORTH * median(this.#before)) {
      const usual = new Map(this.#queue.map((workload) => [workload.key, workload.usual]));
      for (const key of this.#winners.keys()) tuning.set(key, usual.get(key));
    }
    void tuning.save();
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
