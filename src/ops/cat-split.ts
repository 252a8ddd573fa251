/** Cutting tensors apart and putting them together: split and chunk are views; cat, stack and pad write once. */

import { withComputePrecision } from "../autograd/autocast.ts";
import { defineOp } from "../autograd/op.ts";
import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { copyInto, fill } from "../tensor/copy.ts";
import { checkFilling } from "../tensor/create.ts";
import { checkShape, normalizeDim, sameShape } from "../tensor/shape.ts";
import { empty, Tensor, view } from "../tensor/tensor.ts";
import { expand } from "./broadcast.ts";
import { flip, narrow, unsqueeze } from "./movement.ts";

/** Pieces of `size` along a dim (the last may be smaller), or of the sizes given. */
export function split(x: Tensor, size: number | readonly number[], dim = 0): Tensor[] {
  check(x.ndim > 0, ShapeError, () => expected("split", "x", "at least 1 dim", x));
  const at = normalizeDim("split", dim, x.ndim);
  const total = x.shape[at] as number;
  const valid = Array.isArray(size) || (Number.isSafeInteger(size) && (size as number) > 0);
  check(valid, ArgumentError, () => expected("split", "size", "a whole number > 0 or a list of sizes", size));
  const one = size as number;
  const sizes = Array.isArray(size)
    ? [...size]
    : Array.from({ length: Math.max(1, Math.ceil(total / one)) }, (_, i) => Math.min(one, total - i * one));
  check(
    sizes.every((piece) => Number.isSafeInteger(piece) && piece >= 0) && sizes.reduce((a, b) => a + b, 0) === total,
    ArgumentError,
    () => expected("split", "size", `sizes that add up to ${total}`, size),
  );
  let start = 0;
  return sizes.map((length) => {
    start += length;
    return narrow(x, at, start - length, length);
  });
}

/** `n` pieces of about equal size along a dim. */
export function chunk(x: Tensor, n: number, dim = 0): Tensor[] {
  check(Number.isInteger(n) && n > 0, ArgumentError, () => expected("chunk", "n", "a whole number > 0", n));
  return split(x, Math.max(1, Math.ceil((x.shape[normalizeDim("chunk", dim, x.ndim)] as number) / n)), dim);
}

const catOp = defineOp<{ dim: number; sizes: number[] }>({
  name: "cat",
  forward(ctx, tensors: Tensor[], { dim, sizes }) {
    const first = tensors[0] as Tensor;
    const total = sizes.reduce((a, b) => a + b, 0);
    const y = empty(
      ctx.device,
      first.shape.map((size, i) => (i === dim ? total : size)),
      first.dtype,
    );
    let start = 0;
    for (const x of tensors) {
      const place = view(y, x.shape, y.strides, start * (y.strides[dim] as number));
      copyInto(place, x);
      place.dispose();
      start += x.shape[dim] as number;
    }
    return y;
  },
  backward: (ctx, g: Tensor) => split(g, ctx.attrs.sizes, ctx.attrs.dim),
});

/** The first of a list of tensors that have one dtype, or are all floats. */
function firstOf(op: string, tensors: readonly Tensor[]): Tensor {
  const valid = Array.isArray(tensors) && tensors.length > 0 && tensors.every((x) => x instanceof Tensor);
  check(valid, ArgumentError, () => expected(op, "tensors", "a list of tensors", tensors));
  const first = tensors[0] as Tensor;
  for (const { dtype } of tensors)
    check(dtype === first.dtype || (isFloat(dtype) && isFloat(first.dtype)), DtypeError, () =>
      expected(op, "tensors", `dtype ${first.dtype} in all`, dtype),
    );
  return first;
}

/** Joins tensors along an existing dim: of one dtype, but that f16 and f32 together give f32. */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  const first = firstOf("cat", tensors);
  check(first.ndim > 0, ShapeError, () => expected("cat", "tensors", "at least 1 dim (stack joins scalars)", first));
  const at = normalizeDim("cat", dim, first.ndim);
  for (const x of tensors) {
    const fits = x.ndim === first.ndim && sameShape(x.shape.toSpliced(at, 1), first.shape.toSpliced(at, 1));
    check(
      fits,
      ShapeError,
      () => `cat: argument 'tensors' expected shapes equal but for dim ${dim}, got [${first.shape}] and [${x.shape}]`,
    );
  }
  const sizes = tensors.map((x) => x.shape[at] as number);
  const isMixed = tensors.some((x) => x.dtype !== first.dtype);
  return withComputePrecision(isMixed ? { computeDtype: "f32" } : {}, tensors, (alike) =>
    catOp(alike, { dim: at, sizes }),
  );
}

/** Joins tensors of one shape along a new dim. */
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
  /** What lies around: one value, the values mirrored at the edge (which is not repeated), the edge's own, or the other end's. */
  mode?: "constant" | "reflect" | "replicate" | "circular";
  /** Of mode "constant". Default 0. */
  value?: number | boolean;
}

/** Puts `value`, or by `mode` values of x, before and after each dim: one pair per dim. */
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
    expected("pad", "amounts", `${x.ndim} pairs [before, after] of whole numbers >= 0`, amounts),
  );
  const { mode = "constant", value: filling = 0 } = typeof value === "object" ? value : { value };
  checkShape(
    "pad",
    x.shape.map((size, i) => size + (amounts[i]?.[0] ?? 0) + (amounts[i]?.[1] ?? 0)),
    "amounts",
  );
  if (mode === "constant") return padOp([x], { amounts, value: checkFilling("pad", filling, x.dtype) });
  check(value !== undefined && (value as PadOptions).value === undefined, ArgumentError, () =>
    expected("pad", "value", `nothing with mode '${mode}'`, filling),
  );
  return amounts.reduce((padded, [before, after], i) => padEnds(padded, i, before, after, mode), x);
}

/** x with values of its own before and after a dim. */
function padEnds(x: Tensor, dim: number, before: number, after: number, mode: "reflect" | "replicate" | "circular") {
  if (before + after === 0) return x;
  const size = x.shape[dim] as number;
  const most = { reflect: size - 1, replicate: size === 0 ? 0 : Infinity, circular: size }[mode];
  check(Math.max(before, after) <= most, ArgumentError, () =>
    expected("pad", "amounts", `at most ${most} at dim ${dim} of size ${size} with mode '${mode}'`, [before, after]),
  );
  const edge = (start: number, n: number) => expand(narrow(x, dim, start, 1), x.shape.with(dim, n));
  const ends = {
    reflect: () => [flip(narrow(x, dim, 1, before), dim), flip(narrow(x, dim, size - 1 - after, after), dim)],
    replicate: () => [edge(0, before), edge(size - 1, after)],
    circular: () => [narrow(x, dim, size - before, before), narrow(x, dim, 0, after)],
  }[mode]() as [Tensor, Tensor];
  return cat([ends[0], x, ends[1]], dim);
}

const padOp = defineOp<{ amounts: readonly (readonly [number, number])[]; value: number }>({
  name: "pad",
  forward(ctx, [x]: [Tensor], { amounts, value }) {
    const y = empty(
      ctx.device,
      x.shape.map(
        (size, i) => size + (amounts[i] as readonly [number, number])[0] + (amounts[i] as readonly [number, number])[1],
      ),
      x.dtype,
    );
    fill(y, value);
    const offset = amounts.reduce((sum, [before], i) => sum + before * (y.strides[i] as number), 0);
    const place = view(y, x.shape, y.strides, offset);
    copyInto(place, x);
    place.dispose();
    return y;
  },
  backward: (ctx, g: Tensor) =>
    ctx.attrs.amounts.reduce(
      (part, [before, after], i) => narrow(part, i, before, (g.shape[i] as number) - before - after),
      g,
    ),
});
