/** Values to compare, in whatever form a test has them, as flat numbers with a shape. */
import { isTypedArray } from "../elements.ts";
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import type { Shape } from "../tensor/shape.ts";

export type NestedValues = number | boolean | readonly NestedValues[];
/** A typed array has no shape of its own. */
export type HostValues = NestedValues | ArrayBufferView;

export interface FlatValues {
  readonly data: ArrayLike<number>;
  /** Undefined for typed arrays, which compare with any shape of the same size. */
  readonly shape: Shape | undefined;
}

export function flat(argument: string, values: HostValues): FlatValues {
  if (isTypedArray(values)) return { data: Float64Array.from(values, Number), shape: undefined };
  check(!ArrayBuffer.isView(values), ArgumentError, () => expected("assertClose", argument, "a typed array", values));
  const shape = shapeOf(values);
  const data: number[] = [];
  const collect = (one: NestedValues, dim: number): void => {
    const isRow = Array.isArray(one);
    check(isRow || typeof one === "number" || typeof one === "boolean", ArgumentError, () =>
      expected("assertClose", argument, "a tensor, a typed array, or nested numbers", one),
    );
    check((isRow ? one.length : undefined) === shape[dim], ShapeError, () =>
      expected("assertClose", argument, "rows of equal length", "ragged ones"),
    );
    if (isRow) for (const inner of one) collect(inner, dim + 1);
    else data.push(Number(one));
  };
  collect(values, 0);
  return { data, shape };
}

/** The nesting along the first elements. */
function shapeOf(values: NestedValues): number[] {
  if (!Array.isArray(values)) return [];
  return [values.length, ...(values.length > 0 ? shapeOf(values[0]) : [])];
}

/** The index of element `i` by dims: `[2, 0]`. */
export function indexOf(i: number, shape: Shape | undefined, size: number): string {
  const index: number[] = [];
  let rest = i;
  for (const dim of [...(shape ?? [size])].reverse()) {
    index.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return `[${index.join(", ")}]`;
}
