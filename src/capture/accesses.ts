/** Index of the entries of a tape that read and write a buffer. */
import { elementAt } from "../elements.ts";
import type { BufferSlice, GpuBuffer } from "../gpu/buffer-pool.ts";

/** The slices that one entry reads and writes. */
export interface Touches {
  readonly reads: readonly BufferSlice[];
  readonly writes: readonly BufferSlice[];
}

export const sameSlice = (a: BufferSlice, b: BufferSlice): boolean =>
  a.buffer === b.buffer && a.offset === b.offset && a.size === b.size;

interface Write {
  readonly at: number;
  readonly slice: BufferSlice;
}

/** Accesses by the entries before a position in the tape, which moves from the first entry to the last. */
export class PastAccesses {
  readonly #reads = new Map<GpuBuffer, number[]>();
  readonly #writes = new Map<GpuBuffer, Write[]>();
  readonly #isGone: (at: number) => boolean;

  /** `isGone`: whether an entry has become part of a later one. */
  constructor(isGone: (at: number) => boolean) {
    this.#isGone = isGone;
  }

  add(at: number, { reads, writes }: Touches): void {
    for (const { buffer } of reads) push(this.#reads, buffer, at);
    for (const slice of writes) push(this.#writes, slice.buffer, { at, slice });
  }

  /** The entry that wrote just this slice; undefined if something else wrote to its buffer since. */
  writerOf(slice: BufferSlice): number | undefined {
    const writes = this.#lastWrites(slice.buffer);
    const last = writes.at(-1);
    // An entry may write several slices of one buffer.
    for (let i = writes.length - 1; last && writes[i]?.at === last.at; i--)
      if (sameSlice((writes[i] as Write).slice, slice)) return last.at;
    return undefined;
  }

  /** True if an entry may run at the present position instead: nothing since reads what it writes or writes what it touches. */
  canMove(at: number, { reads, writes }: Touches): boolean {
    const written = (buffer: GpuBuffer) => (this.#lastWrites(buffer).at(-1)?.at ?? -1) > at;
    const read = (buffer: GpuBuffer) => (this.#lastReads(buffer).at(-1) ?? -1) > at;
    return (
      !reads.some(({ buffer }) => written(buffer)) && !writes.some(({ buffer }) => written(buffer) || read(buffer))
    );
  }

  #lastWrites(buffer: GpuBuffer): Write[] {
    const list = this.#writes.get(buffer) ?? [];
    for (let last = list.at(-1); last && this.#isGone(last.at); last = list.at(-1)) list.pop();
    return list;
  }

  #lastReads(buffer: GpuBuffer): number[] {
    const list = this.#reads.get(buffer) ?? [];
    for (let last = list.at(-1); last !== undefined && this.#isGone(last); last = list.at(-1)) list.pop();
    return list;
  }
}

/** Accesses by entries behind a position in the tape, as recorded. */
export class FutureAccesses {
  readonly #reads = new Map<GpuBuffer, number[]>();
  /** Writes by entries that write all of a slice and nothing else. */
  readonly #overwrites = new Map<string, number[]>();

  add(at: number, { reads, writes }: Touches, overwrites: boolean): void {
    for (const { buffer } of reads) push(this.#reads, buffer, at);
    if (overwrites) for (const slice of writes) push(this.#overwrites, sliceKey(slice), at);
  }

  /** True if the content of a slice after entry `at` matters: it is read before it is overwritten, or `outlives` the tape. */
  needs(slice: BufferSlice, at: number, outlives: boolean): boolean {
    const overwritten = firstAfter(this.#overwrites.get(sliceKey(slice)), at);
    const read = firstAfter(this.#reads.get(slice.buffer), at);
    if (read !== undefined && (overwritten === undefined || read <= overwritten)) return true;
    return outlives && overwritten === undefined;
  }
}

const sliceKey = ({ buffer, offset, size }: BufferSlice): string => `${buffer.id}:${offset}:${size}`;

function push<K, T>(lists: Map<K, T[]>, key: K, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

/** The first of ascending numbers that is larger than `at`. */
function firstAfter(ascending: readonly number[] | undefined, at: number): number | undefined {
  if (!ascending) return undefined;
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (elementAt(ascending, middle) > at) high = middle;
    else low = middle + 1;
  }
  return ascending[low];
}
