/** The same values behind several kinds of strides: every op must give the same result for all of them. */
import { flip, reshape, slice, type Tensor, tensor, transpose } from "../../src/index.ts";

export interface Values {
  readonly shape: readonly number[];
  readonly dtype: "f32" | "i32" | "u32" | "bool";
  readonly data: ArrayLike<number>;
}

/** The memory layouts that a test's inputs can have. */
export const layouts = ["dense", "transposed", "sliced", "flipped"] as const;
export type Layout = (typeof layouts)[number];

/** Returns a tensor of these values in a layout. Gradients are asked of the view itself (`grad`), whatever it is a view of. */
export function withLayout(values: Values, layout: Layout): Tensor {
  const { shape } = values;
  const requiresGrad = values.dtype === "f32";
  const make = (at: readonly number[], data: ArrayLike<number>) =>
    tensor(Float64Array.from(data), { shape: at, dtype: values.dtype, requiresGrad });
  const size = shape.reduce((a, b) => a * b, 1);
  if (layout === "dense" || size === 0) return make(shape, values.data);
  if (layout === "transposed" && shape.length > 1) {
    const last = shape.length - 1;
    const swapped = shape.map((_, i) => shape[i === 0 ? last : i === last ? 0 : i] as number);
    const permuted = rearranged(values, swapped, (index) =>
      index.map((_, i) => index[i === 0 ? last : i === last ? 0 : i] as number),
    );
    return transpose(make(swapped, permuted), 0, last);
  }
  if (layout === "flipped" && shape.length > 0) {
    const data = Float64Array.from(values.data).reverse();
    return flip(
      make(shape, data),
      shape.map((_, i) => i),
    );
  }
  // Every third element of a longer row, starting at one that no kernel can bind directly.
  const spread = new Float64Array(3 * size + 1).fill(-77);
  for (let i = 0; i < size; i++) spread[3 * i + 1] = values.data[i] as number;
  return reshape(slice(make([spread.length], spread), 0, 1, undefined, 3), shape);
}

/** Returns the data of `values` in the order of the shape `to`, where the element at `index` is the one at `source(index)`. */
function rearranged(
  { shape, data }: Values,
  to: readonly number[],
  source: (index: number[]) => number[],
): Float64Array {
  const result = new Float64Array(data.length);
  for (let i = 0; i < result.length; i++) {
    let rest = i;
    const index = new Array<number>(to.length);
    for (let d = to.length - 1; d >= 0; d--) {
      index[d] = rest % (to[d] as number);
      rest = Math.floor(rest / (to[d] as number));
    }
    result[i] = data[source(index).reduce((at, p, d) => at * (shape[d] as number) + p, 0)] as number;
  }
  return result;
}
