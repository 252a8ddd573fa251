/** The operations as methods of Tensor: each is a function of ops/checked.ts with the tensor as its first argument. */
import { maybe, signature } from "./arguments.ts";
import { defineMethod, type Unbound } from "./core-methods.ts";
import type { Operand } from "./kernels/elementwise/run.ts";
import * as operations from "./ops/checked.ts";
import { dim, tensorList } from "./tensor/arguments.ts";
import type { Tensor } from "./tensor/tensor.ts";

/** Operations that are functions only, or methods with other arguments: see `OwnMethods`. */
const NO_METHODS = ["avgPool2d", "cat", "conv2d", "einsum", "maxPool2d", "stack", "where"] as const;

type Methods = {
  [K in Exclude<keyof typeof operations, (typeof NO_METHODS)[number]>]: (typeof operations)[K] extends (
    x: infer _X,
    ...rest: infer A
  ) => infer R
    ? (...rest: A) => R
    : never;
};

/** Operations whose first argument is another, or a list. */
interface OwnMethods {
  /** This and then `others`, concatenated along an existing dim. */
  cat(others: readonly Tensor[], dim?: number): Tensor;
  /** This and then `others`, stacked along a new dim. */
  stack(others: readonly Tensor[], dim?: number): Tensor;
  /** Einstein's summation with this as the first operand. */
  einsum(equation: string, ...others: readonly (Tensor | readonly Tensor[])[]): Tensor;
  /** `condition.where(a, b)`: a where this is true (not 0), b elsewhere. */
  where(a: Operand, b: Operand): Tensor;
}

declare module "./tensor/tensor.ts" {
  interface Tensor extends Methods, OwnMethods {}
}

for (const [name, operation] of Object.entries(operations)) {
  if (!(NO_METHODS as readonly string[]).includes(name)) defineMethod(name, operation);
}

/** An operation on a list, as a method of the list's first tensor. */
function onList(op: string, run: (tensors: readonly Tensor[], dim?: number) => Tensor): Unbound<OwnMethods>["cat"] {
  const check = signature(op, () => ({ others: tensorList, dim: maybe(dim) }));
  return (self, ...given) => {
    check(given);
    return run([self, ...given[0]], given[1]);
  };
}

const own: Unbound<OwnMethods> = {
  cat: onList("cat", operations.cat),
  stack: onList("stack", operations.stack),
  einsum: (self, equation, ...operands) => operations.einsum(equation, self, ...operands),
  where: operations.where,
};
for (const [name, run] of Object.entries(own)) defineMethod(name, run);
