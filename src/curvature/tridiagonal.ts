/** Eigenvalues of a symmetric tridiagonal matrix, on the host in double precision. */
import { at } from "./vectors.ts";

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
  const e = Float64Array.from({ length: n }, (_, i) => (i < n - 1 ? at(offDiagonal, i) : 0));
  const z = new Float64Array(n);
  z[n - 1] = 1;
  for (let l = 0; l < n; l++) deflate(d, e, z, l);
  const order = Array.from(d.keys()).sort((a, b) => at(d, a) - at(d, b));
  return { values: order.map((i) => at(d, i)), last: order.map((i) => at(z, i)) };
}

const MAX_SWEEPS = 60;

/** Sweeps until entry `l` is decoupled. */
function deflate(d: Float64Array, e: Float64Array, z: Float64Array, l: number): void {
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let m = l;
    while (m < d.length - 1 && !isNegligible(d, e, m)) m++;
    if (m === l) return;
    sweepQl(d, e, z, l, m);
  }
}

function isNegligible(d: Float64Array, e: Float64Array, m: number): boolean {
  const scale = Math.abs(at(d, m)) + Math.abs(at(d, m + 1));
  return Math.abs(at(e, m)) <= Number.EPSILON * scale;
}

/** One implicit QL sweep over rows l..m. */
function sweepQl(d: Float64Array, e: Float64Array, z: Float64Array, l: number, m: number): void {
  const shift = (at(d, l + 1) - at(d, l)) / (2 * at(e, l));
  const root = Math.hypot(shift, 1);
  let g = at(d, m) - at(d, l) + at(e, l) / (shift + (shift >= 0 ? root : -root));
  let [sine, cosine, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = sine * at(e, i);
    const b = cosine * at(e, i);
    const length = Math.hypot(f, g);
    e[i + 1] = length;
    if (length === 0) {
      d[i + 1] = at(d, i + 1) - p;
      e[m] = 0;
      return;
    }
    sine = f / length;
    cosine = g / length;
    g = at(d, i + 1) - p;
    const t = (at(d, i) - g) * sine + 2 * cosine * b;
    p = sine * t;
    d[i + 1] = g + p;
    g = cosine * t - b;
    const after = at(z, i + 1);
    z[i + 1] = sine * at(z, i) + cosine * after;
    z[i] = cosine * at(z, i) - sine * after;
  }
  d[l] = at(d, l) - p;
  e[l] = g;
  e[m] = 0;
}
