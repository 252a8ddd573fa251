/** Powers: x to the power of a number or a tensor. */
import { check, DtypeError, expected } from "../errors.ts";
import type { Operand } from "../kernels/elementwise/run.ts";
import { isFloat } from "../kernels/promotion.ts";
import { zerosLike } from "../tensor/create.ts";
import { Tensor } from "../tensor/tensor.ts";
import { defineBinary, eq, ge, logicalAnd, mul, sub, where } from "./binary.ts";
import { log, reciprocal, rsqrt, sqrt, square } from "./unary.ts";

const power = defineBinary("pow", {
  wgsl: { f32: "pow_safe(a, b)", i32: "pow_int(a, b)", u32: "pow_u32(a, b)" },
  saves: ["a", "b", "y"],
  autocast: "f32",
  gradients: (g, a, b, y, needs) => [needs[0] ? slope(g, a, b) : undefined, needs[1] ? growth(g, a, b, y) : undefined],
});

/** g b a^(b - 1), and 0 for b = 0 whatever g and a are. */
function slope(g: Tensor, a: Operand, b: Operand): Tensor {
  if (typeof b === "number") return b === 0 ? zerosLike(g) : mul(g, mul(pow(a, b - 1), b));
  // A safe exponent instead of 0 - 1: its infinite power would reach second derivatives as NaN.
  return where(b, mul(g, mul(b, pow(a, where(b, sub(b, 1), 0)))), 0);
}

/** g a^b log(a), and 0 where a is 0 and b positive: such a power does not change with the exponent. */
function growth(g: Tensor, a: Operand, b: Operand, y: Tensor): Tensor {
  if (typeof a === "number")
    return a === 0 ? where(ge(b, 0), 0, mul(g, mul(y, -Infinity))) : mul(g, mul(y, Math.log(a)));
  return where(logicalAnd(eq(a, 0), ge(b, 0)), 0, mul(g, mul(y, log(a))));
}

/** x to the power `exponent`. A negative base gives NaN unless the exponent is an integer. */
export function pow(x: Operand, exponent: Operand): Tensor {
  const dtype = x instanceof Tensor ? x.dtype : "f32";
  const inverts = !isFloat(dtype) && typeof exponent === "number" && Number.isInteger(exponent) && exponent < 0;
  check(!inverts, DtypeError, () => expected("pow", "x", `a float tensor for the exponent ${exponent}`, dtype));
  if (x instanceof Tensor && isFloat(dtype)) {
    if (exponent === 2) return square(x);
    if (exponent === 1) return mul(x, 1);
    if (exponent === -1) return reciprocal(x);
    if (exponent === 0.5) return sqrt(x);
    if (exponent === -0.5) return rsqrt(x);
  }
  return power(x, exponent);
}
