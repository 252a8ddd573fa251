/** Launches of reductions and running sums: long ones run in two stages. */
import { runtimeOf } from "../gpu/device.ts";
import { reduceLanes, reduceParts, strideGroups } from "../gpu/launch-policy.ts";
import { arg_reduce, cumsum, reduce, reduce_group } from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { fill } from "../tensor/copy.ts";
import { type Scratch, withScratch } from "../tensor/scratch.ts";
import { sizeOf } from "../tensor/shape.ts";
import { type Dtype, isFloat } from "../tensor/storage.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

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

/** Sums of bools are i32. */
const accumulatorOf = (dtype: Dtype): Dtype => (dtype === "bool" ? "i32" : dtype);

/**
 * Reduces `dims` (sorted) of x, f32 or an integer or bool. y has the remaining dims and is contiguous; bools give i32.
 * `scale` multiplies a float result.
 */
export function runReduce(x: Tensor, dims: readonly number[], kind: ReduceKind, scale = 1): Tensor {
  return withScratch((scratch) => {
    const apart = dims.findLastIndex((dim, i) => i > 0 && dim > (dims[i - 1] as number) + 1);
    if (apart > 0) {
      // Dims that are not neighbors, innermost first.
      const inner = scratch.add(runReduce(x, dims.slice(apart), kind));
      return runReduce(inner, dims.slice(0, apart), kind, scale);
    }
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
  const { parts, most } = reduceParts(x.device, lines);
  if (parts === 1) {
    runStage(x, y, { outer, reduced, inner, parts, most, scale }, kind);
    return;
  }
  const partial = scratch.empty(x.device, [outer, parts, inner], y.dtype);
  runStage(x, partial, { outer, reduced, inner, parts, most, scale: 1 }, kind);
  runStage(partial, y, { outer, reduced: parts, inner, parts: 1, most: parts, scale }, kind);
}

/** The params of the kernels, and `outer`. */
interface ReduceStage {
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
  readonly parts: number;
  readonly most: number;
  readonly scale: number;
}

/** x (outer, reduced, inner) to y (outer, parts, inner). */
function runStage(x: Tensor, y: Tensor, { outer, ...params }: ReduceStage, kind: ReduceKind): void {
  const { device } = x;
  const outputs = outer * params.parts * params.inner;
  const overrides = { KIND: KINDS[kind], DTYPE: DTYPES[x.dtype] ?? 0 };
  const args = { x: bindingOf(x), y: bindingOf(y), outputs, ...params };
  const lanes = reduceLanes(device, params.most, params.inner);
  if (lanes === undefined) runtimeOf(device).run(reduce, args, strideGroups(device, outputs), overrides);
  else
    runtimeOf(device).run(reduce_group, args, Math.ceil(outputs / lanes.atOnce), { ...overrides, ...lanes.overrides });
}

/** x as lines along `dims`, which are neighbors. */
function linesOf(scratch: Scratch, x: Tensor, dims: readonly number[]): Lines {
  const [first = 0, last = -1] = [dims[0], dims[dims.length - 1]];
  return {
    x: scratch.contiguous(x),
    outer: sizeOf(x.shape.slice(0, first)),
    reduced: sizeOf(x.shape.slice(first, last + 1)),
    inner: sizeOf(x.shape.slice(last + 1)),
  };
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
