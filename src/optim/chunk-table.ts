/** Tables that cut flat storage into pieces, for kernels that go through many tensors in one dispatch. */

import type { Device } from "../gpu/device.ts";
import { launchPolicy } from "../gpu/launch-policy.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { internal } from "./flat-params.ts";

/** Tables kept. A caller that alternates between more sets of tensors than this rebuilds one each time. */
const KEPT = 16;

/** What is made once per key and kept while it is used. A thing's `table` is never written again: captures read it. */
export class TableCache<T extends { readonly table: Tensor }> {
  readonly #kept = new Map<string, T>();

  get(key: string, make: () => T): T {
    const known = this.#kept.get(key);
    const found = known ?? make();
    // Put last again: the first is the one that was not used for longest.
    this.#kept.delete(key);
    this.#kept.set(key, found);
    if (this.#kept.size > KEPT) {
      const [oldest, { table }] = this.#kept.entries().next().value as [string, T];
      table.dispose();
      this.#kept.delete(oldest);
    }
    return found;
  }

  clear(): void {
    for (const { table } of this.#kept.values()) table.dispose();
    this.#kept.clear();
  }
}

/** A table of four words per entry on the GPU. */
export function makeTable(device: Device, words: readonly number[]): Tensor {
  // A capture may be recording: the table is none of its intermediate results.
  const table = device.outsideCapture(() => internal(empty(device, [Math.max(words.length, 4)], "u32")));
  device.recorder.upload(table.binding, Uint32Array.from(words));
  return table;
}

/** Most vectors in a piece: long pieces for few workgroups, short ones where a GPU wants many. */
export const pieceVectors = (device: Device): number => launchPolicy(device).chunks.vectors;

/** Invocations per workgroup: on a software adapter one subgroup, whose loads then lie side by side. */
export const pieceWorkgroup = (device: Device): number => launchPolicy(device).workgroup;

/** Workgroups for so many pieces: a workgroup takes pieces in turn. */
export const pieceGroups = (device: Device, pieces: number): number =>
  Math.min(pieces, launchPolicy(device).chunks.maxGroups);

/** Calls `visit(start, length)` for the pieces of so many vectors. */
export function eachPiece(device: Device, vectors: number, visit: (start: number, length: number) => void): void {
  const most = pieceVectors(device);
  for (let start = 0; start < vectors; start += most) visit(start, Math.min(most, vectors - start));
}
