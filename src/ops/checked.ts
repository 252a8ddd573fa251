/**
 * The operations as users call them: their arguments are checked before anything happens. What is exported here is public,
 * and a method of Tensor unless src/tensor-methods.ts says otherwise. The library itself calls what they are made of.
 */
import {
  checked,
  count,
  either,
  finite,
  flag,
  integer,
  listOf,
  maybe,
  must,
  oneOf,
  options,
  orNull,
  text,
} from "../arguments.ts";
import { cast } from "../autograd/op.ts";
import {
  dim,
  dims,
  dtype,
  operand,
  pair,
  scalar,
  size,
  sizes,
  tensorList,
  tensors,
  windowPadding,
  tensorArgument as x,
} from "../tensor/arguments.ts";
import * as binary from "./binary.ts";
import * as broadcast from "./broadcast.ts";
import * as joining from "./cat-split.ts";
import * as convolution from "./conv.ts";
import * as einstein from "./einsum.ts";
import * as indexing from "./indexing.ts";
import * as products from "./matmul.ts";
import * as movement from "./movement.ts";
import * as pooling from "./pool.ts";
import * as powers from "./pow.ts";
import * as reductions from "./reduce.ts";
import * as rows from "./softmax.ts";
import * as statistics from "./statistics.ts";
import * as triangles from "./tril-triu.ts";

const pairs = /* @__PURE__ */ listOf(
  "one pair [before, after] per dim",
  /* @__PURE__ */ must(
    "a pair of integers >= 0",
    (value) =>
      Array.isArray(value) && value.length === 2 && value.every((one) => Number.isSafeInteger(one) && one >= 0),
  ),
);
const pieces = /* @__PURE__ */ must(
  "an integer > 0 or a list of sizes",
  (value) => Number.isSafeInteger(value) || Array.isArray(value),
);

export const add = /* @__PURE__ */ checked("add", () => ({ a: operand, b: operand }), binary.add);
export const sub = /* @__PURE__ */ checked("sub", () => ({ a: operand, b: operand }), binary.sub);
export const mul = /* @__PURE__ */ checked("mul", () => ({ a: operand, b: operand }), binary.mul);
export const div = /* @__PURE__ */ checked("div", () => ({ a: operand, b: operand }), binary.div);
export const maximum = /* @__PURE__ */ checked("maximum", () => ({ a: operand, b: operand }), binary.maximum);
export const minimum = /* @__PURE__ */ checked("minimum", () => ({ a: operand, b: operand }), binary.minimum);
export const eq = /* @__PURE__ */ checked("eq", () => ({ a: operand, b: operand }), binary.eq);
export const ne = /* @__PURE__ */ checked("ne", () => ({ a: operand, b: operand }), binary.ne);
export const lt = /* @__PURE__ */ checked("lt", () => ({ a: operand, b: operand }), binary.lt);
export const le = /* @__PURE__ */ checked("le", () => ({ a: operand, b: operand }), binary.le);
export const gt = /* @__PURE__ */ checked("gt", () => ({ a: operand, b: operand }), binary.gt);
export const ge = /* @__PURE__ */ checked("ge", () => ({ a: operand, b: operand }), binary.ge);
export const where = /* @__PURE__ */ checked("where", () => ({ condition: x, a: operand, b: operand }), binary.where);
export const pow = /* @__PURE__ */ checked("pow", () => ({ x: operand, exponent: operand }), powers.pow);

export * from "./unary.ts";
export const to = /* @__PURE__ */ checked("to", () => ({ x, dtype }), cast);

const keepdim = { keepdim: flag };
const reduction = { x, dim: /* @__PURE__ */ maybe(dims), options: /* @__PURE__ */ options(keepdim) };
const choice = { x, dim: /* @__PURE__ */ maybe(dim), options: /* @__PURE__ */ options(keepdim) };
const spread = {
  x,
  dim: /* @__PURE__ */ maybe(dims),
  options: /* @__PURE__ */ options({ ...keepdim, correction: finite }),
};
export const sum = /* @__PURE__ */ checked("sum", () => reduction, reductions.sum);
export const mean = /* @__PURE__ */ checked("mean", () => reduction, reductions.mean);
export const prod = /* @__PURE__ */ checked("prod", () => reduction, reductions.prod);
export const max = /* @__PURE__ */ checked("max", () => reduction, reductions.max);
export const min = /* @__PURE__ */ checked("min", () => reduction, reductions.min);
export const argmax = /* @__PURE__ */ checked("argmax", () => choice, reductions.argmax);
export const argmin = /* @__PURE__ */ checked("argmin", () => choice, reductions.argmin);
export const norm = /* @__PURE__ */ checked("norm", () => reduction, statistics.norm);
export const logsumexp = /* @__PURE__ */ checked("logsumexp", () => reduction, statistics.logsumexp);
const variance = /* @__PURE__ */ checked("var", () => spread, statistics.variance);

export { variance as var };
export const std = /* @__PURE__ */ checked("std", () => spread, statistics.std);
export const cumsum = /* @__PURE__ */ checked("cumsum", () => ({ x, dim }), reductions.cumsum);
export const softmax = /* @__PURE__ */ checked("softmax", () => ({ x, dim }), rows.softmax);
export const logSoftmax = /* @__PURE__ */ checked("logSoftmax", () => ({ x, dim }), rows.logSoftmax);

export const reshape = /* @__PURE__ */ checked("reshape", () => ({ x, shape: sizes }), movement.reshape);
export const flatten = /* @__PURE__ */ checked(
  "flatten",
  () => ({ x, start: maybe(dim), end: maybe(dim) }),
  movement.flatten,
);
export const permute = /* @__PURE__ */ checked("permute", () => ({ x, dims: sizes }), movement.permute);
export const transpose = /* @__PURE__ */ checked("transpose", () => ({ x, d0: dim, d1: dim }), movement.transpose);
export const t = /* @__PURE__ */ checked("t", () => ({ x }), movement.t);
export const contiguous = /* @__PURE__ */ checked("contiguous", () => ({ x }), movement.contiguous);
export const clone = /* @__PURE__ */ checked("clone", () => ({ x }), movement.clone);
export const detach = /* @__PURE__ */ checked("detach", () => ({ x }), movement.detach);
export const squeeze = /* @__PURE__ */ checked("squeeze", () => ({ x, dim: maybe(dim) }), movement.squeeze);
export const unsqueeze = /* @__PURE__ */ checked("unsqueeze", () => ({ x, dim }), movement.unsqueeze);
export const narrow = /* @__PURE__ */ checked(
  "narrow",
  () => ({ x, dim, start: integer, length: size }),
  movement.narrow,
);
export const slice = /* @__PURE__ */ checked(
  "slice",
  () => ({ x, dim, start: maybe(integer), end: maybe(integer), step: maybe(count) }),
  movement.slice,
);
export const flip = /* @__PURE__ */ checked("flip", () => ({ x, dim: dims }), movement.flip);
export const expand = /* @__PURE__ */ checked("expand", () => ({ x, shape: sizes }), broadcast.expand);

export const split = /* @__PURE__ */ checked("split", () => ({ x, size: pieces, dim: maybe(dim) }), joining.split);
export const chunk = /* @__PURE__ */ checked("chunk", () => ({ x, n: count, dim: maybe(dim) }), joining.chunk);
export const cat = /* @__PURE__ */ checked("cat", () => ({ tensors: tensorList, dim: maybe(dim) }), joining.cat);
export const stack = /* @__PURE__ */ checked("stack", () => ({ tensors: tensorList, dim: maybe(dim) }), joining.stack);
const padding = /* @__PURE__ */ either(
  scalar,
  /* @__PURE__ */ options({
    mode: /* @__PURE__ */ oneOf("constant", "reflect", "replicate", "circular"),
    value: scalar,
  }),
);
export const pad = /* @__PURE__ */ checked("pad", () => ({ x, amounts: pairs, value: maybe(padding) }), joining.pad);

export const matmul = /* @__PURE__ */ checked("matmul", () => ({ a: x, b: x }), products.matmul);
export const addmm = /* @__PURE__ */ checked(
  "addmm",
  () => ({ input: x, a: x, b: x, options: options({ beta: finite, alpha: finite }) }),
  products.addmm,
);
export const indexSelect = /* @__PURE__ */ checked("indexSelect", () => ({ x, dim, index: x }), indexing.indexSelect);
export const gather = /* @__PURE__ */ checked("gather", () => ({ x, dim, index: x }), indexing.gather);
export const scatterAdd = /* @__PURE__ */ checked(
  "scatterAdd",
  () => ({ x, dim, index: x, src: x }),
  indexing.scatterAdd,
);
export const tril = /* @__PURE__ */ checked("tril", () => ({ x, diagonal: maybe(integer) }), triangles.tril);
export const triu = /* @__PURE__ */ checked("triu", () => ({ x, diagonal: maybe(integer) }), triangles.triu);

const window = { stride: pair, padding: pair };
export const maxPool2d = /* @__PURE__ */ checked(
  "maxPool2d",
  () => ({ x, kernelSize: pair, options: options(window) }),
  pooling.maxPool2d,
);
export const avgPool2d = /* @__PURE__ */ checked(
  "avgPool2d",
  () => ({ x, kernelSize: pair, options: options(window) }),
  pooling.avgPool2d,
);
export const conv2d = /* @__PURE__ */ checked(
  "conv2d",
  () => ({
    x,
    weight: x,
    bias: orNull(x),
    options: options({ stride: pair, padding: windowPadding, dilation: pair, groups: count }),
  }),
  convolution.conv2d,
);

export const einsum = /* @__PURE__ */ checked("einsum", () => ({ equation: text }), einstein.einsum, tensors);
