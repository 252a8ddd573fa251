/** Sums by place, in a fixed order and without atomics: places are sorted, then each place adds up what goes to it. */
import type { ForwardContext } from "../../autograd/op-types.ts";
import type { BufferSlice } from "../../gpu/buffer-pool.ts";
import { strideGroups } from "../../gpu/launch-policy.ts";
import {
  index_add,
  index_keys,
  index_merge,
  index_order,
  index_starts,
  scatter_add,
} from "../../gpu/shaders.generated.ts";
import { contiguous } from "../../tensor/copy.ts";
import { type Shape, sizeOf } from "../../tensor/shape.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import { isFloat } from "../promotion.ts";

/** Elements per step along `dim`. */
export const innerSize = (shape: Shape, dim: number): number => sizeOf(shape.slice(dim + 1));

/** Places per line up to which every result looks at all of them, rather than sorting them. */
const FEW = 64;

/** Keys that are sorted by comparing all with all; longer lists are merged from such blocks. */
const BLOCK = 256;

const list = (ctx: ForwardContext, size: number): BufferSlice =>
  ctx.disposeAfterForward(empty(ctx.device, [size], "u32")).binding;

/** y = zeros with the rows of `src` added at one list of places along `dim`. */
export function addRows(ctx: ForwardContext, y: Tensor, src: Tensor, index: Tensor, dim: number): void {
  const places = ctx.disposeAfterForward(contiguous(index)).binding;
  addSorted(ctx, y, src, { keys: places, count: index.size, length: y.shape[dim] as number }, innerSize(y.shape, dim));
}

/** y = zeros with `src` added at places along `dim`, every element's own. */
export function addElements(ctx: ForwardContext, y: Tensor, src: Tensor, index: Tensor, dim: number): void {
  const { device } = ctx;
  const [count, length] = [src.shape[dim] as number, y.shape[dim] as number];
  const sizes = { count, length, inner: innerSize(src.shape, dim) };
  const places = ctx.disposeAfterForward(contiguous(index)).binding;
  if (count <= FEW) {
    const source = ctx.disposeAfterForward(contiguous(src)).binding;
    device.run(
      scatter_add,
      { src: source, index: places, y: y.binding, size: y.size, ...sizes },
      strideGroups(device, y.size),
      { INTEGER: !isFloat(src.dtype) },
    );
    return;
  }
  const keys = list(ctx, src.size);
  const args = { index: places, keys, size: src.size, ...sizes, nowhere: y.size };
  device.run(index_keys, args, strideGroups(device, src.size));
  addSorted(ctx, y, src, { keys, count: src.size, length: y.size }, 1);
}

interface Keys {
  /** (count) */
  readonly keys: BufferSlice;
  readonly count: number;
  /** Keys below it are places, others nowhere. */
  readonly length: number;
}

function addSorted(ctx: ForwardContext, y: Tensor, src: Tensor, { keys, count, length }: Keys, inner: number): void {
  const { device } = ctx;
  const { sorted, order } = sort(ctx, keys, count);
  const starts = list(ctx, length + 1);
  device.run(index_starts, { sorted, starts, count, length }, strideGroups(device, length + 1));
  device.run(
    index_add,
    {
      ...{ src: ctx.disposeAfterForward(contiguous(src)).binding, order, starts, y: y.binding },
      ...{ size: y.size, count, length, inner },
    },
    strideGroups(device, y.size),
    { INTEGER: !isFloat(src.dtype) },
  );
}

/** The keys in order, and where each stood; equal ones as they came. n log n: blocks, then merges of twice the width. */
function sort(ctx: ForwardContext, keys: BufferSlice, count: number): { sorted: BufferSlice; order: BufferSlice } {
  const groups = strideGroups(ctx.device, count);
  let [sorted, order] = [list(ctx, count), list(ctx, count)];
  ctx.device.run(index_order, { index: keys, sorted, order, count, block: BLOCK }, groups);
  if (count <= BLOCK) return { sorted, order };
  let [merged, moved] = [list(ctx, count), list(ctx, count)];
  for (let width = BLOCK; width < count; width *= 2) {
    ctx.device.run(index_merge, { sorted, order, merged, moved, count, width }, groups);
    [sorted, order, merged, moved] = [merged, moved, sorted, order];
  }
  return { sorted, order };
}
