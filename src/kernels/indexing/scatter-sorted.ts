/** Sums by index, in a fixed order and without atomics: indices are sorted, then each element adds up what goes to it. */

import type { BufferSlice } from "../../gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../../gpu/device.ts";
import { laneRowLaunch, strideGroups, vectorized } from "../../gpu/launch-policy.ts";
import {
  index_add,
  index_add_vec4,
  index_keys,
  index_merge,
  index_order,
  scatter_add,
} from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { fill } from "../../tensor/copy.ts";
import { type Scratch, withScratch } from "../../tensor/scratch.ts";
import { type Shape, sizeAt, sizeOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { isFloat } from "../promotion.ts";

/** Elements per step along `dim`. */
export const innerSize = (shape: Shape, dim: number): number => sizeOf(shape.slice(dim + 1));

/** Indices per line up to which every result searches all of them rather than sorting them. */
const MAX_SEARCHED = 64;

/** Keys that are sorted by comparing all with all; longer lists are merged from such blocks. */
const BLOCK = 256;

const list = (scratch: Scratch, device: Device, size: number): BufferSlice =>
  bindingOf(scratch.empty(device, [size], "u32"));

/** Sorted runs that a merge takes at once. */
const MERGE_WAYS = 4;

/** y = zeros with the rows of `src` added at one list of indices along `dim`: y[..., index[j], ...] += src[..., j, ...]. */
export function addRows(y: Tensor, src: Tensor, index: Tensor, dim: number): void {
  withScratch((scratch) => {
    const keys = bindingOf(scratch.contiguous(index));
    addSorted(scratch, y, src, { keys, count: index.size, length: sizeAt(y.shape, dim) }, innerSize(y.shape, dim));
  });
}

/** y = zeros with `src` added along `dim`, an index per element; src and index have one shape. */
export function addElements(y: Tensor, src: Tensor, index: Tensor, dim: number): void {
  const { device } = y;
  const [count, length] = [sizeAt(src.shape, dim), sizeAt(y.shape, dim)];
  const sizes = { count, length, inner: innerSize(src.shape, dim) };
  withScratch((scratch) => {
    const indices = bindingOf(scratch.contiguous(index));
    if (count <= MAX_SEARCHED) {
      const buffers = { src: bindingOf(scratch.contiguous(src)), index: indices, y: bindingOf(y) };
      const overrides = { INTEGER: !isFloat(src.dtype) };
      runtimeOf(device).run(
        scatter_add,
        { ...buffers, size: y.size, ...sizes },
        strideGroups(device, y.size),
        overrides,
      );
      return;
    }
    const keys = list(scratch, device, src.size);
    const args = { index: indices, keys, size: src.size, ...sizes, nowhere: y.size };
    runtimeOf(device).run(index_keys, args, strideGroups(device, src.size));
    addSorted(scratch, y, src, { keys, count: src.size, length: y.size }, 1);
  });
}

interface Keys {
  /** (count) */
  readonly keys: BufferSlice;
  readonly count: number;
  /** Keys below it are indices; the others are out of range. */
  readonly length: number;
}

function addSorted(scratch: Scratch, y: Tensor, src: Tensor, { keys, count, length }: Keys, words: number): void {
  const { device } = y;
  const { sorted, order } = sort(scratch, device, keys, count);
  fill(y, 0);
  const { shader, width } = vectorized(words, index_add, index_add_vec4);
  const [rows, inner] = [src.size / words, words / width];
  const { groups, overrides } = laneRowLaunch(device, rows, inner);
  const buffers = { src: bindingOf(scratch.contiguous(src)), sorted, order, y: bindingOf(y) };
  const INTEGER = !isFloat(src.dtype);
  runtimeOf(device).run(shader, { ...buffers, rows, count, length, inner }, groups, { ...overrides, INTEGER });
}

interface Sorted {
  /** (count): the keys in ascending order. */
  readonly sorted: BufferSlice;
  /** (count): the offset of each in the unsorted list. */
  readonly order: BufferSlice;
}

/** Stable merge sort in O(n log n): blocks, then merges of several runs. */
function sort(scratch: Scratch, device: Device, keys: BufferSlice, count: number): Sorted {
  const groups = strideGroups(device, count);
  let [sorted, order] = [list(scratch, device, count), list(scratch, device, count)];
  runtimeOf(device).run(index_order, { index: keys, sorted, order, count, block: BLOCK }, groups);
  if (count <= BLOCK) return { sorted, order };
  let [merged, moved] = [list(scratch, device, count), list(scratch, device, count)];
  for (let width = BLOCK; width < count; width *= MERGE_WAYS) {
    runtimeOf(device).run(index_merge, { sorted, order, merged, moved, count, width }, groups);
    [sorted, order, merged, moved] = [merged, moved, sorted, order];
  }
  return { sorted, order };
}
