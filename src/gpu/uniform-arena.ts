/**
 * Uniform memory for the params of dispatches: each bind group has its own slot, which keeps what was last written, so params
 * that repeat are uploaded once. One slot for all, with a dynamic offset, would need fewer bind groups, but a dynamic
 * offset costs lavapipe 20 us in every dispatch.
 */
import { type MakeBuffer, usage } from "./buffer-pool.ts";

/** Bytes of a uniform buffer that slots are cut from: what is rewritten, at most, for one slot that changed. */
const PAGE_BYTES = 16 * 1024;
/** The most that the params of one dispatch may take: twice what every adapter must allow. */
const LARGEST_BYTES = 128 * 1024;

/** Views of one memory, into which params are written. */
export interface ParamWords {
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
}

/** Views of `memory`. */
export const paramWords = (memory: ArrayBuffer): ParamWords => ({
  u32: new Uint32Array(memory),
  i32: new Int32Array(memory),
  f32: new Float32Array(memory),
});

interface Page {
  readonly gpu: GPUBuffer;
  readonly words: Uint32Array<ArrayBuffer>;
  /** Words in use, from the start. */
  used: number;
  /** The words to upload before the next submit. */
  dirty: readonly [number, number];
  refused: boolean;
}

/** Memory for the params of one bind group. `lastUse` is the submit that last read it. */
export interface UniformSlot {
  readonly page: Page;
  /** Its first word in the page. */
  readonly at: number;
  readonly length: number;
  lastUse: number;
}

const CLEAN = [Number.POSITIVE_INFINITY, 0] as const;

export class UniformArena {
  /** The params of the dispatch that is being recorded, from word 0 on. */
  readonly next: ParamWords;
  readonly #gpu: GPUDevice;
  readonly #slotWords: number;
  readonly #make: MakeBuffer;
  #pages: Page[] = [];
  readonly #given: UniformSlot[] = [];

  constructor(gpu: GPUDevice, make: MakeBuffer) {
    this.#gpu = gpu;
    this.#make = make;
    this.#slotWords = gpu.limits.minUniformBufferOffsetAlignment / 4;
    this.next = paramWords(new ArrayBuffer(LARGEST_BYTES));
  }

  /** A new slot with the first `length` words of `next`. `submit` is the one that is being recorded. */
  take(length: number, submit: number): UniformSlot {
    const again = this.#given.findIndex((one) => one.length === length && one.lastUse < submit);
    const [slot = this.#cut(length)] = again < 0 ? [] : this.#given.splice(again, 1);
    slot.lastUse = submit;
    this.write(slot);
    return slot;
  }

  /** Takes a slot back whose bind group is forgotten. */
  give(slot: UniformSlot): void {
    if (!slot.page.refused) this.#given.push(slot);
  }

  /** True if a slot has the words of `next` already. */
  holds({ page, at, length }: UniformSlot): boolean {
    const { words } = page;
    const next = this.next.u32;
    for (let i = 0; i < length; i++) if (words[at + i] !== next[i]) return false;
    return true;
  }

  /** Writes the words of `next` to a slot that no dispatch still to be submitted reads. */
  write({ page, at, length }: UniformSlot): void {
    page.words.set(this.next.u32.subarray(0, length), at);
    page.dirty = [Math.min(page.dirty[0], at), Math.max(page.dirty[1], at + length)];
  }

  /** Before each submit. */
  upload(): void {
    for (const page of this.#pages) {
      const [from, to] = page.dirty;
      if (to === 0) continue;
      this.#gpu.queue.writeBuffer(page.gpu, from * 4, page.words, from, to - from);
      page.dirty = CLEAN;
    }
  }

  destroy(): void {
    for (const { gpu } of this.#pages) gpu.destroy();
  }

  #cut(length: number): UniformSlot {
    const last = this.#pages[this.#pages.length - 1];
    const page = last && last.used + length <= last.words.length ? last : this.#addPage(length * 4);
    const at = page.used;
    page.used = Math.ceil((at + length) / this.#slotWords) * this.#slotWords;
    return { page, at, length, lastUse: 0 };
  }

  #addPage(bytes: number): Page {
    const size = Math.max(PAGE_BYTES, bytes);
    const gpu = this.#make({ label: "params", size, usage: usage.UNIFORM | usage.COPY_DST }, "params", () => {
      page.refused = true;
      this.#pages = this.#pages.filter((one) => one !== page);
    });
    const page: Page = { gpu, words: new Uint32Array(size / 4), used: 0, dirty: CLEAN, refused: false };
    this.#pages.push(page);
    return page;
  }
}
