/** profile(fn): GPU time of every kernel by timestamps around each dispatch, set against what this adapter can do at most. */
import { elementAt } from "../elements.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import { type BufferSlice, usage } from "./buffer-pool.ts";
import type { PassTimer } from "./command-recorder.ts";
import type { ComputeKernel } from "./compute-kernel.ts";
import { currentDevice } from "./default-device.ts";
import { type Device, runtimeOf } from "./device.ts";
import { type AdapterLimits, adapterLimits } from "./roofline.ts";
import type { ParamWords } from "./uniform-arena.ts";

export interface ProfileRow {
  readonly kernel: string;
  /** Dispatches. */
  readonly count: number;
  /** GPU time of all of them; NaN where the adapter has no timestamps. */
  readonly microseconds: number;
  /** 10^9 multiplications and additions a second, for kernels that declare them (matmuls); else 0. */
  readonly gflops: number;
  /** 10^9 bytes a second, each bound buffer counted once per dispatch. */
  readonly gbps: number;
  /** The larger of gflops and gbps as a share of this adapter's measured limits, in percent. */
  readonly percentOfLimit: number;
}

/** Rows by falling time; `String(profile)` is a table. */
export interface Profile extends ReadonlyArray<ProfileRow> {
  readonly timestamps: boolean;
  readonly limits: AdapterLimits;
  toString(): string;
}

const QUERIES = 2048;

interface Sample {
  readonly kernel: string;
  readonly flops: number;
  readonly bytes: number;
}

class Timer implements PassTimer {
  readonly samples: Sample[] = [];
  readonly sets: GPUQuerySet[] = [];
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
  }

  pass(kernel: ComputeKernel, slices: readonly BufferSlice[], words: ParamWords, at: number): GPUComputePassDescriptor {
    this.samples.push({ kernel: kernel.label, flops: flopsOf(kernel, words, at), bytes: bytesOf(kernel, slices) });
    const first = (this.samples.length - 1) * 2;
    if (!this.#device.features.timestamps) return { label: kernel.label };
    if (first % QUERIES === 0) this.sets.push(this.#device.gpu.createQuerySet({ type: "timestamp", count: QUERIES }));
    const querySet = this.sets[this.sets.length - 1] as GPUQuerySet;
    const beginningOfPassWriteIndex = first % QUERIES;
    return {
      label: kernel.label,
      timestampWrites: { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex: beginningOfPassWriteIndex + 1 },
    };
  }

  /** Nanoseconds of each sample. */
  async times(): Promise<number[]> {
    const { gpu, recorder } = runtimeOf(this.#device);
    if (this.sets.length === 0) return this.samples.map(() => Number.NaN);
    const size = this.sets.length * QUERIES * 8;
    const resolved = gpu.createBuffer({ label: "timestamps", size, usage: usage.QUERY_RESOLVE | usage.COPY_SRC });
    const staging = gpu.createBuffer({ label: "timestamps", size, usage: usage.MAP_READ | usage.COPY_DST });
    const encoder = recorder.encoder();
    this.sets.forEach((set, i) => {
      const left = Math.min(QUERIES, this.samples.length * 2 - i * QUERIES);
      encoder.resolveQuerySet(set, 0, left, resolved, i * QUERIES * 8);
    });
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    recorder.flush();
    await runtimeOf(this.#device).wait(staging.mapAsync(1));
    const ticks = new BigUint64Array(staging.getMappedRange().slice(0));
    for (const one of [resolved, staging, ...this.sets]) one.destroy();
    return this.samples.map((_, i) => Number((ticks[2 * i + 1] as bigint) - (ticks[2 * i] as bigint)));
  }
}

/** Every bound buffer once, unless the shader declares otherwise. */
function bytesOf({ shader }: ComputeKernel, slices: readonly BufferSlice[]): number {
  const total = (some: readonly BufferSlice[]) => some.reduce((sum, { size }) => sum + size, 0);
  const bound = total(slices);
  if (!shader.cost?.bytes) return bound;
  return shader.cost.bytes({
    bound,
    written: total(slices.filter((_, i) => shader.bindings[i]?.access === "read_write")),
  });
}

/** The multiplications and additions that the shader declares. */
function flopsOf({ shader }: ComputeKernel, words: ParamWords, at: number): number {
  if (!shader.cost?.flops) return 0;
  const values = shader.params.map(({ name, type, offset }) => [name, words[type][at + offset / 4]] as const);
  return shader.cost.flops(Object.fromEntries(values) as Readonly<Record<string, number>>);
}

/**
 * Runs `fn` (which may be async) with a timestamp around every dispatch of the device, also of what other tasks do until
 * its promise settles. Each dispatch is then a pass of its own, so the whole takes longer than it does unprofiled. One at a
 * time: ArgumentError while another runs.
 */
export async function profile(fn: () => unknown, device: Device = currentDevice()): Promise<Profile> {
  check(typeof fn === "function", ArgumentError, () => expected("profile", "fn", "a function", fn));
  const limits = await adapterLimits(device);
  const message = "profile: another profile of this device is running; await it first";
  check(!runtimeOf(device).recorder.timer, ArgumentError, () => message);
  const timer = new Timer(device);
  runtimeOf(device).recorder.flush();
  runtimeOf(device).recorder.timer = timer;
  try {
    await fn();
  } finally {
    runtimeOf(device).recorder.flush();
    runtimeOf(device).recorder.timer = undefined;
  }
  const times = await timer.times();
  return tableOf(summarise(timer.samples, times, limits), device, limits);
}

function summarise(samples: readonly Sample[], nanoseconds: readonly number[], limits: AdapterLimits): ProfileRow[] {
  const sums = new Map<string, { count: number; time: number; flops: number; bytes: number }>();
  samples.forEach(({ kernel, flops, bytes }, i) => {
    const sum = sums.get(kernel) ?? { count: 0, time: 0, flops: 0, bytes: 0 };
    sums.set(kernel, {
      count: sum.count + 1,
      time: sum.time + elementAt(nanoseconds, i),
      flops: sum.flops + flops,
      bytes: sum.bytes + bytes,
    });
  });
  const rows = [...sums].map(([kernel, { count, time, flops, bytes }]) => {
    const [gflops, gbps] = [flops / time, bytes / time];
    const percentOfLimit = 100 * Math.max(gflops / limits.gflops, gbps / limits.gbps);
    return { kernel, count, microseconds: time / 1000, gflops, gbps, percentOfLimit };
  });
  return rows.sort((a, b) => b.microseconds - a.microseconds || b.count - a.count);
}

function tableOf(rows: ProfileRow[], device: Device, limits: AdapterLimits): Profile {
  const { timestamps } = device.features;
  const cell = (value: number, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits) : "-");
  const lines = [
    ["kernel", "count", "us", "GFLOP/s", "GB/s", "% of limit"],
    ...rows.map((row) => [
      row.kernel,
      String(row.count),
      cell(row.microseconds, 0),
      cell(row.gflops),
      cell(row.gbps),
      cell(row.percentOfLimit, 0),
    ]),
  ];
  const widths = (lines[0] as string[]).map((_, i) => Math.max(...lines.map((line) => (line[i] as string).length)));
  const text = lines.map((line) =>
    line.map((one, i) => (i === 0 ? one.padEnd(elementAt(widths, i)) : one.padStart(elementAt(widths, i)))).join("  "),
  );
  const note = timestamps
    ? `limits measured here: ${limits.gflops.toFixed(1)} GFLOP/s, ${limits.gbps.toFixed(1)} GB/s`
    : "this adapter has no timestamps (feature timestamp-query): counts only";
  return Object.assign(rows, { timestamps, limits, toString: () => [...text, note].join("\n") });
}
