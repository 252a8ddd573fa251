/** Elementwise functions of one tensor: one table of formulas and derivatives. */
import { ArgumentError, check, expected } from "../errors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { Tensor } from "../tensor/tensor.ts";
import { add, div, eq, ge, gt, le, logicalAnd, mul, sub, where } from "./binary.ts";
import { to } from "./cast.ts";
import { defineUnary } from "./define-unary.ts";

const SQRT1_2PI = 0.3989422804014327;
const normalDensity = (x: Tensor): Tensor => mul(exp(mul(square(x), -0.5)), SQRT1_2PI);

export const neg = defineUnary("neg", { wgsl: "-a", integer: "0 - a", gradient: "-g", derivative: () => -1 });
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
  wgsl: "a * a",
  integer: "a * a",
  saves: "x",
  gradient: "2.0 * a * g",
  derivative: (x) => mul(x, 2),
});
export const reciprocal = defineUnary("reciprocal", {
  wide: true,
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
export const relu = defineUnary("relu", {
  wgsl: "relu(a)",
  integer: "max(a, 0)",
  saves: "y",
  gradient: "select(g, 0.0, is_at_most(b, 0.0))",
  derivative: (_, y) => logicalNot(le(y, 0)),
});
const leaky = defineUnary("leakyRelu", {
  wgsl: "leaky_relu(a, p)",
  saves: "x",
  gradient: "select(p * g, g, is_less(0.0, a))",
  derivative: (x, _, p) => where(gt(x, 0), 1, p),
});
const eluWith = defineUnary("elu", {
  wgsl: "elu(a, p)",
  saves: "x",
  gradient: "elu_grad(a, p) * g",
  derivative: (x, _, p) => where(gt(x, 0), 1, mul(exp(clamp(x, -Infinity, 0)), p)),
});
/** x Phi(x), exact (by the error function). Hendrycks and Gimpel 2016. */
export const gelu = defineUnary("gelu", {
  wgsl: "gelu(a)",
  saves: "x",
  gradient: "gelu_grad(a) * g",
  derivative: (x) => add(mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5), mul(x, normalDensity(x))),
});
/** x sigmoid(x). */
export const silu = defineUnary("silu", {
  wgsl: "silu(a)",
  saves: "x",
  gradient: "silu_grad(a) * g",
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
export const sigmoid = defineUnary("sigmoid", {
  wgsl: "sigmoid(a)",
  saves: "y",
  gradient: "sigmoid_grad_y(b) * g",
  derivative: (_, y) => mul(y, sub(1, y)),
});
export const tanh = defineUnary("tanh", {
  wgsl: "tanh_safe(a)",
  saves: "y",
  gradient: "tanh_grad_y(b) * g",
  derivative: (_, y) => sub(1, square(y)),
});
const clampTo = defineUnary("clamp", {
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
export const logicalNot = (x: Tensor): Tensor => eq(x, 0);

/** x for x >= 0, `slope` x below. Default slope 0.01. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => leaky(x, number("leakyRelu", "slope", slope));

/** x for x >= 0, `alpha` (exp(x) - 1) below. Default alpha 1. */
export const elu = (x: Tensor, alpha = 1): Tensor => eluWith(x, number("elu", "alpha", alpha));

/** Limits x to [min, max]; either may be left out. The gradient passes where x lies within. A fraction lifts whole numbers. */
export function clamp(x: Tensor, min = -Infinity, max = Infinity): Tensor {
  const valid = typeof min === "number" && typeof max === "number" && min <= max;
  check(valid, ArgumentError, () => expected("clamp", "min, max", "numbers with min <= max", [min, max]));
  const isFraction = (limit: number) => Number.isFinite(limit) && !Number.isInteger(limit);
  const lifts = x instanceof Tensor && !isFloat(x.dtype) && (isFraction(min) || isFraction(max));
  return clampTo(lifts ? to(x, "f32") : x, min, max);
}

function number(op: string, argument: string, value: number): number {
  check(typeof value === "number" && Number.isFinite(value), ArgumentError, () =>
    expected(op, argument, "a finite number", value),
  );
  return value;
}
