/** Eigenvalues of a symmetric tridiagonal matrix, on the host in double precision. */

export interface Ritz {
  /** Ascending. */
  readonly values: number[];
  /** The last component of each value's unit eigenvector. */
  readonly last: number[];
}

/**
 * All eigenvalues by implicit QL steps with Wilkinson's shift (EISPACK's tql2, which is after Bowdler, Martin, Reinsch,
 * Wilkinson 1968), with the last row of the matrix of eigenvectors. `offDiagonal[i]` couples i and i + 1.
 */
export function tridiagonalEigen(diagonal: readonly number[], offDiagonal: readonly number[]): Ritz {
  const n = diagonal.length;
  const d = Float64Array.from(diagonal);
  const e = Float64Array.from({ length: n }, (_, i) => (i < n - 1 ? (offDiagonal[i] as number) : 0));
  const z = new Float64Array(n);
  z[n - 1] = 1;
  for (let l = 0; l < n; l++) deflate(d, e, z, l);
  const order = Array.from(d.keys()).sort((a, b) => (d[a] as number) - (d[b] as number));
  return { values: order.map((i) => d[i] as number), last: order.map((i) => z[i] as number) };
}

const MOST_SWEEPS = 60;

/** Sweeps until entry `l` stands alone. */
function deflate(d: Float64Array, e: Float64Array, z: Float64Array, l: number): void {
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let m = l;
    while (m < d.length - 1 && !isNegligible(d, e, m)) m++;
    if (m === l) return;
    sweepQl(d, e, z, l, m);
  }
}

function isNegligible(d: Float64Array, e: Float64Array, m: number): boolean {
  const scale = Math.abs(d[m] as number) + Math.abs(d[m + 1] as number);
  return Math.abs(e[m] as number) <= Number.EPSILON * scale;
}

/** One implicit QL sweep over rows l..m. */
function sweepQl(d: Float64Array, e: Float64Array, z: Float64Array, l: number, m: number): void {
  const shift = ((d[l + 1] as number) - (d[l] as number)) / (2 * (e[l] as number));
  const root = Math.hypot(shift, 1);
  let g = (d[m] as number) - (d[l] as number) + (e[l] as number) / (shift + (shift >= 0 ? root : -root));
  let [sine, cosine, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = sine * (e[i] as number);
    const b = cosine * (e[i] as number);
    const length = Math.hypot(f, g);
    e[i + 1] = length;
    if (length === 0) {
      d[i + 1] = (d[i + 1] as number) - p;
      e[m] = 0;
      return;
    }
    sine = f / length;
    cosine = g / length;
    g = (d[i + 1] as number) - p;
    const t = ((d[i] as number) - g) * sine + 2 * cosine * b;
    p = sine * t;
    d[i + 1] = g + p;
    g = cosine * t - b;
    const after = z[i + 1] as number;
    z[i + 1] = sine * (z[i] as number) + cosine * after;
    z[i] = cosine * (z[i] as number) - sine * after;
  }
  d[l] = (d[l] as number) - p;
  e[l] = g;
  e[m] = 0;
}
