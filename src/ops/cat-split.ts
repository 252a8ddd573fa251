/** Splitting and concatenation: split, chunk, unbind give views; cat, stack and pad write each element once. */

import { withComputePrecision } from "../autograd/autocast.ts";
import { defineOp, type Op } from "../autograd/op.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { copyInto, fill } from "../tensor/copy.ts";
import { checkFilling, zeros } from "../tensor/create.ts";
import { checkShape, normalizeDim, type Shape, sameShape, sizeAt } from "../tensor/shape.ts";
import type { Dtype } from "../tensor/storage.ts";
import { empty, storageOf, Tensor, view } from "../tensor/tensor.ts";
import { expand } from "./broadcast.ts";
import { flip, narrow, reshape, unsqueeze } from "./movement.ts";

/** Views of `size` along a dim (the last may be smaller), or of the sizes given. */
export function split(x: Tensor, size: number | readonly number[], dim = 0): Tensor[] {
  check(x.ndim > 0, ShapeError, () => expected("split", "x", "at least 1 dim", x));
  const at = normalizeDim("split", dim, x.ndim);
  const total = sizeAt(x.shape, at);
  const valid = typeof size === "number" ? Number.isSafeInteger(size) && size > 0 : Array.isArray(size);
  check(valid, ArgumentError, () => expected("split", "size", "an integer > 0 or a list of sizes", size));
  const equal = (one: number) =>
    Array.from({ length: Math.max(1, Math.ceil(total / one)) }, (_, i) => Math.min(one, total - i * one));
  const sizes = typeof size === "number" ? equal(size) : [...size];
  check(
    sizes.every((part) => Number.isSafeInteger(part) && part >= 0) && sizes.reduce((a, b) => a + b, 0) === total,
    ArgumentError,
    () => expected("split", "size", `sizes that add up to ${total}`, size),
  );
  let start = 0;
  return sizes.map((length) => {
    start += length;
    return narrow(x, at, start - length, length);
  });
}

/** `n` views of about equal size along a dim. */
export function chunk(x: Tensor, n: number, dim = 0): Tensor[] {
  check(Number.isInteger(n) && n > 0, ArgumentError, () => expected("chunk", "n", "an integer > 0", n));
  const total = sizeAt(x.shape, normalizeDim("chunk", dim, x.ndim));
  return split(x, Math.max(1, Math.ceil(total / n)), dim);
}

interface SplitAttrs {
  readonly dim: number;
  readonly dtype: Dtype;
  readonly shapes: readonly Shape[];
}

const splitViewsOp: Op<SplitAttrs, Tensor[]> = defineOp<SplitAttrs, Tensor[]>({
  name: "splitViews",
  forward(_, [x]: [Tensor], { dim, shapes }) {
    let start = x.offset;
    return shapes.map((shape) => {
      const part = view(x, shape, x.strides, start);
      start += sizeAt(shape, dim) * elementAt(x.strides, dim);
      return part;
    });
  },
  backward: ({ device, attrs }, ...gradients: (Tensor | undefined)[]) =>
    joinedView(gradients, attrs.dim) ??
    cat(
      gradients.map((gradient, i) => gradient ?? zeros(attrs.shapes[i] as Shape, { dtype: attrs.dtype, device })),
      attrs.dim,
    ),
});

/**
 * One view of parts along `dim` that lie in one storage as `splitViews` would have them, else undefined. Parts that are in the
 * graph are left to `cat`, which is differentiable.
 */
function joinedView(parts: readonly (Tensor | undefined)[], dim: number): Tensor | undefined {
  const [first, second] = parts;
  if (!first || !second || parts.some((part) => !part || part.requiresGrad || part.size === 0)) return undefined;
  const length = sizeAt(first.shape, dim);
  // The stride of a dim of size 1 says nothing.
  const step = length === 1 ? second.offset - first.offset : sizeAt(first.strides, dim);
  const strides = first.strides.with(dim, step);
  let end = first.offset;
  for (const part of parts) {
    if (!part || storageOf(part) !== storageOf(first) || part.offset !== end) return undefined;
    if (!part.strides.every((stride, i) => stride === strides[i] || part.shape[i] === 1)) return undefined;
    end += sizeAt(part.shape, dim) * step;
  }
  return view(first, first.shape.with(dim, (end - first.offset) / step), strides, first.offset);
}

/** Views of these sizes along `dim`, which they fill; their gradients are concatenated once. */
export function splitViews<const S extends readonly number[]>(x: Tensor, sizes: S, dim: number): ViewsOf<S> {
  const shapes = sizes.map((size) => x.shape.with(dim, size));
  // One view per size.
  return splitViewsOp([x], { dim, dtype: x.dtype, shapes }) as ViewsOf<S>;
}

type ViewsOf<S extends readonly number[]> = { -readonly [K in keyof S]: Tensor };

/** Returns x[0], x[1], ...: the entries along the first dim. */
export function unbind(x: Tensor): Tensor[] {
  const ones = new Array<number>(sizeAt(x.shape, 0)).fill(1);
  return splitViews(x, ones, 0).map((part) => reshape(part, x.shape.slice(1)));
}

const sameLifetimeOp: Op<object, Tensor[]> = defineOp<object, Tensor[]>({
  name: "sameLifetime",
  forward: (_, tensors: Tensor[]) => tensors.map((one) => view(one, one.shape, one.strides, one.offset)),
  backward: (_, ...gradients: (Tensor | undefined)[]) => gradients,
});

/**
 * The same tensors as results of one op, for layers with results that a program may ignore: backward through one of them
 * then releases the graph of the others too, which would otherwise live until it is collected.
 */
export const sameLifetime = <T extends readonly Tensor[]>(...tensors: T): { [K in keyof T]: Tensor } =>
  sameLifetimeOp(tensors, {}) as { [K in keyof T]: Tensor };

const catOp = defineOp<{ dim: number; sizes: number[] }>({
  name: "cat",
  forward(ctx, tensors: [Tensor, ...Tensor[]], { dim, sizes }) {
    const [first] = tensors;
    const total = sizes.reduce((a, b) => a + b, 0);
    const y = empty(
      ctx.device,
      first.shape.map((size, i) => (i === dim ? total : size)),
      first.dtype,
    );
    let start = 0;
    for (const x of tensors) {
      const target = view(y, x.shape, y.strides, start * elementAt(y.strides, dim));
      copyInto(target, x);
      target.dispose();
      start += sizeAt(x.shape, dim);
    }
    return y;
  },
  backward: (ctx, g: Tensor) => split(g, ctx.attrs.sizes, ctx.attrs.dim),
});

/** Returns the first of a list of tensors, which must have one dtype or all be floats. */
function firstOf(op: string, tensors: readonly Tensor[]): Tensor {
  const valid = Array.isArray(tensors) && tensors.length > 0 && tensors.every((x) => x instanceof Tensor);
  check(valid, ArgumentError, () => expected(op, "tensors", "a list of tensors", tensors));
  const first = elementAt(tensors, 0);
  for (const { dtype } of tensors)
    check(dtype === first.dtype || (isFloat(dtype) && isFloat(first.dtype)), DtypeError, () =>
      expected(op, "tensors", `dtype ${first.dtype} in all`, dtype),
    );
  return first;
}

/** Concatenates tensors of one dtype along an existing dim; f16 and f32 together give f32. */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  const first = firstOf("cat", tensors);
  check(first.ndim > 0, ShapeError, () => expected("cat", "tensors", "at least 1 dim (stack takes scalars)", first));
  const at = normalizeDim("cat", dim, first.ndim);
  for (const x of tensors) {
    const fits = x.ndim === first.ndim && sameShape(x.shape.toSpliced(at, 1), first.shape.toSpliced(at, 1));
    check(
      fits,
      ShapeError,
      () => `cat: argument 'tensors' expected shapes equal except at dim ${dim}, got [${first.shape}] and [${x.shape}]`,
    );
  }
  const sizes = tensors.map((x) => sizeAt(x.shape, at));
  const isMixed = tensors.some((x) => x.dtype !== first.dtype);
  return withComputePrecision(isMixed ? { computeDtype: "f32" } : {}, tensors, (alike) =>
    catOp(alike, { dim: at, sizes }),
  );
}

/** Concatenates tensors of one shape along a new dim. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  const { shape } = firstOf("stack", tensors);
  for (const x of tensors)
    check(sameShape(x.shape, shape), ShapeError, () => expected("stack", "tensors", `shape [${shape}] in all`, x));
  return cat(
    tensors.map((x) => unsqueeze(x, dim)),
    dim,
  );
}

export interface PadOptions {
  /** The padding: one value, the values mirrored at the edge (which is not repeated), the edge's value, or the other end's. */
  mode?: "constant" | "reflect" | "replicate" | "circular";
  /** For mode "constant". Default 0. */
  value?: number | boolean;
}

/** Adds `value`, or by `mode` values of x, before and after each dim: one pair per dim. */
export function pad(
  x: Tensor,
  amounts: readonly (readonly [number, number])[],
  value: number | boolean | PadOptions = 0,
): Tensor {
  const valid =
    Array.isArray(amounts) &&
    amounts.length === x.ndim &&
    amounts.every((pair) => pair.length === 2 && pair.every((n: number) => Number.isInteger(n) && n >= 0));
  check(valid, ArgumentError, () =>
    expected("pad", "amounts", `${x.ndim} pairs [before, after] of integers >= 0`, amounts),
  );
  const { mode = "constant", value: filling = 0 } = typeof value === "object" ? value : { value };
  checkShape(
    "pad",
    x.shape.map((size, i) => size + (amounts[i]?.[0] ?? 0) + (amounts[i]?.[1] ?? 0)),
    "amounts",
  );
  if (mode === "constant") return padOp([x], { amounts, value: checkFilling("pad", filling, x.dtype) });
  check(typeof value === "object" && value.value === undefined, ArgumentError, () =>
    expected("pad", "value", `nothing with mode '${mode}'`, filling),
  );
  return amounts.reduce((padded, [before, after], i) => padEnds(padded, i, before, after, mode), x);
}

/** Extends x at both ends of a dim with its own values. */
function padEnds(x: Tensor, dim: number, before: number, after: number, mode: "reflect" | "replicate" | "circular") {
  if (before + after === 0) return x;
  const size = sizeAt(x.shape, dim);
  const most = { reflect: size - 1, replicate: size === 0 ? 0 : Infinity, circular: size }[mode];
  check(Math.max(before, after) <= most, ArgumentError, () =>
    expected("pad", "amounts", `at most ${most} at dim ${dim} of size ${size} with mode '${mode}'`, [before, after]),
  );
  const edge = (start: number, n: number) => expand(narrow(x, dim, start, 1), x.shape.with(dim, n));
  const ends: Record<typeof mode, () => [Tensor, Tensor]> = {
    reflect: () => [flip(narrow(x, dim, 1, before), dim), flip(narrow(x, dim, size - 1 - after, after), dim)],
    replicate: () => [edge(0, before), edge(size - 1, after)],
    circular: () => [narrow(x, dim, size - before, before), narrow(x, dim, 0, after)],
  };
  const [start, end] = ends[mode]();
  return cat([start, x, end], dim);
}

const padOp = defineOp<{ amounts: readonly (readonly [number, number])[]; value: number }>({
  name: "pad",
  forward(ctx, [x]: [Tensor], { amounts, value }) {
    const y = empty(
      ctx.device,
      x.shape.map((size, i) => size + (amounts[i]?.[0] ?? 0) + (amounts[i]?.[1] ?? 0)),
      x.dtype,
    );
    fill(y, value);
    const offset = amounts.reduce((sum, [before], i) => sum + before * elementAt(y.strides, i), 0);
    const target = view(y, x.shape, y.strides, offset);
    copyInto(target, x);
    target.dispose();
    return y;
  },
  backward: (ctx, g: Tensor) =>
    ctx.attrs.amounts.reduce(
      (part, [before, after], i) => narrow(part, i, before, sizeAt(g.shape, i) - before - after),
      g,
    ),
});
