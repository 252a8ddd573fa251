/** Small dense matrices in double precision, row-major lists of rows. */
export type Matrix = number[][];

export const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((total, value, k) => total + value * b[k]![j]!, 0)));
export const flip = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
export const map2 = (a: Matrix, b: Matrix, fn: (x: number, y: number) => number): Matrix =>
  a.map((row, i) => row.map((value, j) => fn(value, b[i]![j]!)));
export const scaled = (a: Matrix, by: number): Matrix => a.map((row) => row.map((value) => value * by));
export const asRows = (values: ArrayLike<number>, columns: number): Matrix =>
  Array.from({ length: values.length / columns }, (_, i) =>
    Array.from({ length: columns }, (_, j) => Number(values[i * columns + j])),
  );

/** Function of a symmetric matrix through its eigenvalues, by Jacobi's rotations. */
export function symmetric(a: Matrix, fn: (eigenvalue: number) => number): Matrix {
  const n = a.length;
  const d = a.map((row) => [...row]);
  const v = a.map((_, i) => a.map((_, j) => Number(i === j)));
  for (let sweep = 0; sweep < 60; sweep++) {
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(d, v, p, q);
  }
  return product(
    v.map((row) => row.map((value, k) => value * fn(d[k]![k]!))),
    flip(v),
  );
}

function rotate(d: Matrix, v: Matrix, p: number, q: number): void {
  if (Math.abs(d[p]![q]!) < 1e-300) return;
  const theta = 0.5 * Math.atan2(2 * d[p]![q]!, d[q]![q]! - d[p]![p]!);
  const [c, s] = [Math.cos(theta), Math.sin(theta)];
  const turn = (row: number[]) => {
    [row[p], row[q]] = [c * row[p]! - s * row[q]!, s * row[p]! + c * row[q]!];
  };
  for (const row of d) turn(row);
  for (let k = 0; k < d.length; k++) {
    [d[p]![k], d[q]![k]] = [c * d[p]![k]! - s * d[q]![k]!, s * d[p]![k]! + c * d[q]![k]!];
  }
  for (const row of v) turn(row);
}
