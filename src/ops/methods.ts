/** The operations as methods of Tensor, in one list: each is a function with the tensor as its first argument. */
import { signature } from "../arguments.ts";
import { ArgumentError, check } from "../errors.ts";
import type { Operand } from "../kernels/elementwise/run.ts";
import { tensorList } from "../tensor/arguments.ts";
import { Tensor } from "../tensor/tensor.ts";
import {
  abs,
  add,
  addmm,
  argmax,
  argmin,
  cat,
  chunk,
  clamp,
  clone,
  contiguous,
  cos,
  cumsum,
  detach,
  div,
  einsum,
  elu,
  eq,
  erf,
  exp,
  expand,
  flatten,
  flip,
  gather,
  ge,
  gelu,
  gt,
  indexSelect,
  isfinite,
  isinf,
  isnan,
  le,
  leakyRelu,
  log,
  log1p,
  logicalNot,
  logSoftmax,
  logsumexp,
  lt,
  matmul,
  max,
  maximum,
  mean,
  min,
  minimum,
  mul,
  narrow,
  ne,
  neg,
  norm,
  pad,
  permute,
  pow,
  prod,
  reciprocal,
  relu,
  reshape,
  rsqrt,
  scatterAdd,
  sigmoid,
  sign,
  silu,
  sin,
  slice,
  softmax,
  softplus,
  split,
  sqrt,
  square,
  squeeze,
  stack,
  std,
  sub,
  sum,
  t,
  tanh,
  to,
  transpose,
  tril,
  triu,
  unsqueeze,
  variance,
  where,
} from "./checked.ts";
import "./tensor-methods.ts";

/** Ops whose first argument becomes `this`. */
const methods = {
  add,
  sub,
  mul,
  div,
  pow,
  maximum,
  minimum,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  neg,
  abs,
  sign,
  exp,
  log,
  log1p,
  sqrt,
  rsqrt,
  square,
  reciprocal,
  sin,
  cos,
  erf,
  isfinite,
  isinf,
  isnan,
  logicalNot,
  to,
  relu,
  leakyRelu,
  elu,
  gelu,
  silu,
  softplus,
  sigmoid,
  tanh,
  clamp,
  sum,
  mean,
  var: variance,
  std,
  prod,
  max,
  min,
  argmax,
  argmin,
  norm,
  logsumexp,
  softmax,
  logSoftmax,
  cumsum,
  reshape,
  flatten,
  permute,
  transpose,
  t,
  squeeze,
  unsqueeze,
  narrow,
  slice,
  flip,
  split,
  chunk,
  pad,
  expand,
  matmul,
  addmm,
  indexSelect,
  gather,
  scatterAdd,
  tril,
  triu,
  contiguous,
  clone,
  detach,
};

type Methods = {
  [K in keyof typeof methods]: (typeof methods)[K] extends (x: infer _X, ...rest: infer A) => infer R
    ? (...rest: A) => R
    : never;
};

/** Ops whose first argument is another, or a list. */
interface OwnMethods {
  /** This and then `others`, joined along an existing dim. */
  cat(others: readonly Tensor[], dim?: number): Tensor;
  /** This and then `others`, joined along a new dim. */
  stack(others: readonly Tensor[], dim?: number): Tensor;
  /** Einstein's summation with this as the first operand. */
  einsum(equation: string, ...others: readonly (Tensor | readonly Tensor[])[]): Tensor;
  /** `condition.where(a, b)`: a where this is true (not 0), b elsewhere. */
  where(a: Operand, b: Operand): Tensor;
}

declare module "../tensor/tensor.ts" {
  interface Tensor extends Methods, OwnMethods {}
}

for (const [name, op] of Object.entries(methods)) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: unknown[]) {
      return (op as (...args: unknown[]) => unknown)(this, ...rest);
    },
  });
}

const own: OwnMethods & ThisType<Tensor> = {
  cat(others, dim) {
    return cat(withThis("cat", this as unknown as Tensor, others), dim);
  },
  stack(others, dim) {
    return stack(withThis("stack", this as unknown as Tensor, others), dim);
  },
  einsum(equation, ...others) {
    return einsum(equation, this as unknown as Tensor, ...others);
  },
  where(a, b) {
    return where(this as unknown as Tensor, a, b);
  },
};

const others = { others: tensorList };
const checkOthers = { cat: signature("cat", others), stack: signature("stack", others) };

function withThis(op: keyof typeof checkOthers, self: Tensor, others: readonly Tensor[]): Tensor[] {
  checkOthers[op]([others]);
  return [self, ...others];
}

for (const [name, method] of Object.entries(own)) {
  const most = name === "einsum" ? Infinity : 2;
  const value = function (this: Tensor, ...given: unknown[]): unknown {
    check(
      given.length <= most,
      ArgumentError,
      () => `${name}: expected at most ${most} arguments, got ${given.length}`,
    );
    return (method as (...given: unknown[]) => unknown).apply(this, given);
  };
  Object.defineProperty(Tensor.prototype, name, { value });
}
