/** Estimates of the Hessian's diagonal by random vectors. */
import { grad } from "../autograd/backward.ts";
import { noGrad, withGrad } from "../autograd/modes.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import { add, mul, sub } from "../ops/binary.ts";
import { crossEntropyLabels } from "../ops/loss.ts";
import { argmax } from "../ops/reduce.ts";
import { clamp, log, neg, square } from "../ops/unary.ts";
import { rand, zerosLike } from "../tensor/create.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Hessian } from "./products.ts";
import { checkParams, type LossFn, mapPairs, signsLike, type Vector } from "./vectors.ts";

export interface DiagonalOptions {
  /** Random vectors to average over; the error falls with the root of their number. Default 16. */
  samples?: number;
}

/**
 * The diagonal of the Hessian by Hutchinson's estimator: the mean of `z * Hz` over vectors z of random signs (Bekas,
 * Kokiopoulou, Saad 2007). Exact where the Hessian is diagonal; else the variance of an entry is the sum of the squares
 * of its row's other entries, over `samples`. One tensor for each parameter.
 */
export function hessianDiagonal(lossFn: LossFn, params: readonly Tensor[], options: DiagonalOptions = {}): Tensor[] {
  const op = "hessianDiagonal";
  checkParams(op, params);
  const { samples = 16 } = options;
  return scope(() => estimate(new Hessian(op, lossFn, params), params, samples));
}

/** Like `hessianDiagonal`, of the one function that a single call of `lossFn` stands for: dropout may be on. */
export const diagonalOnce = (op: string, lossFn: LossFn, params: Vector, samples: number): Tensor[] =>
  scope(() => estimate(new Hessian(op, lossFn, params, { random: true }), params, samples));

function estimate(hessian: Hessian, params: Vector, samples: number): Tensor[] {
  let total: Tensor[] = params.map(zerosLike);
  for (let sample = 0; sample < samples; sample++) {
    total = scope(() => {
      const signs = params.map(signsLike);
      const product = hessian.product(signs);
      return noGrad(() =>
        mapPairs(total, mapPairs(signs, product, mul), (sum, one) => add(sum, mul(one, 1 / samples))),
      );
    });
  }
  return total;
}

/**
 * The diagonal of the Gauss-Newton matrix of the mean cross entropy by the estimator of Gauss, Newton and Bartlett (Liu
 * et al. 2023, Sophia): labels are drawn from the model's own prediction, and the gradient with those is squared, times
 * the number of rows. Never negative, and costs one gradient. `logitsFn` gives logits (N, C).
 */
export function bartlettDiagonal(logitsFn: () => Tensor, params: readonly Tensor[]): Tensor[] {
  const op = "bartlettDiagonal";
  checkParams(op, params);
  return scope(() => {
    const logits = withGrad(true, logitsFn);
    check(logits instanceof Tensor && logits.ndim === 2 && logits.requiresGrad, ArgumentError, () =>
      expected(op, "logitsFn", "a function that returns logits (N, C) that depend on the parameters", logits),
    );
    const labels = drawLabels(logits);
    const attrs = { reduction: "mean" as const, ignoreIndex: -100, labelSmoothing: 0 };
    const loss = withGrad(true, () => crossEntropyLabels([logits, labels, undefined], attrs));
    const [rows = 0] = logits.shape;
    return noGrad(() => grad(loss, params).map((one) => mul(square(one), rows)));
  });
}

/** Labels with the probabilities softmax(logits): the greatest of logits plus Gumbel noise. */
function drawLabels(logits: Tensor): Tensor {
  return noGrad(() => {
    const uniform = clamp(rand([...logits.shape], { device: logits.device }), 1e-7, 1 - 1e-7);
    return argmax(sub(logits, log(neg(log(uniform)))), 1);
  });
}
