/** GPU buffers by size class: who holds one, what is free, and how many bytes that makes. */
import { check, OutOfMemoryError } from "../errors.ts";
import type { Written } from "./lost-memory.ts";
import { MemoryPressure } from "./memory-pressure.ts";

/** WebGPU's usage flags as numbers: Node has no `GPUBufferUsage` global. */
export const usage = {
  MAP_READ: 0x1,
  COPY_SRC: 0x4,
  COPY_DST: 0x8,
  UNIFORM: 0x40,
  STORAGE: 0x80,
  QUERY_RESOLVE: 0x200,
};

/** Byte alignment of every tensor that a kernel binds directly: WebGPU's default storage offset alignment. */
export const ALIGNMENT = 256;

/** A pooled buffer. `lastUse` is the submit that last touched it; `pins` counts captures that hold it. */
export interface GpuBuffer extends Written {
  readonly gpu: GPUBuffer;
  readonly bytes: number;
  readonly id: number;
  readonly pool: BufferPool;
  lastUse: number;
  /** The number of commands that have used it. */
  uses: number;
  pins: number;
  free: boolean;
  /** True if its bytes count as live. */
  counted: boolean;
  /** The stand-in that its owner left for the next one: see tensor/external-memory.ts. */
  standIn: ArrayBuffer | undefined;
}

/** Notes that a command of a submit uses a buffer. */
export function noteUse(buffer: GpuBuffer, submit: number): void {
  buffer.lastUse = submit;
  buffer.uses++;
}

/** The scalar types that kernels read and write. */
export type ElementType = "f32" | "f16" | "i32" | "u32";

/**
 * A byte range of a buffer, as a kernel binds it. Where it says so, `D` is its elements' type and `A` what a kernel may
 * do with it, and a binding of another type or access does not compile; one that says nothing fits every binding.
 */
// biome-ignore lint/suspicious/noExplicitAny: what is assignable both to and from every type
export interface BufferSlice<D extends ElementType = any, A extends "read" | "read_write" = any> {
  readonly buffer: GpuBuffer;
  readonly offset: number;
  readonly size: number;
  /** Never present: carry the types. */
  readonly element?: D;
  readonly access?: A;
}

/** Makes a buffer; `refused` is called when the driver turns out not to give the memory. */
export type MakeBuffer = (descriptor: GPUBufferDescriptor, what: string, refused: () => void) => GPUBuffer;

export interface PoolBytes {
  live: number;
  pooled: number;
  peak: number;
}

/** Rounds to a size class: powers of two cut in eight, so at most an eighth is wasted and classes repeat. */
export function sizeClass(bytes: number): number {
  if (bytes <= 2048) return Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
  const step = 2 ** (Math.ceil(Math.log2(bytes)) - 4);
  return Math.ceil(bytes / step) * step;
}

/** Pooled bytes below this are never given back to the driver. */
const KEEP_BYTES = 256 * 2 ** 20;

/**
 * Returns the place of a buffer in a list by falling id. The one with the least is handed out first, whatever order
 * they came back in: a step that repeats then gets the same buffers, for which bind groups are there.
 */
function placeOf(id: number, list: readonly GpuBuffer[]): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as GpuBuffer).id > id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * A pool of storage buffers. A child pool (a capture's) takes buffers from its parent and keeps them until it is
 * drained, so that what was recorded stays bound to the same memory.
 */
export class BufferPool {
  readonly bytes: PoolBytes;
  readonly pressure: MemoryPressure;
  /** Called with each buffer that becomes free; the tests poison it here. */
  onFree: ((buffer: GpuBuffer) => void) | undefined;
  /** Rises whenever buffers were destroyed, so that caches over buffers know to forget them. */
  generation = 0;
  readonly #gpu: GPUDevice;
  readonly #make: MakeBuffer;
  readonly #parent: BufferPool | undefined;
  readonly #free = new Map<number, GpuBuffer[]>();
  readonly #owned = new Set<GpuBuffer>();
  #nextId = 1;

  constructor(gpu: GPUDevice, make: MakeBuffer, parent?: BufferPool) {
    this.#gpu = gpu;
    this.#make = make;
    this.#parent = parent;
    this.bytes = parent?.bytes ?? { live: 0, pooled: 0, peak: 0 };
    this.pressure = parent?.pressure ?? new MemoryPressure(this.bytes, gpu.limits.maxStorageBufferBindingSize);
  }

  /** A buffer of at least `bytes`, its content undefined. `what` names the wanted thing in the error. */
  acquire(bytes: number, what: () => string): GpuBuffer {
    const size = sizeClass(bytes);
    if (this.bytes.live + size > this.pressure.limit) this.pressure.relieve();
    const buffer = this.#reuse(size) ?? this.#take(size, what);
    buffer.free = false;
    buffer.lastWrite = 0;
    buffer.lost = 0;
    buffer.counted = true;
    this.bytes.pooled -= size;
    this.bytes.live += size;
    this.bytes.peak = Math.max(this.bytes.peak, this.bytes.live);
    return buffer;
  }

  /** Gives a buffer back to the pool it came from, at once or when the last pin goes. */
  release(buffer: GpuBuffer): void {
    if (buffer.free) return;
    if (buffer.pool !== this) {
      buffer.pool.release(buffer);
      return;
    }
    this.uncount(buffer);
    buffer.free = true;
    if (buffer.pins === 0) this.#returnToFreeList(buffer);
  }

  /** Counts a buffer as pooled although somebody may still read it: it will be freed without its owner's doing. */
  uncount(buffer: GpuBuffer): void {
    if (!buffer.counted) return;
    buffer.counted = false;
    this.bytes.live -= buffer.bytes;
    this.bytes.pooled += buffer.bytes;
  }

  /** Keeps a buffer's memory from being handed to anybody else, even after its release. */
  pin(buffer: GpuBuffer): void {
    buffer.pins++;
  }

  unpin(buffer: GpuBuffer): void {
    buffer.pins--;
    if (buffer.pins === 0 && buffer.free) buffer.pool.#returnToFreeList(buffer);
  }

  /** A pool whose buffers stay its own until `drain`. */
  child(): BufferPool {
    return new BufferPool(this.#gpu, this.#make, this);
  }

  /** Hands a child's buffers back to its parent; ones still live follow when they are released. */
  drain(): void {
    const parent = this.#parent;
    if (!parent) return;
    for (const list of this.#free.values()) for (const buffer of list) parent.#transferToParent(buffer);
    for (const buffer of this.#owned) if (!buffer.free) parent.#transferToParent(buffer);
    this.#free.clear();
    this.#owned.clear();
  }

  /** Destroys free buffers that the GPU no longer needs, when more is pooled than is worth keeping. */
  trim(submitted: number): void {
    if (this.bytes.pooled > Math.max(KEEP_BYTES, this.bytes.live)) this.destroyIdle(submitted);
  }

  /** Gives the memory of all free buffers that the GPU no longer needs back to the driver. */
  destroyIdle(submitted: number): void {
    for (const [size, list] of this.#free) {
      const idle = list.filter((buffer) => buffer.lastUse < submitted);
      if (idle.length === 0) continue;
      for (const buffer of idle) buffer.gpu.destroy();
      this.bytes.pooled -= idle.length * size;
      this.#free.set(
        size,
        list.filter((buffer) => !idle.includes(buffer)),
      );
      this.generation++;
    }
  }

  #take(size: number, what: () => string): GpuBuffer {
    if (!this.#parent) return this.#create(size, what);
    const taken = this.#parent.#reuse(size) ?? this.#parent.#take(size, what);
    const buffer: GpuBuffer = { ...taken, pool: this };
    this.#owned.add(buffer);
    return buffer;
  }

  #create(size: number, what: () => string): GpuBuffer {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#gpu.limits;
    const allowed = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    check(
      size <= allowed,
      OutOfMemoryError,
      () => `${what()}: needs ${size} bytes in one buffer, this adapter allows ${allowed}`,
    );
    const flags = usage.STORAGE | usage.COPY_SRC | usage.COPY_DST;
    const creation = { refused: false };
    const gpu = this.#make({ label: `pool ${size}`, size, usage: flags }, what(), () => {
      creation.refused = true;
      // Bind groups with it are of no more use.
      this.generation++;
    });
    this.bytes.pooled += size;
    return {
      gpu,
      bytes: size,
      id: this.#nextId++,
      pool: this,
      lastUse: 0,
      uses: 0,
      pins: 0,
      free: true,
      counted: false,
      creation,
      standIn: undefined,
      lastWrite: 0,
      lost: 0,
      lossesSeen: 0,
    };
  }

  /** A free buffer of this size; ones that the driver refused meanwhile are let go. */
  #reuse(size: number): GpuBuffer | undefined {
    const list = this.#free.get(size);
    let buffer = list?.pop();
    while (buffer?.creation.refused) {
      this.bytes.pooled -= size;
      buffer = list?.pop();
    }
    return buffer;
  }

  #returnToFreeList(buffer: GpuBuffer): void {
    if (buffer.creation.refused) {
      this.bytes.pooled -= buffer.bytes;
      return;
    }
    const list = this.#free.get(buffer.bytes) ?? [];
    if (list.length === 0) this.#free.set(buffer.bytes, list);
    list.splice(placeOf(buffer.id, list), 0, buffer);
    this.onFree?.(buffer);
  }

  #transferToParent(buffer: GpuBuffer): void {
    (buffer as { pool: BufferPool }).pool = this;
    if (buffer.free && buffer.pins === 0) this.#returnToFreeList(buffer);
  }
}
