/** Launches reductions: brings the reduced dims together and cuts long ones into parts. */
import { launchPolicy, strideGroups } from "../gpu/launch-policy.ts";
import { arg_reduce, reduce } from "../gpu/shaders.generated.ts";
import { contiguous, fill } from "../tensor/copy.ts";
import { isDense, type Shape, sizeOf } from "../tensor/shape.ts";
import type { Dtype } from "../tensor/storage.ts";
import { empty, type Tensor, view } from "../tensor/tensor.ts";

const KINDS = { sum: 0, prod: 1, max: 2, min: 3 };
const DTYPES: Partial<Record<Dtype, number>> = { f32: 0, i32: 1, u32: 2, bool: 1 };
const EMPTY = { sum: 0, prod: 1, max: -Infinity, min: Infinity };

/** A dense operand as (outer, reduced, inner). */
interface Lines {
  readonly x: Tensor;
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
}

/** Fewer elements per output than this are reduced in one stage. */
const ONE_STAGE = 64;
/** Most parts of one output. */
const MOST_PARTS = 1024;

/** Reduces `dims` (sorted) of x; the result is dense and has the kept dims. `scale` multiplies a float result. */
export function runReduce(x: Tensor, dims: readonly number[], kind: keyof typeof KINDS, scale = 1): Tensor {
  const shape = x.shape.filter((_, i) => !dims.includes(i));
  const lines = linesOf(x, dims);
  const y = empty(x.device, shape, x.dtype === "bool" ? "i32" : x.dtype);
  if (lines.reduced === 0) fill(y, EMPTY[kind]);
  else if (y.size > 0) reduceInto(y, lines, kind, scale);
  if (lines.x !== x) lines.x.dispose();
  return y;
}

function reduceInto(y: Tensor, { x, outer, reduced, inner }: Lines, kind: keyof typeof KINDS, scale: number): void {
  const { device } = x;
  const parts = partsFor(outer * inner, reduced);
  if (parts === 1) {
    stage(x, y, { outer, reduced, inner, parts: 1, first: 0, step: 1, most: reduced, scale }, kind);
    return;
  }
  const between = empty(device, [outer, parts, inner], y.dtype);
  // A GPU's neighbouring lanes must read neighbouring elements: along `inner`, or, where there is none, along the reduced
  // dim. A software adapter's lanes each want a stretch of their own, which the processor fetches ahead.
  const most = Math.ceil(reduced / parts);
  const interleaved = inner === 1 && launchPolicy(device).interleavesParts;
  const cut = interleaved ? { first: 1, step: parts, most } : { first: most, step: 1, most };
  stage(x, between, { outer, reduced, inner, parts, ...cut, scale: 1 }, kind);
  stage(between, y, { outer, reduced: parts, inner, parts: 1, first: 0, step: 1, most: parts, scale }, kind);
  between.dispose();
}

interface ReduceStage {
  outer: number;
  reduced: number;
  inner: number;
  parts: number;
  first: number;
  step: number;
  most: number;
  scale: number;
}

function stage(x: Tensor, y: Tensor, { outer, ...params }: ReduceStage, kind: keyof typeof KINDS): void {
  const outputs = outer * params.parts * params.inner;
  const overrides = { KIND: KINDS[kind], DTYPE: DTYPES[x.dtype] ?? 0 };
  x.device.run(reduce, { x: x.binding, y: y.binding, outputs, ...params }, strideGroups(x.device, outputs), overrides);
}

/** Parts such that none is empty: every part has `ceil(reduced / parts)` elements but the last, which has some. */
function partsFor(outputs: number, reduced: number): number {
  if (reduced <= ONE_STAGE || outputs >= 16384) return 1;
  const wanted = Math.min(MOST_PARTS, Math.ceil(65536 / outputs), Math.ceil(Math.sqrt(reduced)));
  return Math.ceil(reduced / Math.ceil(reduced / Math.max(1, wanted)));
}

/** x with its reduced dims together: as it lies when they are neighbours, else a copy with them last. */
function linesOf(x: Tensor, dims: readonly number[]): Lines {
  const [first = 0, last = -1] = [dims[0], dims[dims.length - 1]];
  const size = (shape: Shape) => sizeOf(shape);
  if (last - first + 1 === dims.length) {
    const inner = size(x.shape.slice(last + 1));
    return {
      x: contiguous(x),
      outer: size(x.shape.slice(0, first)),
      reduced: size(x.shape.slice(first, last + 1)),
      inner,
    };
  }
  const kept = x.shape.flatMap((_, i) => (dims.includes(i) ? [] : [i]));
  const order = [...kept, ...dims];
  const turned = view(
    x,
    order.map((d) => x.shape[d] as number),
    order.map((d) => x.strides[d] as number),
    x.offset,
  );
  const copy =
    isDense(turned.shape, turned.strides) && turned.isContiguous ? turned : contiguous(turned, { copy: true });
  if (copy !== turned) turned.dispose();
  return {
    x: copy,
    outer: size(kept.map((d) => x.shape[d] as number)),
    reduced: size(dims.map((d) => x.shape[d] as number)),
    inner: 1,
  };
}

/** The place of the largest or smallest element along one dim, i32. */
export function runArgReduce(x: Tensor, dim: number, largest: boolean): Tensor {
  const y = empty(x.device, x.shape.toSpliced(dim, 1), "i32");
  const lines = linesOf(x, [dim]);
  const overrides = { LARGEST: largest, DTYPE: DTYPES[x.dtype] ?? 0 };
  const { reduced, inner } = lines;
  x.device.run(
    arg_reduce,
    { x: lines.x.binding, y: y.binding, outputs: y.size, reduced, inner },
    strideGroups(x.device, y.size),
    overrides,
  );
  if (lines.x !== x) lines.x.dispose();
  return y;
}
