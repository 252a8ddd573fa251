/**
 * Memory for the copied outputs of calls. Slots are cut from chunks, so that few calls make a buffer; a chunk goes back to
 * the pool, or round again, when the last handle on it is gone.
 */

import { ALIGNMENT } from "../gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { Storage } from "../tensor/storage.ts";

/** The memory of one output in one call. */
export interface Slot {
  readonly within: Storage;
  readonly offset: number;
}

/** Calls that share a chunk: as many as fit, up to a bound, since one handle that is kept keeps the whole chunk. */
const CHUNK = { bytes: 256 * 1024, calls: 64 };

export class OutputSlots {
  readonly #device: Device;
  /** Offset of each output in the memory of a call, and the bytes of all. */
  readonly #offsets: number[] = [];
  readonly #bytes: number;
  readonly #calls: number;
  /** True if the outputs do not count as live: see `Tensor.spend`. */
  readonly #isSpent: boolean;
  #chunk: Storage | undefined;
  #next = 0;

  constructor(device: Device, sizes: readonly number[], isSpent: boolean) {
    this.#device = device;
    this.#isSpent = isSpent;
    let bytes = 0;
    for (const size of sizes) {
      this.#offsets.push(bytes);
      bytes += Math.max(1, Math.ceil(size / ALIGNMENT)) * ALIGNMENT;
    }
    this.#bytes = bytes;
    this.#calls = Math.max(1, Math.min(CHUNK.calls, Math.floor(CHUNK.bytes / Math.max(1, bytes))));
  }

  /** The slots of one call. */
  take(): Slot[] {
    if (this.#offsets.length === 0) return [];
    const within = this.#chunkWithRoom();
    const start = this.#next++ * this.#bytes;
    return this.#offsets.map((offset) => ({ within, offset: start + offset }));
  }

  dispose(): void {
    this.#chunk?.release();
    this.#chunk = undefined;
  }

  #chunkWithRoom(): Storage {
    if (this.#chunk && this.#next < this.#calls) return this.#chunk;
    this.#next = 0;
    if (this.#chunk?.exclusive) return this.#chunk;
    const bytes = this.#calls * this.#bytes;
    const chunk = runtimeOf(this.#device).outsideCapture(
      () => new Storage(this.#device, bytes, () => "the outputs of a capture"),
    );
    if (this.#isSpent) chunk.buffer.pool.uncount(chunk.buffer);
    this.dispose();
    chunk.retain();
    this.#chunk = chunk;
    return chunk;
  }
}
