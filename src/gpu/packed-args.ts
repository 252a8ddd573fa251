/** Arguments of a dispatch as the GPU takes them: slices in the order of the bindings, params as packed words. */
import type { BufferSlice } from "./buffer-pool.ts";
import { type ParamWords, paramWords } from "./uniform-arena.ts";

/** Bytes of the params at most: kernels with more are given them by name. */
const MAX_BYTES = 1024;

/** Shared by all: a dispatch copies its params at once. */
const scratch: ParamWords = /* @__PURE__ */ paramWords(new ArrayBuffer(MAX_BYTES));

/** One dispatch's arguments, for kernels whose names are generated. The params are overwritten by the next instance's. */
export class PackedArgs {
  readonly slices: BufferSlice[] = [];
  #length = 0;

  scalar(type: keyof ParamWords, value: number): void {
    scratch[type][this.#length++] = value;
  }

  /** An array of vec4u, aligned as WGSL's uniform layout has it. */
  vectors(values: readonly number[]): void {
    const start = Math.ceil(this.#length / 4) * 4;
    scratch.u32.fill(0, this.#length, start);
    scratch.u32.set(values, start);
    this.#length = start + values.length;
  }

  /** Copies the params into `words` at word `at`. */
  pack(words: ParamWords, at: number): void {
    words.u32.set(scratch.u32.subarray(0, this.#length), at);
  }
}
