/**
 * Elementwise functions of one tensor: one table of formulas and derivatives. A row is all that such an operation needs:
 * what is exported here is public, a method of Tensor, and a row of docs/operations.md (see docs/add-an-op.md).
 */

import { type Activation, activationRow, DEFAULT_SLOPE } from "../activations.ts";
import { checked, finite, maybe, number } from "../arguments.ts";
import { cast } from "../autograd/op.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { tensorArgument } from "../tensor/arguments.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { add, div, eq, ge, gt, le, logicalAnd, mul, sub, where } from "./binary.ts";
import { defineUnary, defineWithNumbers, type UnaryRule } from "./define-unary.ts";

const SQRT1_2PI = 0.3989422804014327;
const normalDensity = (x: Tensor): Tensor => mul(exp(mul(square(x), -0.5)), SQRT1_2PI);

/* @__NO_SIDE_EFFECTS__ */
function formulasOf(name: Activation): Pick<UnaryRule, "wgsl" | "gradient" | "saves"> {
  const { wgsl, gradient, saves } = activationRow(name);
  return { wgsl, gradient, saves };
}

/** An activation: its formulas are those of the table of activations. */
/* @__NO_SIDE_EFFECTS__ */
function activation(name: Activation, rule: Pick<UnaryRule, "integer" | "derivative">): (x: Tensor) => Tensor {
  return defineUnary(name, { ...formulasOf(name), ...rule });
}

export const neg = defineUnary("neg", {
  isArithmetic: true,
  wgsl: "-a",
  integer: "0 - a",
  gradient: "-g",
  derivative: () => -1,
});
export const abs = defineUnary("abs", {
  wgsl: "abs(a)",
  integer: "abs(a)",
  saves: "x",
  gradient: "sign_of(a) * g",
  derivative: (x) => sign(x),
});
export const sign = defineUnary("sign", {
  wgsl: "sign_of(a)",
  integer: "clamp(a, int(-1.0), int(1.0))",
  gradient: "0.0",
});
export const exp = defineUnary("exp", {
  wide: true,
  wgsl: "exp_exact(a)",
  saves: "y",
  gradient: "b * g",
  derivative: (_, y) => y,
});
export const log = defineUnary("log", {
  wide: true,
  wgsl: "log_exact(a)",
  saves: "x",
  gradient: "g / a",
  derivative: (x) => reciprocal(x),
});
export const log1p = defineUnary("log1p", {
  wide: true,
  wgsl: "log1p_exact(a)",
  saves: "x",
  gradient: "g / (1.0 + a)",
  derivative: (x) => reciprocal(add(x, 1)),
});
export const sqrt = defineUnary("sqrt", {
  wgsl: "sqrt(a)",
  saves: "y",
  gradient: "0.5 * g / b",
  derivative: (_, y) => div(0.5, y),
});
export const rsqrt = defineUnary("rsqrt", {
  wide: true,
  wgsl: "inverseSqrt(a)",
  saves: "x",
  gradient: "-0.5 * inverseSqrt(a) * g / abs(a)",
  derivative: (x) => div(mul(rsqrt(x), -0.5), abs(x)),
});
export const square = defineUnary("square", {
  isArithmetic: true,
  wgsl: "a * a",
  integer: "a * a",
  saves: "x",
  gradient: "2.0 * a * g",
  derivative: (x) => mul(x, 2),
});
export const reciprocal = defineUnary("reciprocal", {
  wide: true,
  isArithmetic: true,
  wgsl: "1.0 / a",
  saves: "y",
  gradient: "-b * b * g",
  derivative: (_, y) => neg(square(y)),
});
export const sin = defineUnary("sin", {
  wgsl: "sin_exact(a)",
  saves: "x",
  gradient: "cos_exact(a) * g",
  derivative: (x) => cos(x),
});
export const cos = defineUnary("cos", {
  wgsl: "cos_exact(a)",
  saves: "x",
  gradient: "-sin_exact(a) * g",
  derivative: (x) => neg(sin(x)),
});
export const erf = defineUnary("erf", {
  wgsl: "erf_approx(a)",
  saves: "x",
  gradient: "erf_grad(a) * g",
  derivative: (x) => mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)),
});

/** max(x, 0); its derivative at 0 is 0. */
export const relu = activation("relu", {
  integer: "max(a, 0)",
  derivative: (_, y) => logicalNot(le(y, 0)),
});
const leaky = defineWithNumbers("leakyRelu", {
  ...formulasOf("leakyRelu"),
  derivative: (x, _, p) => where(gt(x, 0), 1, p),
});
const eluWith = defineWithNumbers("elu", {
  wgsl: "elu(a, p)",
  saves: "x",
  gradient: "elu_grad(a, p) * g",
  derivative: (x, _, p) => where(gt(x, 0), 1, mul(exp(clamp(x, -Infinity, 0)), p)),
});
/** x Phi(x), exact (by the error function). Hendrycks and Gimpel 2016. */
export const gelu = activation("gelu", {
  derivative: (x) => add(mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5), mul(x, normalDensity(x))),
});
/** x sigmoid(x). */
export const silu = activation("silu", {
  derivative: (x) => {
    const s = sigmoid(x);
    return mul(s, add(mul(x, sub(1, s)), 1));
  },
});
/** log(1 + exp(x)). */
export const softplus = defineUnary("softplus", {
  wide: true,
  wgsl: "softplus(a)",
  saves: "x",
  gradient: "softplus_grad(a) * g",
  derivative: (x) => sigmoid(x),
});
/** x / (1 + |x|). Turian, Bergstra, Bengio 2009. */
export const softsign = defineUnary("softsign", {
  wgsl: "a / (1.0 + abs(a))",
  saves: "x",
  gradient: "g / (1.0 + abs(a)) / (1.0 + abs(a))",
  derivative: (x) => square(reciprocal(add(abs(x), 1))),
});
export const sigmoid = activation("sigmoid", {
  derivative: (_, y) => mul(y, sub(1, y)),
});
export const tanh = activation("tanh", {
  derivative: (_, y) => sub(1, square(y)),
});
const clampTo = defineWithNumbers("clamp", {
  wgsl: "select(select(a, q, is_less(q, a)), p, is_less(a, p))",
  integer: "clamp(a, int(p), int(q))",
  saves: "x",
  gradient: "select(0.0, g, is_at_most(p, a) && is_at_most(a, q))",
  derivative: (x, _, p, q) => logicalAnd(ge(x, p), le(x, q)),
});
/** bool: neither infinite nor NaN. */
export const isfinite = defineUnary("isfinite", { wgsl: "is_finite(a)", integer: "true", result: "bool" });
/** bool: NaN. */
export const isnan = defineUnary("isnan", { wgsl: "is_nan(a)", integer: "false", result: "bool" });
/** bool: inf or -inf. */
export const isinf = defineUnary("isinf", { wgsl: "is_infinite(a)", integer: "false", result: "bool" });

/** bool: x == 0. */
export const logicalNot = /* @__PURE__ */ checked(
  "logicalNot",
  () => ({ x: tensorArgument }),
  (x: Tensor) => eq(x, 0),
);

/** x for x >= 0, `slope` x below. Default slope 0.01. */
export const leakyRelu = /* @__PURE__ */ checked(
  "leakyRelu",
  () => ({ x: tensorArgument, slope: maybe(finite) }),
  (x: Tensor, slope = DEFAULT_SLOPE): Tensor => leaky(x, slope),
);

/** x for x >= 0, `alpha` (exp(x) - 1) below. Default alpha 1. */
export const elu = /* @__PURE__ */ checked(
  "elu",
  () => ({ x: tensorArgument, alpha: maybe(finite) }),
  (x: Tensor, alpha = 1): Tensor => eluWith(x, alpha),
);

/**
 * Limits x to [min, max]; either may be left out. The gradient passes where x lies within. Integers stay integers unless a
 * limit is a fraction.
 */
export const clamp = /* @__PURE__ */ checked(
  "clamp",
  () => ({ x: tensorArgument, min: maybe(number), max: maybe(number) }),
  (x: Tensor, min = -Infinity, max = Infinity): Tensor => {
    check(min <= max, ArgumentError, () => expected("clamp", "min, max", "numbers with min <= max", [min, max]));
    const isFraction = (limit: number) => Number.isFinite(limit) && !Number.isInteger(limit);
    const lifts = !isFloat(x.dtype) && (isFraction(min) || isFraction(max));
    return clampTo(lifts ? cast(x, "f32") : x, min, max);
  },
);
