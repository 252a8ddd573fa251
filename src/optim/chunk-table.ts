/**
 * Chunk tables: they cut flat storage into chunks, so that a kernel goes through many tensors in one dispatch. Both layouts
 * are declared here; lib/optimizer.wgsl and lib/gradients.wgsl unpack them, and a test compares the two sides.
 */

import { type Device, runtimeOf } from "../gpu/device.ts";
import { launchPolicy } from "../gpu/launch-policy.ts";
import { bindingOf } from "../tensor/binding.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { internal } from "./flat-params.ts";

/** Words of a chunk in an optimizer's table: its starts in flat storage, in vectors, and three bit fields. */
export const CHUNK_ENTRY = ["value", "grad", "state", "packed"] as const;
/** Words of a chunk in a table of gradients: its start and length in vectors, and the elements of its last vector. */
export const GRADIENT_CHUNK = ["start", "vectors", "inLast", "unused"] as const;

/** Bits of `packed`, from the lowest: length in vectors, index of the kernel constants; the rest is the parameter's index. */
export const LENGTH_BITS = 11;
export const CONSTANTS_INDEX_BITS = 4;
/** Vectors of kernel constants per index. The last number is the host's step count. */
export const CONSTANTS_VECTORS = 2;

/** The most that the bit fields have room for. */
export const MAX_CONSTANT_SETS = 2 ** CONSTANTS_INDEX_BITS;
export const MAX_PARAMETERS = 2 ** (32 - LENGTH_BITS - CONSTANTS_INDEX_BITS);
export const CONSTANTS_PER_SET = 4 * CONSTANTS_VECTORS;

const WORDS_PER_CHUNK = 4;
type Words<Layout extends readonly string[]> = Readonly<Record<Layout[number], number>>;

/** The words of a chunk in the order of its layout. */
export function packWords<const Layout extends readonly string[]>(layout: Layout, chunk: Words<Layout>): number[] {
  return layout.map((name: Layout[number]) => chunk[name]);
}

/** The bit fields of an optimizer's chunk in one word. */
export function packFields(parameter: number, constants: number, length: number): number {
  return ((parameter << (LENGTH_BITS + CONSTANTS_INDEX_BITS)) | (constants << LENGTH_BITS) | length) >>> 0;
}

/** The number of chunks that table words hold. */
export const chunkCount = (words: readonly number[]): number => words.length / WORDS_PER_CHUNK;

/** Tables kept. A caller that alternates between more sets of tensors than this rebuilds one each time. */
const MAX_TABLES = 16;

/** Values made once per key and kept while they are used. A value's `table` is never written again: captures read it. */
export class TableCache<T extends { readonly table: Tensor }> {
  readonly #kept = new Map<string, T>();

  get(key: string, make: () => T): T {
    const known = this.#kept.get(key);
    const found = known ?? make();
    // Put last again: the first is the least recently used.
    this.#kept.delete(key);
    this.#kept.set(key, found);
    if (this.#kept.size > MAX_TABLES) this.#evictFirst();
    return found;
  }

  #evictFirst(): void {
    for (const [oldest, { table }] of this.#kept) {
      table.dispose();
      this.#kept.delete(oldest);
      return;
    }
  }

  clear(): void {
    for (const { table } of this.#kept.values()) table.dispose();
    this.#kept.clear();
  }
}

/** A chunk table on the GPU. */
export function makeTable(device: Device, words: readonly number[]): Tensor {
  // A capture may be recording: the table is none of its intermediate results.
  const table = runtimeOf(device).outsideCapture(() =>
    internal(empty(device, [Math.max(words.length, WORDS_PER_CHUNK)], "u32")),
  );
  runtimeOf(device).recorder.upload(bindingOf(table), Uint32Array.from(words));
  return table;
}

/** Maximum vectors in a chunk: long chunks for few workgroups, short ones where a GPU wants many. */
const chunkVectors = (device: Device): number => launchPolicy(device).chunks.vectors;

/** Invocations per workgroup: on a software adapter one subgroup, whose loads are then contiguous. */
export const chunkWorkgroup = (device: Device): number => launchPolicy(device).workgroup;

/** Workgroups for `chunks` chunks: each workgroup loops over several. */
export const chunkGroups = (device: Device, chunks: number): number =>
  Math.min(chunks, launchPolicy(device).chunks.maxGroups);

/** Calls `visit(start, length)` for each chunk of `vectors` vectors. */
export function eachChunk(device: Device, vectors: number, visit: (start: number, length: number) => void): void {
  const most = chunkVectors(device);
  for (let start = 0; start < vectors; start += most) visit(start, Math.min(most, vectors - start));
}
