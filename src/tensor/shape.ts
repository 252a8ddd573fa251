/** Shape and stride arithmetic: pure functions over arrays of numbers. */
import { elementAt } from "../elements.ts";
import { ArgumentError, check, expected, ShapeError, show } from "../errors.ts";

export type Shape = readonly number[];

export const sizeOf = (shape: Shape): number => shape.reduce((size, dim) => size * dim, 1);

/** Returns the size of one dim, which must exist; a negative `dim` counts from the end. */
export function sizeAt(shape: Shape, dim: number): number {
  const size = shape.at(dim);
  if (size === undefined) throw new ShapeError(`shape [${shape}] has no dim ${dim}`);
  return size;
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  shape.reduceRight((step, dim, i) => {
    strides[i] = step;
    return step * dim;
  }, 1);
  return strides;
}

export function isDense(shape: Shape, strides: Shape): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const dim = sizeAt(shape, i);
    if (dim === 0) return true;
    if (dim !== 1 && strides[i] !== step) return false;
    step *= dim;
  }
  return true;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Kernels count elements in 32 bits. */
const MAX_SIZE = 2 ** 32 - 1;

export function checkShape(op: string, shape: Shape, argument = "shape"): void {
  const fits = Array.isArray(shape) && shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0);
  check(fits, ArgumentError, () => expected(op, argument, "an array of integers >= 0", shape));
  check(sizeOf(shape) <= MAX_SIZE, ShapeError, () => expected(op, argument, `at most ${MAX_SIZE} elements`, shape));
}

/** NumPy's broadcast of two shapes. */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const ndim = Math.max(a.length, b.length);
  const shape = new Array<number>(ndim);
  for (let i = 0; i < ndim; i++) {
    const x = a[a.length - ndim + i] ?? 1;
    const y = b[b.length - ndim + i] ?? 1;
    check(
      x === y || x === 1 || y === 1,
      ShapeError,
      () => `${op}: shapes [${a}] and [${b}] do not broadcast: dim ${i - ndim} is ${x} against ${y}`,
    );
    shape[i] = x === 1 ? y : x;
  }
  return shape;
}

/** The strides that read a tensor of `shape` and `strides` as if it had the shape `to`; broadcast dims get 0. */
export function broadcastStrides(shape: Shape, strides: Shape, to: Shape): number[] {
  const lead = to.length - shape.length;
  return to.map((_, i) => (i < lead || shape[i - lead] === 1 ? 0 : sizeAt(strides, i - lead)));
}

/** A dim counted from the end when negative, checked. */
export function normalizeDim(op: string, dim: number, ndim: number, argument = "dim"): number {
  const bound = Math.max(ndim, 1);
  check(Number.isInteger(dim) && dim >= -bound && dim < bound, ArgumentError, () =>
    expected(op, argument, `an integer in [${-bound}, ${bound - 1}]`, dim),
  );
  return dim < 0 ? dim + bound : dim;
}

/** One dim, several, or all (undefined) as a sorted list without repeats. */
export function normalizeDims(op: string, dim: number | readonly number[] | undefined, ndim: number): number[] {
  if (dim === undefined) return Array.from({ length: ndim }, (_, i) => i);
  check(typeof dim === "number" || Array.isArray(dim), ArgumentError, () =>
    expected(op, "dim", "a number, a list of numbers, or undefined for all dims", dim),
  );
  const dims = [dim].flat().map((one) => normalizeDim(op, one, ndim));
  if (ndim === 0) return [];
  check(new Set(dims).size === dims.length, ArgumentError, () => expected(op, "dim", "no dim twice", dim));
  return dims.sort((a, b) => a - b);
}

/** A shape with at most one -1, which takes what is left of `size`. */
export function inferShape(op: string, shape: Shape, size: number): number[] {
  const unknown = shape.indexOf(-1);
  const known = shape.reduce((product, dim, i) => (i === unknown ? product : product * dim), 1);
  checkShape(
    op,
    shape.filter((_, i) => i !== unknown),
  );
  const full = unknown < 0 ? [...shape] : shape.map((dim, i) => (i === unknown ? size / known : dim));
  check(
    full.every(Number.isInteger) && sizeOf(full) === size,
    ShapeError,
    () => `${op}: ${size} elements do not fit shape ${show(shape)}`,
  );
  return full;
}

/** The strides of a view of a tensor with another shape, or undefined where that needs a copy. */
export function viewStrides(shape: Shape, strides: Shape, to: Shape): number[] | undefined {
  if (sizeOf(shape) === 0) return stridesOf(to);
  const result = new Array<number>(to.length);
  let from = shape.length - 1;
  let left = 1;
  let step = 1;
  for (let i = to.length - 1; i >= 0; i--) {
    const dim = sizeAt(to, i);
    if (dim === 1) {
      result[i] = step * left;
      continue;
    }
    while (left === 1 && from >= 0) {
      left = sizeAt(shape, from);
      step = sizeAt(strides, from);
      from--;
    }
    // Neighbouring dims that continue each other count as one.
    while (left < dim && from >= 0 && (shape[from] === 1 || strides[from] === step * left)) {
      left *= sizeAt(shape, from);
      from--;
    }
    if (left % dim !== 0) return undefined;
    result[i] = step;
    step *= dim;
    left /= dim;
  }
  return result;
}

/** Drops dims of 1 and joins dims that continue each other in every operand, so kernels loop over few dims. */
export function coalesceDims(shape: Shape, operands: readonly Shape[]): { shape: number[]; strides: number[][] } {
  const dims: number[] = [];
  const strides: number[][] = operands.map(() => []);
  for (const [i, dim] of shape.entries()) {
    if (dim === 1) continue;
    const last = dims.length - 1;
    const joins = last >= 0 && operands.every((operand, k) => strides[k]?.[last] === sizeAt(operand, i) * dim);
    if (joins) dims[last] = sizeAt(dims, last) * dim;
    else dims.push(dim);
    strides.forEach((some, k) => {
      some[dims.length - 1] = sizeAt(elementAt(operands, k), i);
    });
  }
  return { shape: dims, strides };
}

/** Kernels index by at most this many dims, after `collapse`. */
export const MAX_DIMS = 8;

/** Pads a list with `fill` in front, to the fixed length that a params array has. */
export function padDims(list: Shape, fill: number): number[] {
  check(list.length <= MAX_DIMS, ShapeError, () => `more than ${MAX_DIMS} dims that cannot be joined: ${show(list)}`);
  return [...new Array<number>(MAX_DIMS - list.length).fill(fill), ...list];
}

/** Elements of the last dim that a strided kernel's invocation takes at a time. */
export const CHUNK = 64;

/** Strides of one operand: along the last dim, and of the rows, padded for a params array. */
export interface InnerStrides {
  readonly inner: number;
  readonly outer: number[];
}

/** A collapsed shape as rows of a last dim, cut into pieces, for the strided kernels. */
export function rowsAndInner(shape: Shape, operands: readonly Shape[]) {
  const { shape: dims, strides } = coalesceDims(shape, operands);
  const inner = dims[dims.length - 1] ?? 1;
  const outer = dims.slice(0, -1);
  const piecesPerRow = Math.ceil(inner / CHUNK);
  return {
    shape: { dims: padDims(outer, 1), rank: outer.length, rows: sizeOf(outer), inner, piecesPerRow },
    strides: strides.map(
      (one): InnerStrides => ({ inner: one[one.length - 1] ?? 0, outer: padDims(one.slice(0, -1), 0) }),
    ),
  };
}
