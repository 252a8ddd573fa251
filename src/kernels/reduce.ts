/** Launches of reductions and running sums: reduced dims are brought together, and long reductions run in two stages. */

import { runtimeOf } from "../gpu/device.ts";
import { launchPolicy, strideGroups } from "../gpu/launch-policy.ts";
import { arg_reduce, cumsum, reduce } from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { contiguous, fill } from "../tensor/copy.ts";
import { type Scratch, withScratch } from "../tensor/scratch.ts";
import { isDense, type Shape, sizeOf } from "../tensor/shape.ts";
import { type Dtype, isFloat } from "../tensor/storage.ts";
import { empty, type Tensor, view } from "../tensor/tensor.ts";

/** The override KIND of reduce.wgsl. */
const KINDS = { sum: 0, prod: 1, max: 2, min: 3 };
/** The override DTYPE of reduce.wgsl and arg_reduce.wgsl. */
const DTYPES: Partial<Record<Dtype, number>> = { f32: 0, i32: 1, u32: 2, bool: 1 };
/** The result of reducing no elements. */
const EMPTY = { sum: 0, prod: 1, max: -Infinity, min: Infinity };

export type ReduceKind = keyof typeof KINDS;

/** A contiguous operand as (outer, reduced, inner). */
interface Lines {
  readonly x: Tensor;
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
}

/** Up to this many elements per output are reduced in one stage. */
const MAX_SINGLE_STAGE = 64;
/** From this many outputs on, they fill the adapter without parts. */
const MIN_PARALLEL_OUTPUTS = 16384;
/** Invocations that the parts of all outputs are to add up to. */
const TARGET_PARTS = 65536;
const MAX_PARTS = 1024;

/** Sums of bools are i32. */
const accumulatorOf = (dtype: Dtype): Dtype => (dtype === "bool" ? "i32" : dtype);

/**
 * Reduces `dims` (sorted) of x, f32 or an integer or bool. y has the remaining dims and is contiguous; bools give i32.
 * `scale` multiplies a float result.
 */
export function runReduce(x: Tensor, dims: readonly number[], kind: ReduceKind, scale = 1): Tensor {
  return withScratch((scratch) => {
    const shape = x.shape.filter((_, i) => !dims.includes(i));
    const lines = linesOf(scratch, x, dims);
    const y = empty(x.device, shape, accumulatorOf(x.dtype));
    if (lines.reduced === 0) fill(y, EMPTY[kind]);
    else if (y.size > 0) reduceInto(scratch, y, lines, kind, scale);
    return y;
  });
}

function reduceInto(scratch: Scratch, y: Tensor, lines: Lines, kind: ReduceKind, scale: number): void {
  const { x, outer, reduced, inner } = lines;
  const parts = partsFor(outer * inner, reduced);
  if (parts === 1) {
    runStage(x, y, { outer, reduced, inner, parts: 1, first: 0, step: 1, most: reduced, scale }, kind);
    return;
  }
  const partial = scratch.empty(x.device, [outer, parts, inner], y.dtype);
  // Neighboring threads of a GPU must read neighboring elements: along `inner`, or, without one, along the reduced dim.
  // On a software adapter each thread reads a contiguous chunk, which the processor prefetches.
  const most = Math.ceil(reduced / parts);
  const interleaves = inner === 1 && launchPolicy(x.device).interleavesParts;
  const cut = interleaves ? { first: 1, step: parts, most } : { first: most, step: 1, most };
  runStage(x, partial, { outer, reduced, inner, parts, ...cut, scale: 1 }, kind);
  runStage(partial, y, { outer, reduced: parts, inner, parts: 1, first: 0, step: 1, most: parts, scale }, kind);
}

/** The params of reduce.wgsl, and `outer`. */
interface ReduceStage {
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
  readonly parts: number;
  readonly first: number;
  readonly step: number;
  readonly most: number;
  readonly scale: number;
}

/** x (outer, reduced, inner) to y (outer, parts, inner). */
function runStage(x: Tensor, y: Tensor, { outer, ...params }: ReduceStage, kind: ReduceKind): void {
  const outputs = outer * params.parts * params.inner;
  const overrides = { KIND: KINDS[kind], DTYPE: DTYPES[x.dtype] ?? 0 };
  runtimeOf(x.device).run(
    reduce,
    { x: bindingOf(x), y: bindingOf(y), outputs, ...params },
    strideGroups(x.device, outputs),
    overrides,
  );
}

/** The number of parts per output; none is empty: all but the last have `ceil(reduced / parts)` elements. */
function partsFor(outputs: number, reduced: number): number {
  if (reduced <= MAX_SINGLE_STAGE || outputs >= MIN_PARALLEL_OUTPUTS) return 1;
  const wanted = Math.min(MAX_PARTS, Math.ceil(TARGET_PARTS / outputs), Math.ceil(Math.sqrt(reduced)));
  return Math.ceil(reduced / Math.ceil(reduced / Math.max(1, wanted)));
}

/** x with its reduced dims together: in place where they are neighbors, else with them moved to the end. */
function linesOf(scratch: Scratch, x: Tensor, dims: readonly number[]): Lines {
  const [first = 0, last = -1] = [dims[0], dims[dims.length - 1]];
  if (last - first + 1 === dims.length) {
    return {
      x: scratch.contiguous(x),
      outer: sizeOf(x.shape.slice(0, first)),
      reduced: sizeOf(x.shape.slice(first, last + 1)),
      inner: sizeOf(x.shape.slice(last + 1)),
    };
  }
  const moved = moveToEnd(scratch, x, dims);
  const split = moved.ndim - dims.length;
  return {
    x: moved,
    outer: sizeOf(moved.shape.slice(0, split)),
    reduced: sizeOf(moved.shape.slice(split)),
    inner: 1,
  };
}

/** x with `dims` last, contiguous. */
function moveToEnd(scratch: Scratch, x: Tensor, dims: readonly number[]): Tensor {
  const reorder = (list: Shape): number[] => [
    ...list.filter((_, i) => !dims.includes(i)),
    ...list.filter((_, i) => dims.includes(i)),
  ];
  const moved = scratch.add(view(x, reorder(x.shape), reorder(x.strides), x.offset));
  if (isDense(moved.shape, moved.strides) && moved.isContiguous) return moved;
  return scratch.add(contiguous(moved, { copy: true }));
}

/** The index (i32) of the largest or smallest element along `dim`, the first of equal ones. y has the remaining dims. */
export function runArgReduce(x: Tensor, dim: number, largest: boolean): Tensor {
  return withScratch((scratch) => {
    const y = empty(x.device, x.shape.toSpliced(dim, 1), "i32");
    const { x: dense, reduced, inner } = linesOf(scratch, x, [dim]);
    runtimeOf(x.device).run(
      arg_reduce,
      { x: bindingOf(dense), y: bindingOf(y), outputs: y.size, reduced, inner },
      strideGroups(x.device, y.size),
      { LARGEST: largest, DTYPE: DTYPES[x.dtype] ?? 0 },
    );
    return y;
  });
}

/** Running sums along `dim`. y like x, contiguous; bools give i32. */
export function runCumsum(x: Tensor, dim: number): Tensor {
  return withScratch((scratch) => {
    const y = empty(x.device, x.shape, accumulatorOf(x.dtype));
    const { x: dense, outer, reduced: length, inner } = linesOf(scratch, x, [dim]);
    const lines = length === 0 ? 0 : outer * inner;
    runtimeOf(x.device).run(
      cumsum,
      { x: bindingOf(dense), y: bindingOf(y), lines, length, inner },
      strideGroups(x.device, lines),
      {
        INTEGER: !isFloat(x.dtype),
      },
    );
    return y;
  });
}
