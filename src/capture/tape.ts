/** The commands of one captured run, and the loop that plays them again. */
import { CaptureError, check } from "../errors.ts";
import { type BufferPool, type GpuBuffer, noteUse, usage } from "../gpu/buffer-pool.ts";
import { type Dispatch, isSmallDispatch, type Tape } from "../gpu/command-recorder.ts";
import type { Refresh } from "../gpu/compute-kernel.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { type ParamWords, paramWords } from "../gpu/uniform-arena.ts";
import type { ReplayTiming } from "../kernels/tuning/background.ts";
import type { GradientRecorder } from "../tensor/gradient-recorders.ts";
import {
  cutOffGrad,
  gradientRecorders,
  gradOf,
  isOwnGrad,
  ownGrad,
  putGrad,
  storageOf,
  type Tensor,
} from "../tensor/tensor.ts";
import { fuseElementwise } from "./fuse.ts";

/** Something that host code must do before a replay, in the order of recording. */
type HostStep =
  | { readonly run: () => void; readonly undo: () => void }
  | { readonly entry: Dispatch; readonly refresh: Refresh };

interface Guard {
  readonly value: () => unknown;
  readonly recorded: unknown;
}

/** A dispatch as the replay plays it. */
interface Command {
  readonly entry: Dispatch;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

function encode(pass: GPUComputePassEncoder, { pipeline, group, x, y, z }: Command): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(x, y, z);
}

const PASS = { label: "gradwell replay" };
/** The name in debug messages for want of an operation. */
const REPLAY = { name: "a replay", shapes: () => "a capture" };

export class RecordedTape implements Tape, GradientRecorder<Tensor> {
  readonly #device: Device;
  readonly #pool: BufferPool;
  #entries: Dispatch[] = [];
  /** The buffers written to, each with the operation that did so last, by name. */
  readonly #writers = new Map<GpuBuffer, string>();
  #hostSteps: HostStep[] = [];
  readonly #guards: Guard[] = [];
  readonly #pinned = new Set<GpuBuffer>();
  readonly #gradLeaves = new Set<Tensor>();
  readonly #overwrittenGrads = new Set<Tensor>();
  #finalGrads: (readonly [Tensor, Tensor | null])[] = [];
  readonly #slotBytes: number;
  /** Offset of each entry's params in the uniform buffer, in words. */
  readonly #offsets = new Map<Dispatch, number>();
  #commands: Command[] = [];
  #tiny = 0;
  #writtenByReplay: readonly GpuBuffer[] | undefined;
  /** The timing of the next replay, where tuning asks for it. */
  timing: ReplayTiming | undefined;
  #uniform: GPUBuffer | undefined;
  #words: ParamWords | undefined;

  constructor(device: Device, pool: BufferPool) {
    this.#device = device;
    this.#pool = pool;
    this.#slotBytes = device.limits.minUniformBufferOffsetAlignment;
    gradientRecorders.register(this, this);
  }

  get length(): number {
    return this.#entries.length;
  }

  dispatch(entry: Dispatch): void {
    this.#entries.push(entry);
    if (entry.refresh) this.#hostSteps.push({ entry, refresh: entry.refresh });
    const { bindings } = entry.kernel.shader;
    const writer = runtimeOf(this.#device).operation?.name ?? entry.kernel.label;
    entry.slices.forEach(({ buffer }, i) => {
      this.#hold(buffer);
      if (bindings[i]?.access === "read_write") this.#writers.set(buffer, writer);
    });
  }

  onReplay(fn: () => void, undo: () => void): void {
    this.#hostSteps.push({ run: fn, undo });
  }

  addCaptureGuard(value: () => unknown): void {
    this.#guards.push({ value, recorded: value() });
  }

  recordGrad(leaf: Tensor): void {
    this.#gradLeaves.add(leaf);
  }

  guardGrad(leaf: Tensor): void {
    if (this.#gradLeaves.has(leaf)) return;
    this.addCaptureGuard(() => {
      const gradient = gradOf(leaf);
      return gradient && storageOf(gradient);
    });
    this.#gradLeaves.add(leaf);
  }

  overwritesGrad(gradient: Tensor): void {
    this.#overwrittenGrads.add(gradient);
  }

  assertNotCapturing(what: string, instead = "do it outside the captured function"): void {
    throw new CaptureError(`capture: ${what} cannot be captured; ${instead}`);
  }

  /** True if everything that the recording depended on is as it was. */
  guardsPass(): boolean {
    for (const { value, recorded } of this.#guards) if (value() !== recorded) return false;
    return true;
  }

  /** Makes what replays need: one uniform buffer with all params, and bind groups over it. */
  finish(): void {
    const { gpu } = this.#device;
    this.#entries = fuseElementwise(this.#device, this.#entries, (buffer) => buffer.pool === this.#pool && buffer.free);
    const size = Math.max(16, this.#assignOffsets());
    const descriptor = { label: "capture params", size, usage: usage.UNIFORM | usage.COPY_DST };
    this.#uniform = runtimeOf(this.#device).makeBuffer(descriptor, "capture");
    const memory = new ArrayBuffer(size);
    this.#words = paramWords(memory);
    for (const entry of this.#entries) {
      const at = this.#offsetOf(entry);
      this.#words.u32.set(entry.params, at);
      if (isSmallDispatch(...entry.groups)) this.#tiny++;
      const { kernel, slices, groups } = entry;
      const group = kernel.makeBindGroup(slices, this.#uniform, 4 * at);
      this.#commands.push({ entry, pipeline: kernel.pipeline, group, x: groups[0], y: groups[1], z: groups[2] });
    }
    gpu.queue.writeBuffer(this.#uniform, 0, memory);
    this.#finalGrads = [...this.#gradLeaves].map((leaf) => [leaf, gradOf(leaf)] as const);
    for (const [, gradient] of this.#finalGrads) if (gradient) this.#share(gradient);
  }

  /** A gradient that the recording made is written anew by every replay; one from before is added to. */
  #share(gradient: Tensor): void {
    const isOfTape = storageOf(gradient).buffer.pool === this.#pool;
    if (isOfTape) this.#overwrittenGrads.add(gradient);
    if (isOfTape || isOwnGrad(gradient)) ownGrad(gradient, true);
  }

  /** Assigns every entry an offset in the uniform buffer; returns the total bytes. */
  #assignOffsets(): number {
    let bytes = 0;
    for (const entry of this.#entries) {
      this.#offsets.set(entry, bytes / 4);
      bytes += Math.ceil((entry.params.length * 4) / this.#slotBytes) * this.#slotBytes;
    }
    return bytes;
  }

  /** One encoder, one pass, one submit, with a read that follows at once. `before` and `after` add the copies of inputs and outputs. */
  replay<T>(before: (encoder: GPUCommandEncoder) => void, after: (encoder: GPUCommandEncoder) => T): T {
    const { recorder, gpu } = runtimeOf(this.#device);
    this.#advance(gpu);
    const encoder = recorder.encoder();
    before(encoder);
    if (recorder.timer) this.#playTimed(encoder);
    else this.#play(encoder, this.timing?.descriptor ?? PASS);
    this.timing?.encoded(encoder);
    recorder.dispatchCount += this.#entries.length;
    recorder.smallDispatchCount += this.#tiny;
    if (recorder.debug)
      for (const { kernel, slices, groups } of this.#entries) recorder.debug.dispatch(kernel, slices, groups, REPLAY);
    for (const buffer of this.#pinned) noteUse(buffer, recorder.submitIndex);
    this.#writtenByReplay ??= [...this.written];
    for (const buffer of this.#writtenByReplay) recorder.wrote(buffer);
    for (const [leaf, gradient] of this.#finalGrads) if (gradOf(leaf) !== gradient) putGrad(leaf, gradient);
    for (const gradient of this.#overwrittenGrads) cutOffGrad(gradient);
    const result = after(encoder);
    recorder.flushSoon();
    if (this.timing) {
      recorder.flush();
      this.timing.submitted();
    }
    return result;
  }

  /** Takes back what the last replay did to host counters. */
  undo(): void {
    for (const step of this.#hostSteps.toReversed()) if ("undo" in step) step.undo();
  }

  /** The buffers that outlive the tape and that it writes to. */
  get written(): GpuBuffer[] {
    return [...this.#writers.keys()].filter((buffer) => this.#pinned.has(buffer));
  }

  /** Name of the operation that wrote to a buffer last; undefined where none does. */
  writerOf(buffer: GpuBuffer): string | undefined {
    return this.#writers.get(buffer);
  }

  /** Leaves whose `grad` the tape sets. */
  get gradLeaves(): ReadonlySet<Tensor> {
    return this.#gradLeaves;
  }

  free(): void {
    for (const buffer of this.#pinned) buffer.pool.unpin(buffer);
    this.#pinned.clear();
    this.#uniform?.destroy();
  }

  #advance(gpu: GPUDevice): void {
    const words = this.#words as ParamWords;
    let dynamic = false;
    for (const step of this.#hostSteps) {
      if ("run" in step) step.run();
      else {
        step.entry.kernel.repack(step.refresh(), words, this.#offsetOf(step.entry));
        dynamic = true;
      }
    }
    if (dynamic) gpu.queue.writeBuffer(this.#uniform as GPUBuffer, 0, words.u32.buffer as ArrayBuffer);
  }

  #play(encoder: GPUCommandEncoder, descriptor: GPUComputePassDescriptor): void {
    const pass = encoder.beginComputePass(descriptor);
    for (const command of this.#commands) encode(pass, command);
    pass.end();
  }

  #playTimed(encoder: GPUCommandEncoder): void {
    const words = this.#words as ParamWords;
    for (const command of this.#commands) {
      const { kernel, slices } = command.entry;
      const timed = runtimeOf(this.#device).recorder.timer?.pass(kernel, slices, words, this.#offsetOf(command.entry));
      const pass = encoder.beginComputePass(timed);
      encode(pass, command);
      pass.end();
    }
  }

  #offsetOf(entry: Dispatch): number {
    const offset = this.#offsets.get(entry);
    check(offset !== undefined, CaptureError, () => `capture: '${entry.kernel.label}' has no place for its params`);
    return offset;
  }

  /** Buffers of others must not be handed on while replays use them. */
  #hold(buffer: GpuBuffer): void {
    if (buffer.pool === this.#pool || this.#pinned.has(buffer)) return;
    this.#pinned.add(buffer);
    buffer.pool.pin(buffer);
  }
}
