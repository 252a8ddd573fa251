/** Times of GPU work, and races between several ways of doing the same. */
import type { Device } from "../../src/gpu/device.ts";
import { profile } from "../../src/gpu/profiler.ts";
import type { TimerKind } from "./records.ts";

export interface Timing {
  microseconds: number;
  least: number;
  samples: number;
}

/** Work per sample in microseconds, and most runs in one. */
const SAMPLE = { microseconds: 2000, most: 100 };

export class Stopwatch {
  readonly timer: TimerKind;
  readonly #device: Device;

  /** `profile` measures the adapter's limits first, with work for a GPU: a rehearsal would wait for it. */
  constructor(device: Device, isRehearsal: boolean) {
    this.#device = device;
    this.timer = device.features.timestamps && !isRehearsal ? "timestamp" : "wall";
  }

  /** Microseconds per run. */
  async time(run: () => void, runs: number): Promise<number> {
    const repeated = () => {
      for (let i = 0; i < runs; i++) run();
    };
    if (this.timer === "wall") return this.wall(repeated, runs);
    const rows = await profile(repeated, this.#device);
    return rows.reduce((sum, { microseconds }) => sum + microseconds, 0) / runs;
  }

  /** Wall time until the GPU has finished. */
  async wall(repeated: () => void, runs = 1): Promise<number> {
    await this.#device.sync();
    const start = performance.now();
    repeated();
    await this.#device.sync();
    return ((performance.now() - start) * 1000) / runs;
  }
}

export const runsFor = (microseconds: number): number =>
  Math.max(1, Math.min(SAMPLE.most, Math.round(SAMPLE.microseconds / Math.max(microseconds, 1))));

/** Slower than the fastest by this factor after one sample, or after several: out. */
const HOPELESS = 1.6;
const BEHIND = 1.15;
const ENOUGH_SAMPLES = 9;

export interface Racer<T> {
  readonly entry: T;
  readonly run: () => void;
}

/** Samples in turns within `budget` milliseconds; what falls behind gets no more. Those that fail are told. */
export async function race<T>(
  stopwatch: Stopwatch,
  racers: readonly Racer<T>[],
  budget: number,
  failed: (entry: T, error: unknown) => void,
): Promise<Map<T, Timing>> {
  const until = performance.now() + budget;
  const samples = new Map<Racer<T>, number[]>();
  for (const racer of racers) {
    if (samples.size > 0 && performance.now() > until) break;
    try {
      // The first run compiles.
      await stopwatch.time(racer.run, 1);
      samples.set(racer, [await stopwatch.time(racer.run, 1)]);
    } catch (error) {
      failed(racer.entry, error);
    }
  }
  for (let round = 1; round < ENOUGH_SAMPLES && performance.now() < until; round++) {
    const best = Math.min(...[...samples.values()].map(median));
    for (const [racer, values] of samples) {
      if (median(values) > best * (round === 1 ? HOPELESS : BEHIND)) continue;
      const runs = runsFor(median(values));
      // Several runs per sample from the second on: the first was alone.
      if (round === 1 && runs > 1) values.length = 0;
      values.push(await stopwatch.time(racer.run, runs));
    }
  }
  return new Map(
    [...samples].map(([{ entry }, values]) => [
      entry,
      { microseconds: median(values), least: Math.min(...values), samples: values.length },
    ]),
  );
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
