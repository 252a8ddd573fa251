/** Times a few dispatches by running them many times in one pass: what takes microseconds is told from what takes twice as long. */
import { noteUse, usage } from "./buffer-pool.ts";
import type { Dispatch, Tape } from "./command-recorder.ts";
import { type Device, runtimeOf } from "./device.ts";

/** Milliseconds that a pass should take at least; where timestamps are coarse, more. */
const PASS_MS = { fine: 5, coarse: 20 };
/** Nanoseconds that timestamps are multiples of where they are coarse: WebGPU lets browsers round them to 100 us. */
const COARSE_NS = 32768n;
const MOST_REPEATS = 2 ** 14;

/** Dispatches that were recorded once, ready to be encoded any number of times. Holds its params and bind groups. */
export class RepeatedDispatches {
  /** Number of times that a pass runs them; `calibrate` finds it. */
  repeats = 1;
  readonly #device: Device;
  readonly #entries: readonly Dispatch[];
  readonly #groups: readonly GPUBindGroup[];
  readonly #params: GPUBuffer[] = [];

  /** Records what `run` dispatches, which also runs once. */
  constructor(device: Device, run: () => void) {
    this.#device = device;
    this.#entries = recorded(device, run);
    this.#groups = this.#entries.map((entry) => this.#bind(entry));
  }

  /** Doubles `repeats` until a pass takes long enough to be measured. Gives up control between passes. */
  async *calibrate(timer: PassClock): AsyncGenerator<void> {
    for (;;) {
      const milliseconds = await timer.milliseconds((pass) => this.encode(pass));
      const wanted = timer.isCoarse ? PASS_MS.coarse : PASS_MS.fine;
      if (milliseconds >= wanted || this.repeats >= MOST_REPEATS) return;
      this.repeats *= 2;
      yield;
    }
  }

  /** Encodes them `repeats` times, each after the other. */
  encode(pass: GPUComputePassEncoder): void {
    for (let i = 0; i < this.repeats; i++) {
      this.#entries.forEach(({ kernel, groups }, j) => {
        pass.setPipeline(kernel.pipeline);
        pass.setBindGroup(0, this.#groups[j] as GPUBindGroup);
        pass.dispatchWorkgroups(...groups);
      });
    }
    const { submitIndex } = runtimeOf(this.#device).recorder;
    for (const { slices } of this.#entries) for (const { buffer } of slices) noteUse(buffer, submitIndex);
  }

  dispose(): void {
    for (const buffer of this.#params) buffer.destroy();
  }

  #bind({ kernel, slices, params }: Dispatch): GPUBindGroup {
    if (params.length === 0) return kernel.makeBindGroup(slices, undefined, 0);
    const descriptor = { label: "tuning params", size: params.byteLength, usage: usage.UNIFORM | usage.COPY_DST };
    const buffer = runtimeOf(this.#device).makeBuffer(descriptor, "tune");
    this.#params.push(buffer);
    this.#device.gpu.queue.writeBuffer(buffer, 0, params);
    return kernel.makeBindGroup(slices, buffer, 0);
  }
}

/** The dispatches of `run`, in the order in which they were made. */
function recorded(device: Device, run: () => void): Dispatch[] {
  const entries: Dispatch[] = [];
  const tape: Tape = {
    dispatch: (entry) => entries.push(entry),
    onReplay: () => undefined,
    addCaptureGuard: () => undefined,
    assertNotCapturing: () => undefined,
  };
  runtimeOf(device).outsideCapture(() => {
    runtimeOf(device).recorder.tape = tape;
    run();
  });
  return entries;
}

/** Times whole passes: by timestamps where the device has them, else by waiting. What an empty pass takes is taken off. */
export class PassClock {
  /** True if timestamps turned out to be coarse, or there are none. */
  isCoarse: boolean;
  readonly #device: Device;
  readonly #timestamps: PassTimestamps | undefined;
  #empty: number | undefined;

  constructor(device: Device) {
    this.#device = device;
    this.#timestamps = device.features.timestamps ? new PassTimestamps(device) : undefined;
    this.isCoarse = !this.#timestamps;
  }

  /** Milliseconds of the pass that `encode` fills. */
  async milliseconds(encode: (pass: GPUComputePassEncoder) => void): Promise<number> {
    this.#empty ??= await this.#time(() => undefined);
    return Math.max(0, (await this.#time(encode)) - this.#empty);
  }

  dispose(): void {
    this.#timestamps?.dispose();
  }

  async #time(encode: (pass: GPUComputePassEncoder) => void): Promise<number> {
    const { recorder, gpu } = runtimeOf(this.#device);
    recorder.flush();
    const encoder = recorder.encoder();
    const pass = encoder.beginComputePass(this.#timestamps?.descriptor);
    encode(pass);
    pass.end();
    this.#timestamps?.resolve(encoder);
    const start = performance.now();
    recorder.flush();
    if (!this.#timestamps) {
      await runtimeOf(this.#device).wait(gpu.queue.onSubmittedWorkDone());
      return performance.now() - start;
    }
    const nanoseconds = await this.#timestamps.nanoseconds();
    if (nanoseconds > 0n && nanoseconds % COARSE_NS === 0n) this.isCoarse = true;
    return Number(nanoseconds) / 1e6;
  }
}

/** The timestamps of the beginning and the end of one pass at a time. */
export class PassTimestamps {
  readonly descriptor: GPUComputePassDescriptor;
  readonly #device: Device;
  readonly #set: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;

  constructor(device: Device) {
    const { gpu } = device;
    this.#device = device;
    this.#set = gpu.createQuerySet({ type: "timestamp", count: 2 });
    this.#resolved = gpu.createBuffer({ label: "timestamps", size: 16, usage: usage.QUERY_RESOLVE | usage.COPY_SRC });
    this.#staging = gpu.createBuffer({ label: "timestamps", size: 16, usage: usage.MAP_READ | usage.COPY_DST });
    const timestampWrites = { querySet: this.#set, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    this.descriptor = { label: "gradwell timed", timestampWrites };
  }

  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.#set, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, 16);
  }

  /** Nanoseconds of the pass that was resolved and submitted last. */
  async nanoseconds(): Promise<bigint> {
    await runtimeOf(this.#device).wait(this.#staging.mapAsync(1));
    const [begin = 0n, end = 0n] = new BigUint64Array(this.#staging.getMappedRange());
    this.#staging.unmap();
    return end - begin;
  }

  dispose(): void {
    for (const one of [this.#set, this.#resolved, this.#staging]) one.destroy();
  }
}
