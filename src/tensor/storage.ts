/** The memory behind tensors: one range of a pooled buffer, shared by all views of it and freed with the last. */

import type { BufferSlice, GpuBuffer } from "../gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";

export type Dtype = "f32" | "f16" | "i32" | "u32" | "bool";
export const DTYPES: readonly Dtype[] = ["f32", "f16", "i32", "u32", "bool"];

/** Bytes of an element; a bool is a whole word, 0 or 1, since WGSL has no smaller storage. */
export const bytesOf = (dtype: Dtype): number => (dtype === "f16" ? 2 : 4);

export const isFloat = (dtype: Dtype): boolean => dtype === "f32" || dtype === "f16";

export class Storage {
  readonly device: Device;
  readonly bytes: number;
  /** The larger storage that this one is a range of: an optimizer's, or one of captured outputs. */
  flat: Storage | undefined;
  /** True if a captured function gave it: there is no graph behind it. */
  isCaptured = false;
  /** Why nobody may use it any more, though its memory lives on: it was handed on. */
  revoked: string | undefined;
  /** The number of the device's losses that came before it was last written as a whole. */
  #restored = 0;
  /** The storage that a window shows. */
  #source: Storage | undefined;
  #writes = 0;
  #buffer: GpuBuffer;
  /** Byte offset in the buffer, a multiple of ALIGNMENT. */
  #offset = 0;
  #refs = 0;
  #spent = 0;

  /** `memory`: the name of a buffer of its own for errors, or a range of another storage that it shares. */
  constructor(device: Device, bytes: number, memory: (() => string) | { within: Storage; offset: number }) {
    this.device = device;
    this.bytes = bytes;
    if (typeof memory === "function") this.#buffer = runtimeOf(device).pool.acquire(Math.max(bytes, 16), memory);
    else {
      memory.within.retain();
      this.flat = memory.within;
      this.#buffer = memory.within.buffer;
      this.#offset = memory.within.offset + memory.offset;
    }
  }

  /** The same memory for users who can be cut off: when `revoked` is set, every view of the window throws it. */
  window(): Storage {
    const window = new Storage(this.device, this.bytes, { within: this, offset: 0 });
    window.#source = this;
    return window;
  }

  /** The number of fills, copies and uploads into it: a layer sees by it whether its first values are still there. */
  get version(): number {
    return this.#source ? this.#source.version : this.#writes;
  }

  set version(count: number) {
    if (this.#source) this.#source.version = count;
    else this.#writes = count;
  }

  get buffer(): GpuBuffer {
    return this.#buffer;
  }

  get offset(): number {
    return this.#offset;
  }

  /** True if its values were lost when memory ran out. */
  get isLost(): boolean {
    return runtimeOf(this.device).losses.met(this.#buffer, this.#restored);
  }

  /** All of it is written anew, or has no values that anybody may rely on. */
  restore(): void {
    this.#restored = runtimeOf(this.device).losses.count;
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

  /** True if one handle alone refers to this memory. */
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
    this.relocate(flat, offset);
    layout.epoch++;
  }

  /** Like `moveInto`, for memory that no capture has recorded. */
  relocate(flat: Storage, offset: number): void {
    flat.retain();
    if (this.flat) this.flat.release();
    else this.#buffer.pool.release(this.#buffer);
    this.flat = flat;
    this.#buffer = flat.buffer;
    this.#offset = flat.offset + offset;
  }

  /** `size` bytes from `offset` on, rounded up so that a kernel's last vec4 is in bounds. */
  slice(offset: number, size: number): BufferSlice {
    return { buffer: this.#buffer, offset: this.#offset + offset, size: Math.max(16, Math.ceil(size / 16) * 16) };
  }
}

/** Rises when any storage moved: recorded bind groups may then point at the old place. */
export const layout = { epoch: 0 };
