/** Views and rearrangements: reshape, permute, slice and friends copy nothing. */

import { defineOp, type Op } from "../autograd/op.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { copyInto, contiguous as dense, fill } from "../tensor/copy.ts";
import {
  inferShape,
  isDense,
  normalizeDim,
  normalizeDims,
  type Shape,
  sizeAt,
  stridesOf,
  viewStrides,
} from "../tensor/shape.ts";
import { empty, type Tensor, view } from "../tensor/tensor.ts";

interface From {
  /** The shape before. */
  readonly from: Shape;
}

/** A view op whose gradient is another view op of the gradient. */
/* @__NO_SIDE_EFFECTS__ */
function defineView<A extends object>(
  name: string,
  make: (x: Tensor, attrs: A) => Tensor,
  gradient: (g: Tensor, attrs: A & From) => Tensor,
): (x: Tensor, attrs: A) => Tensor {
  const op = defineOp<A & From>({
    name,
    forward: (_, [x]: [Tensor], attrs) => make(x, attrs),
    backward: (ctx, g: Tensor) => gradient(g, ctx.attrs),
  });
  return (x, attrs) => op([x], { ...attrs, from: x.shape });
}

const reshapeOp = defineView<{ shape: Shape }>(
  "reshape",
  (x, { shape }) => {
    const strides = viewStrides(x.shape, x.strides, shape);
    if (strides) return view(x, shape, strides, x.offset);
    const copy = dense(x, { copy: true });
    const result = view(copy, shape, stridesOf(shape), 0);
    copy.dispose();
    return result;
  },
  (g, { from }) => reshape(g, from),
);

/** The same elements in another shape; one dim may be -1. A view where the strides allow it, else a copy. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  check(Array.isArray(shape), ArgumentError, () => expected("reshape", "shape", "an array", shape));
  return reshapeOp(x, { shape: inferShape("reshape", shape, x.size) });
}

/** Flattens the dims from `start` to `end` (inclusive) into one. */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  if (x.ndim === 0) return reshape(x, [1]);
  const [first, last] = [normalizeDim("flatten", start, x.ndim, "start"), normalizeDim("flatten", end, x.ndim, "end")];
  check(first <= last, ArgumentError, () => expected("flatten", "start, end", "start <= end", [start, end]));
  const joined = x.shape.slice(first, last + 1).reduce((a, b) => a * b, 1);
  return reshape(x, [...x.shape.slice(0, first), joined, ...x.shape.slice(last + 1)]);
}

const permuteOp = defineView<{ dims: number[] }>(
  "permute",
  (x, { dims }) =>
    view(
      x,
      dims.map((d) => sizeAt(x.shape, d)),
      dims.map((d) => elementAt(x.strides, d)),
      x.offset,
    ),
  (g, { dims }) =>
    permute(
      g,
      dims.map((_, i) => dims.indexOf(i)),
    ),
);

/** Dims in another order: `permute([2, 0, 1])`. */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  check(Array.isArray(dims) && dims.length === x.ndim, ArgumentError, () =>
    expected("permute", "dims", `all ${x.ndim} dims`, dims),
  );
  const order = dims.map((dim) => normalizeDim("permute", dim, x.ndim, "dims"));
  check(new Set(order).size === order.length, ArgumentError, () => expected("permute", "dims", "every dim once", dims));
  return permuteOp(x, { dims: order });
}

/** Swaps two dims. */
export function transpose(x: Tensor, d0: number, d1: number): Tensor {
  const [a, b] = [normalizeDim("transpose", d0, x.ndim, "d0"), normalizeDim("transpose", d1, x.ndim, "d1")];
  return permute(
    x,
    x.shape.map((_, i) => (i === a ? b : i === b ? a : i)),
  );
}

/** The transpose of a matrix. */
export function t(x: Tensor): Tensor {
  check(x.ndim <= 2, ShapeError, () => expected("t", "x", "at most 2 dims", x));
  return x.ndim < 2 ? x : permute(x, [1, 0]);
}

/** Drops `dim` if it has size 1; without `dim`, all such dims. */
export function squeeze(x: Tensor, dim?: number): Tensor {
  const at = dim === undefined ? undefined : normalizeDim("squeeze", dim, x.ndim);
  return reshape(
    x,
    x.shape.filter((size, i) => size !== 1 || (at !== undefined && i !== at)),
  );
}

/** A new dim of size 1 at `dim`. */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  const at = normalizeDim("unsqueeze", dim, x.ndim + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

interface Slice {
  dim: number;
  start: number;
  length: number;
  step: number;
}

const sliceOp: (x: Tensor, attrs: Slice) => Tensor = defineView<Slice>(
  "slice",
  (x, { dim, start, length, step }) => {
    const stride = elementAt(x.strides, dim);
    return view(
      x,
      x.shape.map((size, i) => (i === dim ? length : size)),
      x.strides.map((one, i) => (i === dim ? one * step : one)),
      x.offset + start * stride,
    );
  },
  (g, attrs) => sliceBackward([g], { ...attrs, shape: attrs.from }),
);

/** The adjoint of a slice: the gradient at the indices of the slice, zeros elsewhere. */
const sliceBackward: Op<Slice & { shape: Shape }, Tensor> = defineOp<Slice & { shape: Shape }>({
  name: "embed",
  forward(ctx, [g]: [Tensor], { dim, start, step, shape }) {
    const gradX = empty(ctx.device, shape, g.dtype);
    fill(gradX, 0);
    const window = view(
      gradX,
      g.shape,
      gradX.strides.map((one, i) => (i === dim ? one * step : one)),
      start * elementAt(gradX.strides, dim),
    );
    copyInto(window, g);
    window.dispose();
    return gradX;
  },
  backward: (ctx, g: Tensor) => sliceOp(g, ctx.attrs),
});

/** The indices [start, start + length) of a dim. */
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  check(x.ndim > 0, ShapeError, () => expected("narrow", "x", "at least 1 dim", x));
  const at = normalizeDim("narrow", dim, x.ndim);
  const size = sizeAt(x.shape, at);
  const first = start < 0 ? start + size : start;
  check(
    Number.isInteger(first) && Number.isInteger(length) && first >= 0 && length >= 0 && first + length <= size,
    ArgumentError,
    () => expected("narrow", "start, length", `a range within dim ${dim} of size ${size}`, [start, length]),
  );
  return sliceOp(x, { dim: at, start: first, length, step: 1 });
}

/** The indices start, start + step, ... below `end` of a dim, clipped as in Python: negative ones count from the end. */
export function slice(x: Tensor, dim: number, start = 0, end?: number, step = 1): Tensor {
  check(x.ndim > 0, ShapeError, () => expected("slice", "x", "at least 1 dim", x));
  const at = normalizeDim("slice", dim, x.ndim);
  const size = sizeAt(x.shape, at);
  check(Number.isInteger(start) && Number.isInteger(end ?? 0), ArgumentError, () =>
    expected("slice", "start, end", "integers", [start, end]),
  );
  check(Number.isInteger(step) && step > 0, ArgumentError, () => expected("slice", "step", "an integer > 0", step));
  const clip = (index: number) => Math.max(0, Math.min(size, index < 0 ? index + size : index));
  const first = clip(start);
  const length = Math.max(0, Math.ceil((clip(end ?? size) - first) / step));
  return sliceOp(x, { dim: at, start: length === 0 ? 0 : first, length, step });
}

/** The elements of some dims in reverse order. */
export function flip(x: Tensor, dim: number | readonly number[]): Tensor {
  const dims = normalizeDims("flip", [dim].flat(), x.ndim);
  return flipOp(x, { dims });
}
const flipOp = defineView<{ dims: number[] }>(
  "flip",
  (x, { dims }) => {
    const last = dims.reduce((sum, d) => sum + Math.max(0, sizeAt(x.shape, d) - 1) * elementAt(x.strides, d), 0);
    return view(
      x,
      x.shape,
      x.strides.map((one, i) => (dims.includes(i) ? -one : one)),
      x.offset + last,
    );
  },
  (g, { dims }) => flip(g, dims),
);

const contiguousOp = defineView<object>(
  "contiguous",
  (x) => dense(x, { copy: true }),
  (g) => g,
);
/** x itself if its elements lie in row-major order, else a dense copy. */
export const contiguous = (x: Tensor): Tensor => (isDense(x.shape, x.strides) ? x : contiguousOp(x, {}));
/** A dense copy, part of the graph. */
export const clone = (x: Tensor): Tensor => contiguousOp(x, {});

/** The same values outside the graph; shares memory. */
export const detach = (x: Tensor): Tensor => {
  x.assertLive("detach");
  return view(x, x.shape, x.strides, x.offset);
};
