/** Lists of tensors shaped like the parameters, as one vector, and the argument checks that all of curvature shares. */

import { noGrad, withGrad } from "../autograd/modes.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { runtimeOf } from "../gpu/device.ts";
import { mul, sub } from "../ops/binary.ts";
import { cat } from "../ops/cat-split.ts";
import { narrow, reshape } from "../ops/movement.ts";
import { sum } from "../ops/reduce.ts";
import { randint } from "../tensor/create.ts";
import { readItem } from "../tensor/readback.ts";
import { scope } from "../tensor/scope.ts";
import { sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The loss at the parameters' current values: a scalar that is the same function of them at every call. */
export type LossFn = () => Tensor;

/** One tensor for each parameter, of its shape. */
export type Vector = readonly Tensor[];

/**
 * Element `i` of numbers that have one, without a look: for loops of as many steps as a matrix product, whose indices are
 * computed from the sizes.
 */
export const at = (numbers: ArrayLike<number>, i: number): number => numbers[i] as number;

/** The first of a list that checks have found not to be empty. */
export const firstOf = <T extends object>(list: readonly T[]): T => elementAt(list, 0);

/** `fn` of the elements of two lists of equal length, pair by pair. */
export const mapPairs = <A, B, C>(a: readonly A[], b: readonly B[], fn: (x: A, y: B) => C): C[] =>
  a.map((one, i) => fn(one, elementAt(b, i)));

export function checkParams(op: string, params: unknown): asserts params is readonly Tensor[] {
  check(Array.isArray(params) && params.length > 0, ArgumentError, () =>
    expected(op, "params", "a list of tensors (model.parameters())", params),
  );
  for (const [i, param] of params.entries()) {
    check(param instanceof Tensor, ArgumentError, () => expected(op, `params[${i}]`, "a tensor", param));
    param.assertLive(op);
    check(param.dtype === "f32", DtypeError, () => expected(op, `params[${i}]`, "dtype f32", param.dtype));
    check(param.requiresGrad, ArgumentError, () => expected(op, nameOf(param, i), "a tensor with requiresGrad", param));
  }
}

export const nameOf = (param: Tensor, i: number): string => (param.label ? `params['${param.label}']` : `params[${i}]`);

export function checkVector(op: string, argument: string, vector: unknown, params: Vector): asserts vector is Vector {
  check(Array.isArray(vector) && vector.length === params.length, ShapeError, () =>
    expected(op, argument, `${params.length} tensors, one for each parameter`, vector),
  );
  params.forEach(({ shape }, i) => {
    const one: unknown = vector[i];
    const fits = one instanceof Tensor && one.dtype === "f32" && sameShape(one.shape, shape);
    check(fits, ShapeError, () => expected(op, `${argument}[${i}]`, `an f32 tensor of shape [${shape}]`, one));
  });
}

/**
 * The loss with its graph. One that drew random numbers (dropout left on) is refused, unless `random` says that a single
 * evaluation is all that is wanted.
 */
export function evaluate(op: string, lossFn: LossFn, { device }: Tensor, random = false): Tensor {
  check(typeof lossFn === "function", ArgumentError, () => expected(op, "lossFn", "a function", lossFn));
  const calls = runtimeOf(device).random.call;
  const loss = withGrad(true, lossFn);
  check(loss instanceof Tensor && loss.size === 1, ArgumentError, () =>
    expected(op, "lossFn", "a function that returns a tensor of one element", loss),
  );
  check(
    random || runtimeOf(device).random.call === calls,
    ArgumentError,
    () =>
      `${op}: lossFn draws random numbers (dropout left on?), so that it is another function at every call; call ` +
      "model.eval(), or draw outside of lossFn",
  );
  check(loss.requiresGrad, ArgumentError, () => `${op}: the loss does not depend on anything with requiresGrad`);
  return loss;
}

/** Throws when two evaluations at the same parameters differ: batches that change, or noise. */
export async function assertDeterministic(op: string, lossFn: LossFn, params: Vector): Promise<void> {
  const measure = () => scope(() => noGradValue(evaluate(op, lossFn, firstOf(params))));
  const [first, second] = [measure(), measure()];
  const values = [await readItem(first), await readItem(second)];
  first.dispose();
  second.dispose();
  check(
    Object.is(values[0], values[1]),
    ArgumentError,
    () => `${op}: lossFn is not deterministic: two calls at the same parameters gave ${values[0]} and ${values[1]}`,
  );
  check(Number.isFinite(values[0]), ArgumentError, () => `${op}: the loss is ${values[0]} at the present parameters`);
}

const noGradValue = (loss: Tensor): Tensor => noGrad(() => mul(loss, 1));

export const sizeOfAll = (params: Vector): number => params.reduce((total, { size }) => total + size, 0);

/** All elements in one dim. */
export const joined = (vector: Vector): Tensor =>
  noGrad(() =>
    cat(
      vector.map((one) => reshape(one, [one.size])),
      0,
    ),
  );

/** A joined vector split into the parameters' shapes. */
export function parted(flat: Tensor, params: Vector): Tensor[] {
  let start = 0;
  return noGrad(() =>
    params.map(({ shape, size }) => {
      const part = reshape(narrow(flat, 0, start, size), [...shape]);
      start += size;
      return part;
    }),
  );
}

/** The dot product over all elements. */
export const dot = (a: Vector, b: Vector): Tensor => noGrad(() => sum(mul(joined(a), joined(b))));

/** Signs, +1 or -1 with equal probability, from the device's seeded numbers. */
export const signsLike = ({ shape, device }: Tensor): Tensor =>
  noGrad(() => sub(mul(randint(0, 2, [...shape], { dtype: "f32", device }), 2), 1));
