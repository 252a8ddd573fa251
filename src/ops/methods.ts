/** The methods of Tensor, in one list: each is a function of the op files with the tensor as its first argument. */
import { type BackwardOptions, backward } from "../autograd/backward.ts";
import { noGrad } from "../autograd/mode.ts";
import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { copyInto, fill } from "../tensor/copy.ts";
import { checkFilling } from "../tensor/create.ts";
import { readData, readItem, readList } from "../tensor/read.ts";
import { scope } from "../tensor/scope.ts";
import { broadcastShapes, sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import * as binary from "./binary.ts";
import { expand } from "./broadcast.ts";
import { einsum } from "./einsum.ts";
import type { Operand } from "./elementwise-kernel.ts";
import { gather, indexSelect, scatterAdd } from "./indexing.ts";
import * as joining from "./joining.ts";
import { addmm, matmul } from "./matmul.ts";
import * as movement from "./movement.ts";
import { pow } from "./pow.ts";
import * as reduce from "./reduce.ts";
import { logSoftmax, softmax } from "./softmax.ts";
import * as statistics from "./statistics.ts";
import { tril, triu } from "./triangle.ts";
import * as unary from "./unary.ts";

const { add, sub, mul, div, maximum, minimum, eq, ne, lt, le, gt, ge } = binary;
const { neg, abs, sign, exp, log, log1p, sqrt, rsqrt, square, reciprocal, sin, cos, erf, isfinite, logicalNot, to } =
  unary;
const { relu, leakyRelu, elu, gelu, silu, softplus, sigmoid, tanh, clamp } = unary;
const { sum, mean, prod, max, min, argmax, argmin } = reduce;
const { variance, std, norm, logsumexp, cumsum } = statistics;
const { reshape, flatten, permute, transpose, t, squeeze, unsqueeze, narrow, slice, flip } = movement;
const { split, chunk, pad } = joining;
const { contiguous, clone, detach } = movement;

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

/** What is no op: reading, differentiating, writing in place. */
interface OwnMethods {
  /** All values in row-major order, as a typed array of the dtype (bool: Uint8Array; f16: Float32Array). */
  data(): ReturnType<typeof readData>;
  /** The value of a tensor with one element. */
  item(): Promise<number>;
  /** Nested arrays of numbers, or booleans. */
  tolist(): ReturnType<typeof readList>;
  /**
   * Adds the gradients of this tensor (of its sum weighted by `gradient`) into the leaves' `grad`. A scalar needs no
   * `gradient`: the options may stand in its place.
   */
  backward(gradient?: Tensor | BackwardOptions | null, options?: BackwardOptions): void;
  /** This and then `others`, joined along an existing dim. */
  cat(others: readonly Tensor[], dim?: number): Tensor;
  /** This and then `others`, joined along a new dim. */
  stack(others: readonly Tensor[], dim?: number): Tensor;
  /** Einstein's summation with this as the first operand. */
  einsum(equation: string, ...others: readonly (Tensor | readonly Tensor[])[]): Tensor;
  /** `condition.where(a, b)`: a where this is true (not 0), b elsewhere. */
  where(a: Operand, b: Operand): Tensor;
  /** Overwrites the values with `other`'s, broadcast to this shape and converted to this dtype, outside the graph. */
  copy_(other: Tensor): this;
  /** Overwrites every value, outside the graph. */
  fill_(value: number | boolean): this;
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
  data() {
    return readData(this as unknown as Tensor);
  },
  item() {
    return readItem(this as unknown as Tensor);
  },
  tolist() {
    return readList(this as unknown as Tensor);
  },
  backward(gradient, options) {
    backward(this as unknown as Tensor, gradient, options);
  },
  cat(others, dim) {
    return joining.cat([this as unknown as Tensor, ...others], dim);
  },
  stack(others, dim) {
    return joining.stack([this as unknown as Tensor, ...others], dim);
  },
  einsum(equation, ...others) {
    return einsum(equation, this as unknown as Tensor, ...others);
  },
  where(a, b) {
    return binary.where(this as unknown as Tensor, a, b);
  },
  copy_(other) {
    const self = this as unknown as Tensor;
    checkTarget("copy_", self);
    check(other instanceof Tensor, DtypeError, () => expected("copy_", "other", "a tensor", other));
    const fits = sameShape(broadcastShapes("copy_", other.shape, self.shape), self.shape);
    check(fits, ShapeError, () => expected("copy_", "other", `a shape that broadcasts to [${self.shape}]`, other));
    noGrad(() => scope(() => copyInto(self, expand(to(other, self.dtype), self.shape))));
    return this;
  },
  fill_(value) {
    const self = this as unknown as Tensor;
    checkTarget("fill_", self);
    fill(self, checkFilling("fill_", value));
    return this;
  },
};
for (const [name, value] of Object.entries(own)) Object.defineProperty(Tensor.prototype, name, { value });

function checkTarget(op: string, x: Tensor): void {
  x.assertLive(op);
  check(
    !x.node,
    ArgumentError,
    () => `${op}: this tensor is part of a graph; only leaves and tensors without gradient are written in place`,
  );
  check(
    x.strides.every((stride, i) => stride !== 0 || (x.shape[i] as number) <= 1),
    ArgumentError,
    () => `${op}: several elements of this expanded tensor of shape [${x.shape}] share memory; write into a clone()`,
  );
}
