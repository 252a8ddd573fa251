/** Extreme eigenvalues of the Hessian by Lanczos' method: vectors stay on the GPU, only a small matrix is read. */
import { noGrad } from "../autograd/modes.ts";
import { ArgumentError, check } from "../errors.ts";
import { add, div, maximum, mul, sub } from "../ops/binary.ts";
import { matmul } from "../ops/matmul.ts";
import { narrow, reshape, t } from "../ops/movement.ts";
import { min, sum } from "../ops/reduce.ts";
import { sqrt, square } from "../ops/unary.ts";
import { copyInto } from "../tensor/copy.ts";
import { randn, zeros } from "../tensor/create.ts";
import { readData, readItem } from "../tensor/readback.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Hessian } from "./products.ts";
import { tridiagonalEigen } from "./tridiagonal.ts";
import {
  assertDeterministic,
  at,
  checkParams,
  checkVector,
  firstOf,
  joined,
  type LossFn,
  mapPairs,
  parted,
  sizeOfAll,
  type Vector,
} from "./vectors.ts";

export interface ExtremesOptions {
  /** Products with the Hessian, at most as many as there are parameters. Default 30. */
  steps?: number;
  /** A positive diagonal P, one tensor for each parameter: the eigenvalues are those of P^(1/2) H P^(1/2). */
  preconditioner?: readonly Tensor[];
  /** Added to the Hessian's diagonal before all else. Default 0. */
  damping?: number;
  /** Another symmetric map in the Hessian's place: `(v) => gaussNewtonProduct(output, loss, params, v)`. */
  operator?: (v: Tensor[]) => Tensor[];
}

export interface Extremes {
  readonly min: number;
  readonly max: number;
  /** Bounds on the distance from `min` and `max` to an eigenvalue (an unseen one may lie further out). */
  readonly minError: number;
  readonly maxError: number;
  /** All Ritz values, ascending: with as many steps as parameters, all eigenvalues. */
  readonly values: readonly number[];
}

/**
 * Least and greatest eigenvalue of the loss's Hessian by Lanczos' method with full reorthogonalization. The ends of the
 * spectrum converge first, the greatest by far the soonest. The first vector is drawn from the device's random numbers.
 */
export async function hessianExtremes(
  lossFn: LossFn,
  params: readonly Tensor[],
  options: ExtremesOptions = {},
): Promise<Extremes> {
  return extremesOf("hessianExtremes", lossFn, params, options);
}

export async function extremesOf(
  op: string,
  lossFn: LossFn,
  params: readonly Tensor[],
  options: ExtremesOptions,
): Promise<Extremes> {
  checkParams(op, params);
  const { steps = 30, preconditioner, damping = 0, operator } = options;
  if (preconditioner) await checkPreconditioner(op, preconditioner, params);
  await assertDeterministic(op, lossFn, params);
  const result = scope(() => {
    const product = operator ?? productWith(new Hessian(op, lossFn, params));
    const scale = preconditioner?.map((one) => noGrad(() => sqrt(one)));
    return tridiagonalize((v) => damped(product, v, scale, damping), params, Math.min(steps, sizeOfAll(params)));
  });
  return ritz(result);
}

const productWith = (hessian: Hessian) => (v: Tensor[]) => hessian.product(v);

async function checkPreconditioner(op: string, preconditioner: readonly Tensor[], params: Vector): Promise<void> {
  checkVector(op, "preconditioner", preconditioner, params);
  const least = scope(() => noGrad(() => min(joined(preconditioner))));
  const value = await readItem(least);
  least.dispose();
  check(
    value > 0,
    ArgumentError,
    () => `${op}: argument 'preconditioner' expected positive entries, its least is ${value}`,
  );
}

/** P^(1/2) (H + damping) P^(1/2) v. */
function damped(apply: (v: Tensor[]) => Tensor[], v: Tensor[], scale: Vector | undefined, damping: number): Tensor[] {
  return noGrad(() => {
    const scaled = scale ? mapPairs(v, scale, mul) : v;
    const product = apply(scaled);
    const sums = damping === 0 ? product : mapPairs(product, scaled, (one, x) => add(one, mul(x, damping)));
    return scale ? mapPairs(sums, scale, mul) : sums;
  });
}

interface Tridiagonal {
  readonly diagonal: Tensor;
  readonly offDiagonal: Tensor;
}

/** The symmetric map as a tridiagonal matrix in an orthonormal basis that starts at a random vector. */
function tridiagonalize(apply: (v: Tensor[]) => Tensor[], params: Vector, steps: number): Tridiagonal {
  const { device } = firstOf(params);
  const size = sizeOfAll(params);
  const basis = zeros([steps, size], { device });
  const diagonal = zeros([steps], { device });
  const offDiagonal = zeros([steps], { device });
  let q = noGrad(() => unit(randn([size], { device })));
  for (let step = 0; step < steps; step++) {
    q = scope(() =>
      noGrad(() => {
        copyInto(narrow(basis, 0, step, 1), reshape(q, [1, size]));
        const product = joined(apply(parted(q, params)));
        put(diagonal, step, sum(mul(q, product)));
        const rest = outside(outside(product, basis), basis);
        put(offDiagonal, step, length(rest));
        // Where the rest is rounding alone the space is used up: made orthogonal again it is a fresh direction.
        return unit(outside(unit(outside(unit(rest), basis)), basis));
      }),
    );
  }
  return { diagonal, offDiagonal };
}

/** The part of r orthogonal to the basis; rows that are still zero take nothing away. */
const outside = (r: Tensor, basis: Tensor): Tensor => sub(r, matmul(t(basis), matmul(basis, r)));

const length = (r: Tensor): Tensor => sqrt(sum(square(r)));
const unit = (r: Tensor): Tensor => div(r, maximum(length(r), 1e-30));
const put = (list: Tensor, index: number, value: Tensor): void =>
  copyInto(narrow(list, 0, index, 1), reshape(value, [1]));

async function ritz({ diagonal, offDiagonal }: Tridiagonal): Promise<Extremes> {
  const alphas = Array.from(await readData(diagonal), Number);
  const betas = Array.from(await readData(offDiagonal), Number);
  diagonal.dispose();
  offDiagonal.dispose();
  // A coupling of exactly 0 ends the space that the first vector reaches.
  const zero = betas.indexOf(0);
  const count = zero < 0 ? alphas.length : zero + 1;
  const { values, last } = tridiagonalEigen(alphas.slice(0, count), betas.slice(0, count - 1));
  const errorOf = (i: number) => Math.abs(at(betas, count - 1) * at(last, i));
  return {
    min: at(values, 0),
    max: at(values, count - 1),
    minError: errorOf(0),
    maxError: errorOf(count - 1),
    values,
  };
}
