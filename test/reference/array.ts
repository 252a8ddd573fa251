/** Dense arrays of float64 and the operations on them that the tests need, each as its definition says, in plain loops. */

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The array whose element at each place is `value(place)`. */
export function build(shape: readonly number[], value: (place: number[]) => number): Values {
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
    let rest = i;
    const place = new Array<number>(shape.length);
    for (let d = shape.length - 1; d >= 0; d--) {
      place[d] = rest % (shape[d] as number);
      rest = Math.floor(rest / (shape[d] as number));
    }
    return value(place);
  });
  return { shape, data };
}

/** The element at a place; dims of size 1 take any, and missing leading dims are left out, as in broadcasting. */
export function at({ shape, data }: Values, place: readonly number[]): number {
  const lead = place.length - shape.length;
  const index = shape.reduce((sum, size, d) => sum * size + (size === 1 ? 0 : (place[d + lead] as number)), 0);
  return data[index] as number;
}

export const map = (x: Values, fn: (value: number) => number): Values => ({ shape: x.shape, data: x.data.map(fn) });

export function zip(a: Values, b: Values, fn: (x: number, y: number) => number): Values {
  const ndim = Math.max(a.shape.length, b.shape.length);
  const size = (x: Values, d: number) => x.shape[x.shape.length - ndim + d] ?? 1;
  const shape = Array.from({ length: ndim }, (_, d) => Math.max(size(a, d), size(b, d)));
  return build(shape, (place) => fn(at(a, place), at(b, place)));
}

export const permute = (x: Values, dims: readonly number[]): Values =>
  build(
    dims.map((d) => x.shape[d] as number),
    (place) =>
      at(
        x,
        dims.map((_, d) => place[dims.indexOf(d)] as number),
      ),
  );

/** `fn` of the elements along `dim`, which stays with size 1. */
export const along = (x: Values, dim: number, fn: (values: number[]) => number): Values =>
  build(
    x.shape.map((size, d) => (d === dim ? 1 : size)),
    (place) => fn(Array.from({ length: x.shape[dim] as number }, (_, i) => at(x, place.with(dim, i)))),
  );
