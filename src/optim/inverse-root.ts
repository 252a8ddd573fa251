/** Inverse fourth roots of symmetric positive matrices, by products alone. */
import { cast } from "../autograd/op.ts";
import { add, div, gt, maximum, mul, sub } from "../ops/binary.ts";
import { matmul } from "../ops/matmul.ts";
import { max, sum } from "../ops/reduce.ts";
import { abs, sqrt } from "../ops/unary.ts";
import { eye } from "../tensor/create.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Each step multiplies a small eigenvalue of M by (5/4)^4. */
const GROWTH = 1.25 ** 4;
/** Steps for the last part, where M converges to the identity quadratically. */
const LAST_STEPS = 6;

/**
 * (A + ridge)^(-1/4) of each matrix of a batch (B, n, n), by the coupled Newton iteration (Guo, Higham 2006; Anil et al.
 * 2020): X = X T, M = T^4 M with T = (5 - M) / 4, from X = s^(-1/4), M = (A + ridge) / s. The scale s is the greatest
 * absolute row sum, which bounds the greatest eigenvalue, and the ridge is `eps` s: no eigenvalue of the first M is
 * below eps / 2, for which the number of steps is made. A matrix of zeros gives zeros.
 */
export function inverseFourthRoot(a: Tensor, eps: number): Tensor {
  const n = a.shape.at(-1) ?? 0;
  const identity = eye(n, n, { device: a.device });
  const bound = max(sum(abs(a), -1, { keepdim: true }), -2, { keepdim: true });
  const scale = maximum(mul(bound, 1 + eps), 1e-30);
  let m = div(add(a, mul(identity, mul(bound, eps))), scale);
  let x = div(identity, sqrt(sqrt(scale)));
  const steps = Math.ceil(Math.log(2 / eps) / Math.log(GROWTH)) + LAST_STEPS;
  for (let step = 0; step < steps; step++) {
    const next = scope(() => {
      const factor = sub(mul(identity, 1.25), mul(m, 0.25));
      const squared = matmul(factor, factor);
      return { m: matmul(matmul(squared, squared), m), x: matmul(x, factor) };
    });
    m.dispose();
    x.dispose();
    ({ m, x } = next);
  }
  return mul(x, cast(gt(bound, 0), "f32"));
}
