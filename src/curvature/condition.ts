/** The condition number of a loss at a point. */
import { ArgumentError, check } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ExtremesOptions, extremesOf } from "./lanczos.ts";
import type { LossFn } from "./vectors.ts";

/** Below this share of the greatest eigenvalue the least one is rounding of f32. */
const RESOLUTION = 1e-6;

/**
 * The ratio of the greatest to the least eigenvalue of `P^(1/2) (H + damping) P^(1/2)`, H the loss's Hessian, P a positive
 * diagonal `preconditioner` (default: none). From `steps` Lanczos steps: a lower bound until they have converged. Throws
 * where that matrix is indefinite or singular, as networks' Hessians mostly are: then `damping` says from which curvature
 * on a direction counts.
 */
export async function conditionNumber(
  lossFn: LossFn,
  params: readonly Tensor[],
  options: ExtremesOptions = {},
): Promise<number> {
  const { min, max } = await extremesOf("conditionNumber", lossFn, params, options);
  check(
    min > RESOLUTION * max,
    ArgumentError,
    () =>
      `conditionNumber: the Hessian${options.damping ? " with damping" : ""} is not positive definite: its eigenvalues ` +
      `reach from ${min.toPrecision(3)} to ${max.toPrecision(3)}; pass damping above ` +
      `${Math.max(-min, RESOLUTION * max, 1e-30).toPrecision(3)} to measure it with that added to the diagonal`,
  );
  return max / min;
}
