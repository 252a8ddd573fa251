/**
 * One command encoder and one compute pass, shared by consecutive dispatches and submitted on a read or when full.
 * A tape, when set, also keeps what was recorded.
 */

import { type BufferPool, type BufferSlice, type GpuBuffer, type MakeBuffer, noteUse } from "./buffer-pool.ts";
import type { ComputeKernel, KernelArgs, Refresh } from "./compute-kernel.ts";
import type { Debug } from "./debug.ts";
import type { Losses } from "./lost-memory.ts";
import { type ParamWords, UniformArena } from "./uniform-arena.ts";

/** One recorded dispatch; `refresh` gives the params that change on every replay. */
export interface Dispatch {
  readonly kernel: ComputeKernel;
  readonly slices: readonly BufferSlice[];
  readonly params: Uint32Array<ArrayBuffer>;
  readonly groups: readonly [number, number, number];
  readonly refresh: Refresh | undefined;
}

/** The record that a capture keeps while its function runs for the first time. */
export interface Tape {
  dispatch(entry: Dispatch): void;
  /** A function of host state (step counts, random calls) to run again at this point of every replay. */
  onReplay(fn: () => void, undo: () => void): void;
  /** Something that what is recorded depends on: when its value has changed, a replay would be stale. */
  addCaptureGuard(value: () => unknown): void;
  /** Throws: the thing named cannot be replayed. `instead` says what to do. */
  assertNotCapturing(what: string, instead?: string): void;
}

/** Asked for a separate pass for each dispatch while something is profiled. */
export interface PassTimer {
  /** The descriptor of a pass for one dispatch. */
  pass(kernel: ComputeKernel, slices: readonly BufferSlice[], words: ParamWords, at: number): GPUComputePassDescriptor;
}

/** Commands per submit: few after a wait, when the GPU has nothing to do; then enough to share the cost of submitting. */
const COMMANDS = { first: 16, most: 64 };

export class CommandRecorder {
  tape: Tape | undefined;
  timer: PassTimer | undefined;
  debug: Debug | undefined;
  /** Number of the submit that commands recorded now will be part of. */
  submitIndex = 1;
  dispatchCount = 0;
  /** Number of these that are small: see `isSmallDispatch`. */
  smallDispatchCount = 0;
  submitCount = 0;
  readonly #gpu: GPUDevice;
  readonly #pool: BufferPool;
  readonly #losses: Losses;
  readonly #params: UniformArena;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  /** The pipeline set in the open pass. */
  #pipeline: GPUComputePipeline | undefined;
  #pending = 0;
  #isFlushDue = false;
  #most = COMMANDS.first;

  constructor(gpu: GPUDevice, pool: BufferPool, losses: Losses, make: MakeBuffer) {
    this.#gpu = gpu;
    this.#pool = pool;
    this.#losses = losses;
    this.#params = new UniformArena(gpu, make);
  }

  /** Records one dispatch. `refresh`, if given, is asked on every replay for the params that change. */
  dispatch(kernel: ComputeKernel, args: KernelArgs, x: number, y: number, z: number, refresh?: Refresh): void {
    const slices = kernel.slices(args);
    const { next } = this.#params;
    const paramWords = kernel.shader.paramsBytes / 4;
    // What no param fills must not differ by what was there before.
    next.u32.fill(0, 0, paramWords);
    kernel.pack(args, next, 0);
    const { group } = kernel.bound(slices, this.#params, this.submitIndex, this.#pool.generation);
    const pass = this.#openPass(kernel, slices);
    if (this.#pipeline !== kernel.pipeline) pass.setPipeline(kernel.pipeline);
    this.#pipeline = kernel.pipeline;
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(x, y, z);
    this.tape?.dispatch({ kernel, slices, params: next.u32.slice(0, paramWords), groups: [x, y, z], refresh });
    this.dispatchCount++;
    if (isSmallDispatch(x, y, z)) this.smallDispatchCount++;
    const { bindings } = kernel.shader;
    for (let i = 0; i < slices.length; i++)
      if (bindings[i]?.access === "read_write") this.wrote((slices[i] as BufferSlice).buffer);
    this.#recorded(slices);
  }

  /** Writes host bytes into a buffer, after everything recorded that may still use it. */
  upload(slice: BufferSlice, bytes: ArrayBufferView<ArrayBuffer>): void {
    // Not every buffer of a replay that waits for its submit is marked as used.
    if (this.#isFlushDue || slice.buffer.lastUse >= this.submitIndex) this.flush();
    // What is written here comes from the host: the submit under way cannot spoil it.
    this.#losses.wrote(slice.buffer, this.submitIndex - 1);
    const whole = bytes.byteLength % 4 === 0 ? bytes : padded(bytes);
    if (whole.byteLength > 0) {
      this.#gpu.queue.writeBuffer(slice.buffer.gpu, slice.offset, whole.buffer, whole.byteOffset, whole.byteLength);
    }
  }

  /** Copies whole words between buffers. Not for tapes, which replay dispatches alone. */
  copy(source: BufferSlice, destination: BufferSlice, bytes: number): void {
    const { buffer, offset } = destination;
    this.encoder().copyBufferToBuffer(source.buffer.gpu, source.offset, buffer.gpu, offset, bytes);
    this.wrote(buffer);
    this.#recorded([source, destination]);
  }

  /** Writes zeros. Not for tapes. */
  clear(destination: BufferSlice, bytes: number): void {
    this.encoder().clearBuffer(destination.buffer.gpu, destination.offset, bytes);
    this.wrote(destination.buffer);
    this.#recorded([destination]);
  }

  /** Notes that the present submit writes a buffer. */
  wrote(buffer: GpuBuffer): void {
    this.#losses.wrote(buffer, this.submitIndex);
  }

  /** The encoder of the current submit, with no pass open: for copies and replays. */
  encoder(): GPUCommandEncoder {
    this.#endPass();
    if (!this.#encoder) {
      this.#encoder = this.#gpu.createCommandEncoder({ label: "gradwell" });
      this.debug?.begin();
    }
    return this.#encoder;
  }

  /**
   * Submits what is recorded once the running JavaScript gives up control: a read that follows at once is part of the same
   * submit.
   */
  flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => this.flushIfDue());
  }

  /** Submits what `flushSoon` left: before the host writes what that still reads. */
  flushIfDue(): void {
    if (this.#isFlushDue) this.flush();
  }

  flush(): void {
    this.#isFlushDue = false;
    this.#most = COMMANDS.first;
    if (!this.#encoder) return;
    this.#endPass();
    this.#params.upload();
    const commands = this.#encoder.finish();
    this.#encoder = undefined;
    this.#pending = 0;
    this.#gpu.queue.submit([commands]);
    this.debug?.submit(this.submitIndex);
    this.submitIndex++;
    this.submitCount++;
    this.#pool.trim(this.submitIndex);
  }

  destroy(): void {
    this.#params.destroy();
  }

  /** A command over these slices is in the encoder; enough of them are submitted. */
  #recorded(slices: readonly BufferSlice[]): void {
    for (const slice of slices) noteUse(slice.buffer, this.submitIndex);
    if (++this.#pending < this.#most) return;
    const most = Math.min(2 * this.#most, COMMANDS.most);
    this.flush();
    this.#most = most;
  }

  #openPass(kernel: ComputeKernel, slices: readonly BufferSlice[]): GPUComputePassEncoder {
    if (this.timer) {
      const encoder = this.encoder();
      this.#pass = encoder.beginComputePass(this.timer.pass(kernel, slices, this.#params.next, 0));
    }
    this.#pass ??= this.encoder().beginComputePass(PASS);
    return this.#pass;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#pipeline = undefined;
  }
}

const PASS = { label: "gradwell" };

/** True if a dispatch has so few workgroups that it takes less time than waking a core for it. */
export const isSmallDispatch = (x: number, y: number, z: number): boolean => x * y * z <= 4;

function padded(bytes: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
  whole.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return whole;
}
