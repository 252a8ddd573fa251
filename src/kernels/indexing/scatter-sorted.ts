/** Sums by place, in a fixed order and without atomics: places are sorted, then each place adds up what goes to it. */

import type { BufferSlice } from "../../gpu/buffer-pool.ts";
import type { Device } from "../../gpu/device.ts";
import { strideGroups } from "../../gpu/launch-policy.ts";
import {
  index_add,
  index_keys,
  index_merge,
  index_order,
  index_starts,
  scatter_add,
} from "../../gpu/shaders.generated.ts";
import { type Scratch, withScratch } from "../../tensor/scratch.ts";
import { type Shape, sizeOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { isFloat } from "../promotion.ts";

/** Elements per step along `dim`. */
export const innerSize = (shape: Shape, dim: number): number => sizeOf(shape.slice(dim + 1));

/** Places per line up to which every result looks at all of them, rather than sorting them. */
const FEW = 64;

/** Keys that are sorted by comparing all with all; longer lists are merged from such blocks. */
const BLOCK = 256;

const list = (scratch: Scratch, device: Device, size: number): BufferSlice =>
  scratch.empty(device, [size], "u32").binding;

/** y = zeros with the rows of `src` added at one list of places along `dim`. */
export function addRows(y: Tensor, src: Tensor, index: Tensor, dim: number): void {
  withScratch((scratch) => {
    const keys = scratch.contiguous(index).binding;
    const length = y.shape[dim] as number;
    addSorted(scratch, y, src, { keys, count: index.size, length }, innerSize(y.shape, dim));
  });
}

/** y = zeros with `src` added at places along `dim`, every element's own. */
export function addElements(y: Tensor, src: Tensor, index: Tensor, dim: number): void {
  withScratch((scratch) => addByElement(scratch, y, src, index, dim));
}

function addByElement(scratch: Scratch, y: Tensor, src: Tensor, index: Tensor, dim: number): void {
  const { device } = y;
  const [count, length] = [src.shape[dim] as number, y.shape[dim] as number];
  const sizes = { count, length, inner: innerSize(src.shape, dim) };
  const places = scratch.contiguous(index).binding;
  if (count <= FEW) {
    const source = scratch.contiguous(src).binding;
    device.run(
      scatter_add,
      { src: source, index: places, y: y.binding, size: y.size, ...sizes },
      strideGroups(device, y.size),
      { INTEGER: !isFloat(src.dtype) },
    );
    return;
  }
  const keys = list(scratch, device, src.size);
  const args = { index: places, keys, size: src.size, ...sizes, nowhere: y.size };
  device.run(index_keys, args, strideGroups(device, src.size));
  addSorted(scratch, y, src, { keys, count: src.size, length: y.size }, 1);
}

interface Keys {
  /** (count) */
  readonly keys: BufferSlice;
  readonly count: number;
  /** Keys below it are places, others nowhere. */
  readonly length: number;
}

function addSorted(scratch: Scratch, y: Tensor, src: Tensor, { keys, count, length }: Keys, inner: number): void {
  const { device } = y;
  const { sorted, order } = sort(scratch, device, keys, count);
  const starts = list(scratch, device, length + 1);
  device.run(index_starts, { sorted, starts, count, length }, strideGroups(device, length + 1));
  device.run(
    index_add,
    {
      ...{ src: scratch.contiguous(src).binding, order, starts, y: y.binding },
      ...{ size: y.size, count, length, inner },
    },
    strideGroups(device, y.size),
    { INTEGER: !isFloat(src.dtype) },
  );
}

/** The keys in order, and where each stood; equal ones as they came. n log n: blocks, then merges of twice the width. */
function sort(
  scratch: Scratch,
  device: Device,
  keys: BufferSlice,
  count: number,
): { sorted: BufferSlice; order: BufferSlice } {
  const groups = strideGroups(device, count);
  let [sorted, order] = [list(scratch, device, count), list(scratch, device, count)];
  device.run(index_order, { index: keys, sorted, order, count, block: BLOCK }, groups);
  if (count <= BLOCK) return { sorted, order };
  let [merged, moved] = [list(scratch, device, count), list(scratch, device, count)];
  for (let width = BLOCK; width < count; width *= 2) {
    device.run(index_merge, { sorted, order, merged, moved, count, width }, groups);
    [sorted, order, merged, moved] = [merged, moved, sorted, order];
  }
  return { sorted, order };
}
