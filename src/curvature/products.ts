/** Products of second derivatives with vectors, exact, without ever forming a matrix. */
import { grad } from "../autograd/backward.ts";
import { noGrad, withGrad } from "../autograd/modes.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import { mul } from "../ops/binary.ts";
import { detach } from "../ops/movement.ts";
import { copyInto } from "../tensor/copy.ts";
import { zerosLike } from "../tensor/create.ts";
import { scope } from "../tensor/scope.ts";
import { asLeaf, empty, storageOf, Tensor } from "../tensor/tensor.ts";
import { checkParams, checkVector, evaluate, firstOf, type LossFn, mapPairs, nameOf, type Vector } from "./vectors.ts";

/** The gradient at one point with its graph: any number of products cost one more backward each. */
export class Hessian {
  readonly loss: Tensor;
  readonly gradient: readonly Tensor[];
  readonly #params: Vector;

  constructor(op: string, lossFn: LossFn, params: Vector, { random = false } = {}) {
    this.#params = params;
    this.loss = evaluate(op, lossFn, firstOf(params), random);
    const gradient: (Tensor | null)[] = grad(this.loss, params, { createGraph: true, allowUnused: true });
    const indexed = params.map((param, i) => ({ param, i }));
    this.gradient = mapPairs(gradient, indexed, (one, { param, i }) => {
      check(one, ArgumentError, () => `${op}: the loss does not depend on ${nameOf(param, i)}`);
      return one;
    });
  }

  /** The Hessian times `v`, as new tensors. */
  product(v: Vector): Tensor[] {
    return derivative(this.gradient, this.#params, v);
  }

  dispose(): void {
    for (const tensor of [this.loss, ...this.gradient]) tensor.dispose();
  }
}

/** d<tops, weights>/dinputs, zeros where nothing depends on an input. Keeps the graph. */
function derivative(tops: Vector, inputs: Vector, weights: Vector): Tensor[] {
  return scope(() => {
    // A gradient that is constant (of a part in which the loss is linear) has no graph.
    const linked = mapPairs(tops, weights, (top, weight) => ({ top, weight })).filter(({ top }) => top.requiresGrad);
    if (linked.length === 0) return inputs.map(zerosLike);
    const gradOutputs = linked.map(({ weight }) => weight);
    const found: (Tensor | null)[] = grad(
      linked.map(({ top }) => top),
      inputs,
      { gradOutputs, retainGraph: true, allowUnused: true },
    );
    return mapPairs(found, inputs, (one, input) => (one ? owned(one, weights) : zerosLike(input)));
  });
}

/** A result that is a view of what was passed in would change with it. */
function owned(result: Tensor, given: Vector): Tensor {
  if (!given.some((one) => storageOf(one) === storageOf(result))) return result;
  const copy = empty(result.device, result.shape);
  copyInto(copy, result);
  return copy;
}

/**
 * The Hessian of the loss times `v`, by double backward (Pearlmutter 1994): exact but for rounding. `v` and the result:
 * one tensor for each parameter, of its shape. `lossFn` is called once. Throws where it draws random numbers, and for a
 * parameter that the loss does not depend on.
 */
export function hessianVectorProduct(lossFn: LossFn, params: readonly Tensor[], v: readonly Tensor[]): Tensor[] {
  const op = "hessianVectorProduct";
  checkParams(op, params);
  checkVector(op, "v", v, params);
  return scope(() => new Hessian(op, lossFn, params).product(v));
}

/**
 * The Gauss-Newton matrix `J^T H J` times `v`: J is the Jacobian of the model's output in the parameters, H the Hessian
 * of the loss in that output. Positive semidefinite wherever the loss is convex in the output. `outputFn` gives the
 * output, `lossOf(output)` the loss.
 */
export function gaussNewtonProduct(
  outputFn: () => Tensor,
  lossOf: (output: Tensor) => Tensor,
  params: readonly Tensor[],
  v: readonly Tensor[],
): Tensor[] {
  const op = "gaussNewtonProduct";
  checkParams(op, params);
  checkVector(op, "v", v, params);
  check(typeof lossOf === "function", ArgumentError, () => expected(op, "lossOf", "a function", lossOf));
  return scope(() => {
    const output = withGrad(true, outputFn);
    check(output instanceof Tensor && output.requiresGrad, ArgumentError, () =>
      expected(op, "outputFn", "a function that returns a tensor that depends on the parameters", output),
    );
    const forward = jacobianTimes(output, params, v);
    const leaf = asLeaf(noGrad(() => mul(detach(output), 1)));
    const inner = new Hessian(op, () => lossOf(leaf), [leaf]).product([forward]);
    return derivative([output], params, inner);
  });
}

/** J v by two backward passes: J^T u is linear in u, and the derivative of <J^T u, v> in u is J v. */
function jacobianTimes(output: Tensor, params: Vector, v: Vector): Tensor {
  const u = asLeaf(zerosLike(output));
  const weights = withGrad(true, () => mul(u, 1));
  const back: (Tensor | null)[] = grad(output, params, { gradOutputs: weights, createGraph: true, allowUnused: true });
  const used = mapPairs(back, v, (one, vector) => (one ? [{ one, vector }] : [])).flat();
  return firstOf(
    derivative(
      used.map(({ one }) => one),
      [u],
      used.map(({ vector }) => vector),
    ),
  );
}
