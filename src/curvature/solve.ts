/** Small symmetric positive definite systems: on the host in double precision, or by conjugate gradients on the GPU. */
import { add, div, maximum, mul, sub } from "../ops/binary.ts";
import { matmul } from "../ops/matmul.ts";
import { t } from "../ops/movement.ts";
import { sum } from "../ops/reduce.ts";
import { zerosLike } from "../tensor/create.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { at } from "./vectors.ts";

/** `b^T b + damping I` of a row-major (m, d) matrix, in double precision. */
export function gram(b: ArrayLike<number>, m: number, d: number, damping: number): Float64Array {
  const g = new Float64Array(d * d);
  for (let row = 0; row < m; row++) {
    for (let i = 0; i < d; i++) {
      const factor = at(b, row * d + i);
      for (let j = 0; j <= i; j++) g[i * d + j]! += factor * at(b, row * d + j);
    }
  }
  for (let i = 0; i < d; i++) {
    g[i * d + i]! += damping;
    for (let j = 0; j < i; j++) g[j * d + i] = at(g, i * d + j);
  }
  return g;
}

/** x with `a x = b` by Cholesky's factors; undefined where `a` is not positive definite. */
export function solveCholesky(a: Float64Array, b: ArrayLike<number>): Float64Array | undefined {
  const d = b.length;
  const l = factor(a, d);
  if (!l) return undefined;
  const x = Float64Array.from(b);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < i; j++) x[i]! -= at(l, i * d + j) * at(x, j);
    x[i]! /= at(l, i * d + i);
  }
  for (let i = d - 1; i >= 0; i--) {
    for (let j = i + 1; j < d; j++) x[i]! -= at(l, j * d + i) * at(x, j);
    x[i]! /= at(l, i * d + i);
  }
  return x;
}

/** A pivot below this share of its diagonal entry is rounding of the f32 data. */
const SINGULAR = 1e-12;

function factor(a: Float64Array, d: number): Float64Array | undefined {
  const l = new Float64Array(d * d);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = at(a, i * d + j);
      for (let k = 0; k < j; k++) rest -= at(l, i * d + k) * at(l, j * d + k);
      if (i === j && !(rest > SINGULAR * at(a, i * d + i))) return undefined;
      l[i * d + j] = i === j ? Math.sqrt(rest) : rest / at(l, j * d + j);
    }
  }
  return l;
}

/** x with `(b^T b + damping) x = right` after `steps` steps of conjugate gradients; nothing is read. */
export function solveConjugate(b: Tensor, right: Tensor, damping: number, steps: number): Tensor {
  const apply = (v: Tensor) => add(matmul(t(b), matmul(b, v)), mul(v, damping));
  let state = { x: zerosLike(right), r: right, p: right, rr: sum(mul(right, right)) };
  for (let step = 0; step < steps; step++) {
    state = scope(() => {
      const { x, r, p, rr } = state;
      const product = apply(p);
      // The floors keep 0 / 0 out once the residual has vanished.
      const rate = div(rr, maximum(sum(mul(p, product)), 1e-37));
      const rest = sub(r, mul(product, rate));
      const after = sum(mul(rest, rest));
      const next = add(rest, mul(p, div(after, maximum(rr, 1e-37))));
      return { x: add(x, mul(p, rate)), r: rest, p: next, rr: after };
    });
  }
  return state.x;
}
