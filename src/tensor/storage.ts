/** The memory behind tensors: one range of a pooled buffer, shared by all views of it and freed with the last. */

import type { BufferSlice, GpuBuffer } from "../gpu/buffer-pool.ts";
import type { Device } from "../gpu/device.ts";

export type Dtype = "f32" | "f16" | "i32" | "u32" | "bool";
export const DTYPES: readonly Dtype[] = ["f32", "f16", "i32", "u32", "bool"];

/** Bytes of an element; a bool is a whole word, 0 or 1, since WGSL has no smaller storage. */
export const bytesOf = (dtype: Dtype): number => (dtype === "f16" ? 2 : 4);

export const isFloat = (dtype: Dtype): boolean => dtype === "f32" || dtype === "f16";

export class Storage {
  readonly device: Device;
  readonly bytes: number;
  /** Set when this range was moved into a larger, flat storage (an optimizer's). */
  flat: Storage | undefined;
  /** How often it was filled, copied into or uploaded to: a layer sees by it whether its first values are still there. */
  version = 0;
  #buffer: GpuBuffer;
  /** Byte offset in the buffer, a multiple of ALIGNMENT. */
  #offset = 0;
  #refs = 0;
  #spent = 0;

  constructor(device: Device, bytes: number, what: () => string) {
    this.device = device;
    this.bytes = bytes;
    this.#buffer = device.pool.acquire(Math.max(bytes, 16), what);
  }

  get buffer(): GpuBuffer {
    return this.#buffer;
  }

  get offset(): number {
    return this.#offset;
  }

  retain(): void {
    this.#refs++;
  }

  /** `spent`: by a handle that `spend` was called for. */
  release(spent = false): void {
    if (spent) this.#spent--;
    this.#refs--;
    this.#countSpent();
    if (this.#refs > 0) return;
    if (this.flat) this.flat.release();
    else this.#buffer.pool.release(this.#buffer);
  }

  /** Whether one handle alone refers to this memory. */
  get exclusive(): boolean {
    return this.#refs === 1 && !this.flat;
  }

  /** One handle is used up; when all are, the memory leaves the count of live bytes. */
  spend(): void {
    this.#spent++;
    this.#countSpent();
  }

  #countSpent(): void {
    if (this.#spent > 0 && this.#spent >= this.#refs && !this.flat) this.#buffer.pool.uncount(this.#buffer);
  }

  /** Points this storage, and so every view of it, at a range of `flat`. The values are not copied. */
  moveInto(flat: Storage, offset: number): void {
    flat.retain();
    if (this.flat) this.flat.release();
    else this.#buffer.pool.release(this.#buffer);
    this.flat = flat;
    this.#buffer = flat.buffer;
    this.#offset = flat.offset + offset;
    layout.epoch++;
  }

  /** `size` bytes from `offset` on, rounded up so that a kernel's last vec4 is in bounds. */
  slice(offset: number, size: number): BufferSlice {
    return { buffer: this.#buffer, offset: this.#offset + offset, size: Math.max(16, Math.ceil(size / 16) * 16) };
  }
}

/** Rises when any storage moved: recorded bind groups may then point at the old place. */
export const layout = { epoch: 0 };
