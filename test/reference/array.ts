/** Dense arrays of float64 and the operations on them that the tests need, each as its definition says, in plain loops. */

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The array whose element at each index is `value(index)`. */
export function build(shape: readonly number[], value: (index: number[]) => number): Values {
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
    let rest = i;
    const index = new Array<number>(shape.length);
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d] = rest % (shape[d] as number);
      rest = Math.floor(rest / (shape[d] as number));
    }
    return value(index);
  });
  return { shape, data };
}

/** The element at a index; dims of size 1 take any, and missing leading dims are left out, as in broadcasting. */
export function at({ shape, data }: Values, index: readonly number[]): number {
  const lead = index.length - shape.length;
  const offset = shape.reduce((sum, size, d) => sum * size + (size === 1 ? 0 : (index[d + lead] as number)), 0);
  return data[offset] as number;
}

export const map = (x: Values, fn: (value: number) => number): Values => ({ shape: x.shape, data: x.data.map(fn) });

export function zip(a: Values, b: Values, fn: (x: number, y: number) => number): Values {
  const ndim = Math.max(a.shape.length, b.shape.length);
  const size = (x: Values, d: number) => x.shape[x.shape.length - ndim + d] ?? 1;
  const shape = Array.from({ length: ndim }, (_, d) => Math.max(size(a, d), size(b, d)));
  return build(shape, (index) => fn(at(a, index), at(b, index)));
}

export const permute = (x: Values, dims: readonly number[]): Values =>
  build(
    dims.map((d) => x.shape[d] as number),
    (index) =>
      at(
        x,
        dims.map((_, d) => index[dims.indexOf(d)] as number),
      ),
  );

/** `fn` of the elements along `dim`, which stays with size 1. */
export const along = (x: Values, dim: number, fn: (values: number[]) => number): Values =>
  build(
    x.shape.map((size, d) => (d === dim ? 1 : size)),
    (index) => fn(Array.from({ length: x.shape[dim] as number }, (_, i) => at(x, index.with(dim, i)))),
  );
