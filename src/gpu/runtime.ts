import { DeviceLostError, DisposedError, OutOfMemoryError, ValidationError } from "../errors.ts";
import type { Wait } from "./adapter/adapter.ts";
import { BufferPool, type BufferSlice, type MakeBuffer, noteUse, usage } from "./buffer-pool.ts";
import { CommandRecorder } from "./command-recorder.ts";
import type { ComputeKernel, KernelArgs, OverrideValues, Refresh } from "./compute-kernel.ts";
import type { Operation } from "./debug.ts";
import { DeviceAsserts, FAULT_BYTES } from "./device-asserts.ts";
import { type DeviceFeatures, type DeviceInfo, featuresOf } from "./device-info.ts";
import { ErrorScopes, formatOperation } from "./error-scopes.ts";
import { foldWorkgroups, workgroupSize } from "./launch-policy.ts";
import { Losses, lostError } from "./lost-memory.ts";
import { RECIPE } from "./memory-pressure.ts";
import { PipelineCache } from "./pipeline-cache.ts";
import type { OverridesOf, RunArgs, Shader } from "./shader.ts";
import { Tuning } from "./tuning.ts";

/** Tensors alive and bytes: in use, kept for reuse, and the most ever in use at once. */
export interface MemoryUse {
  tensors: number;
  liveBytes: number;
  pooledBytes: number;
  peakBytes: number;
}

/**
 * What the library keeps for a device: the part of it that users do not see. `runtimeOf(device)` gives it.
 */
export class Runtime {
  readonly gpu: GPUDevice;
  readonly info: DeviceInfo;
  readonly features: DeviceFeatures;
  readonly limits: GPUSupportedLimits;
  readonly recorder: CommandRecorder;
  /** Faults that kernels found in the values they were given; reads throw them. */
  readonly faults: DeviceAsserts;
  /** The memory that was lost when memory ran out; using it throws. */
  readonly losses = new Losses();
  /** The pool that new buffers come from; a capture puts its own here while it records. */
  pool: BufferPool;
  readonly lost: Promise<string>;
  /** The kernels that were measured to be the fastest. */
  readonly tuning: Tuning;
  /** True if every dispatch is submitted alone and its errors are told with operation and shapes. */
  validation = false;
  readonly random = { seed: 0, call: 0 };
  /** Live tensors, kept by the tensor layer. */
  tensorCount = 0;
  /** The operation that is running, for error messages: set by the op layer. */
  operation: Operation | undefined;
  readonly #rootPool: BufferPool;
  readonly #kernels: PipelineCache;
  readonly #ownsGpu: boolean;
  readonly #onClose = new Set<() => void>();
  readonly #errorScopes: ErrorScopes;
  readonly #wait: Wait;
  /** The submit before which all is known to have been done. */
  #sureSubmit = 1;
  /** The number of tiny dispatches that had been recorded at the last wait. */
  #waitedFor = 0;
  #lostReason: string | undefined;
  #closed = false;

  /** `wait` is how to await the GPU. */
  constructor(gpu: GPUDevice, info: DeviceInfo, ownsGpu: boolean, wait: Wait = (promise) => promise) {
    this.gpu = gpu;
    this.#wait = wait;
    this.info = info;
    this.tuning = new Tuning(`${info.vendor} ${info.architecture} ${info.description}`);
    this.limits = gpu.limits;
    this.#ownsGpu = ownsGpu;
    this.features = featuresOf(gpu);
    this.#errorScopes = new ErrorScopes(gpu, wait, () =>
      this.#outOfMemory("the driver has no memory left", this.#sureSubmit),
    );
    const makeBuffer: MakeBuffer = (descriptor, what, refused) => this.makeBuffer(descriptor, what, refused);
    this.#rootPool = new BufferPool(gpu, makeBuffer);
    this.pool = this.#rootPool;
    this.recorder = new CommandRecorder(gpu, this.#rootPool, this.losses, makeBuffer);
    this.faults = new DeviceAsserts(this.#rootPool, this.recorder);
    this.#kernels = new PipelineCache(this, this.#errorScopes);
    this.lost = gpu.lost.then((lost) => {
      this.#lostReason = `${lost.reason}: ${lost.message}`;
      return this.#lostReason;
    });
  }

  /** Runs a built-in kernel. `groups` is a count, folded past 65,535 per dimension, or the three counts. */
  run<S extends Shader>(
    shader: S,
    args: RunArgs<S>,
    groups: number | readonly [number, number, number],
    overrides?: OverridesOf<S>,
  ): void {
    this.dispatch(this.#kernelFor(shader, overrides), args, groups);
  }

  /** Like `run`, with params that change: `refresh` is asked for them now, and again at each replay of a capture. */
  runDynamic<S extends Shader, K extends keyof RunArgs<S>>(
    shader: S,
    args: Omit<RunArgs<S>, K>,
    refresh: () => Pick<RunArgs<S>, K> & ReturnType<Refresh>,
    groups: number | readonly [number, number, number],
    overrides?: OverridesOf<S>,
  ): void {
    this.dispatch(this.#kernelFor(shader, overrides), { ...args, ...refresh() }, groups, refresh);
  }

  /**
   * Runs `fn` now and again at this point of every replay of the capture being recorded: for host counters. `undo` takes
   * one run back, for captures that check themselves.
   */
  onReplay(fn: () => void, undo: () => void = () => undefined): void {
    fn();
    this.recorder.tape?.onReplay(fn, undo);
  }

  /** Tells a capture being recorded that what `value` gives decides what is recorded. */
  addCaptureGuard(value: () => unknown): void {
    this.recorder.tape?.addCaptureGuard(value);
  }

  /** Runs `fn` as if no capture were being recorded: on the device's own pool, and not on the tape. */
  outsideCapture<T>(fn: () => T): T {
    const [pool, tape] = [this.pool, this.recorder.tape];
    this.pool = this.#rootPool;
    this.recorder.tape = undefined;
    try {
      return fn();
    } finally {
      this.pool = pool;
      this.recorder.tape = tape;
    }
  }

  dispatch(
    kernel: ComputeKernel,
    args: KernelArgs,
    groups: number | readonly [number, number, number],
    refresh?: Refresh,
  ): void {
    this.assertOpen(kernel.label);
    const [x, y, z] = typeof groups === "number" ? foldWorkgroups(groups) : groups;
    if (x * y * z === 0) return;
    this.recorder.debug?.dispatch(kernel, kernel.slices(args), [x, y, z], this.operation);
    if (this.validation) this.#validated(kernel, () => this.recorder.dispatch(kernel, args, x, y, z, refresh));
    else this.recorder.dispatch(kernel, args, x, y, z, refresh);
  }

  /** Submits one dispatch alone, so that what WebGPU finds wrong with it can be told with its operation and shapes. */
  #validated(kernel: ComputeKernel, record: () => void): void {
    const where = formatOperation(this.operation);
    this.recorder.flush();
    this.#errorScopes.check(
      () => {
        record();
        this.recorder.flush();
      },
      (message) => new ValidationError(`kernel '${kernel.label}'${where}: ${message}`),
    );
  }

  /** The kernel of a shader with these overrides, made once. */
  kernelOf(shader: Shader, overrides: OverrideValues = {}): ComputeKernel {
    return this.#kernels.of(shader, overrides);
  }

  /** Awaits what the GPU must do first. */
  wait<T>(promise: Promise<T>): Promise<T> {
    const { smallDispatchCount } = this.recorder;
    const tiny = smallDispatchCount - this.#waitedFor;
    this.#waitedFor = smallDispatchCount;
    return this.#wait(promise, tiny);
  }

  /** Copies a slice to the host, after everything recorded so far. */
  async read(slice: BufferSlice): Promise<ArrayBuffer> {
    this.assertOpen("read");
    this.recorder.tape?.assertNotCapturing("a read of a tensor's values");
    if (slice.size === 0) return new ArrayBuffer(0);
    const size = Math.ceil(slice.size / 4) * 4;
    const wanted = { label: "readback", size: size + FAULT_BYTES, usage: usage.MAP_READ | usage.COPY_DST };
    const [losses, sure] = [this.losses.count, this.recorder.submitIndex];
    const staging = this.makeBuffer(wanted, "read");
    this.recorder.encoder().copyBufferToBuffer(slice.buffer.gpu, slice.offset, staging, 0, size);
    const mayFault = this.faults.copyTo(staging, size);
    noteUse(slice.buffer, this.recorder.submitIndex);
    this.recorder.flush();
    try {
      await this.wait(staging.mapAsync(1));
    } catch (cause) {
      if (!this.#lostReason && !this.#closed) await this.#errorScopes.throwFirst();
      throw this.#failure(cause);
    }
    const mapped = staging.getMappedRange();
    const bytes = mapped.slice(0, slice.size);
    const faults = new Int32Array(mapped.slice(size));
    staging.destroy();
    await this.#settled(sure);
    // Another read may have thrown the error that made this one's values doubtful.
    if (losses < this.losses.count) throw lostError("read: what is read");
    if (mayFault) this.faults.throwIfAny(faults);
    return bytes;
  }

  /** Resolves when the GPU has done everything recorded so far. Throws what WebGPU found wrong with it. */
  async sync(): Promise<void> {
    this.assertOpen("sync");
    this.recorder.tape?.assertNotCapturing("device.sync()");
    this.recorder.flush();
    const sure = this.recorder.submitIndex;
    await this.wait(this.gpu.queue.onSubmittedWorkDone());
    if (this.#lostReason) throw this.#failure(undefined);
    await this.#settled(sure);
  }

  /** All submits before `sure` are done: throws what WebGPU found wrong with them. */
  async #settled(sure: number): Promise<void> {
    this.#rootPool.pressure.turned();
    await this.#errorScopes.throwFirst();
    this.#sureSubmit = Math.max(this.#sureSubmit, sure);
  }

  /** "closed" or "lost"; undefined where it can be used. */
  get end(): "closed" | "lost" | undefined {
    return this.#closed ? "closed" : this.#lostReason ? "lost" : undefined;
  }

  memory(): MemoryUse {
    const { live, pooled, peak } = this.#rootPool.bytes;
    return { tensors: this.tensorCount, liveBytes: live, pooledBytes: pooled, peakBytes: peak };
  }

  /** The garbage collector has freed memory of this device. */
  collected(): void {
    this.#rootPool.pressure.settle();
  }

  /** The WebGPU errors that nothing has thrown yet; the list is then empty. */
  takeErrors(): Error[] {
    return this.#errorScopes.take();
  }

  /** Registers what must be freed at `close()`; returns the way to unregister. */
  onClose(fn: () => void): () => void {
    this.#onClose.add(fn);
    return () => this.#onClose.delete(fn);
  }

  /** Finishes what is recorded and frees the GPU; a Node process or worker can then end in any way. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.recorder.flush();
    if (!this.#lostReason) await this.wait(this.gpu.queue.onSubmittedWorkDone()).catch(() => undefined);
    // A process that ends with an answer of Dawn still to come is aborted.
    await this.wait(this.#errorScopes.settled());
    this.#closed = true;
    for (const fn of this.#onClose) fn();
    this.#errorScopes.close();
    this.recorder.destroy();
    if (this.#ownsGpu) this.gpu.destroy();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Neither closed nor lost. */
  get isUsable(): boolean {
    return !this.#closed && this.#lostReason === undefined;
  }

  assertOpen(op: string): void {
    if (this.#closed) throw new DisposedError(`${op}: the device was closed; call init() for a new one`);
    if (this.#lostReason) throw this.#failure(undefined);
  }

  /** A kernel of ours: its workgroup size, where it is open and not given, is what suits this adapter. */
  #kernelFor(shader: Shader, overrides?: OverrideValues): ComputeKernel {
    const open = shader.workgroupSize[0] === "WORKGROUP" && overrides?.WORKGROUP === undefined;
    return this.kernelOf(shader, open ? { ...overrides, WORKGROUP: workgroupSize(this) } : overrides);
  }

  /** A buffer of the library's own. `refused` is called when the driver turns out to have no memory for it; the next read throws. */
  makeBuffer(descriptor: GPUBufferDescriptor, what: string, refused: () => void = () => undefined): GPUBuffer {
    const first = this.recorder.submitIndex;
    return this.#errorScopes.allocate(
      () => this.gpu.createBuffer(descriptor),
      () => {
        refused();
        return this.#outOfMemory(`${what}: the driver has no memory for ${descriptor.size} bytes`, first);
      },
    );
  }

  /** The driver refused memory: what was written since submit `from` is lost, and what is free goes back. */
  #outOfMemory(what: string, from: number): OutOfMemoryError {
    const { live, pooled } = this.#rootPool.bytes;
    this.recorder.flush();
    this.losses.add({ from, to: this.recorder.submitIndex - 1 });
    this.#rootPool.destroyIdle(this.recorder.submitIndex);
    this.#rootPool.pressure.relieve();
    return new OutOfMemoryError(
      `${what}; ${live} bytes are in live tensors, ${pooled} were kept for reuse. What was computed since it was asked for is lost. To need less: ${RECIPE}`,
    );
  }

  #failure(cause: unknown): Error {
    if (this.#lostReason)
      return new DeviceLostError(`the GPU device was lost (${this.#lostReason}); call init() for a new one`);
    if (this.#closed) return new DisposedError("the device was closed before the read was done");
    return new DeviceLostError(`a read failed: ${String(cause)}`);
  }
}
