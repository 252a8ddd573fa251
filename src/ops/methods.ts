/** The operations as methods of Tensor, in one list: each is a function with the tensor as its first argument. */

import type { Operand } from "../kernels/elementwise/run.ts";
import { Tensor } from "../tensor/tensor.ts";
import { add, div, eq, ge, gt, le, lt, maximum, minimum, mul, ne, sub, where } from "./binary.ts";
import { expand } from "./broadcast.ts";
import { cat, chunk, pad, split, stack } from "./cat-split.ts";
import { einsum } from "./einsum.ts";
import { gather, indexSelect, scatterAdd } from "./indexing.ts";
import { addmm, matmul } from "./matmul.ts";
import {
  clone,
  contiguous,
  detach,
  flatten,
  flip,
  narrow,
  permute,
  reshape,
  slice,
  squeeze,
  t,
  transpose,
  unsqueeze,
} from "./movement.ts";
import "./tensor-methods.ts";
import { to } from "./cast.ts";
import { pow } from "./pow.ts";
import { argmax, argmin, max, mean, min, prod, sum } from "./reduce.ts";
import { logSoftmax, softmax } from "./softmax.ts";
import { cumsum, logsumexp, norm, std, variance } from "./statistics.ts";
import { tril, triu } from "./tril-triu.ts";
import {
  abs,
  clamp,
  cos,
  elu,
  erf,
  exp,
  gelu,
  isfinite,
  leakyRelu,
  log,
  log1p,
  logicalNot,
  neg,
  reciprocal,
  relu,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  tanh,
} from "./unary.ts";

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
    return cat([this as unknown as Tensor, ...others], dim);
  },
  stack(others, dim) {
    return stack([this as unknown as Tensor, ...others], dim);
  },
  einsum(equation, ...others) {
    return einsum(equation, this as unknown as Tensor, ...others);
  },
  where(a, b) {
    return where(this as unknown as Tensor, a, b);
  },
};
for (const [name, value] of Object.entries(own)) Object.defineProperty(Tensor.prototype, name, { value });
