/** Powers: x to the power of a number or a tensor. */
import { Tensor } from "../tensor/tensor.ts";
import { defineBinary, eq, ge, logicalAnd, mul, sub, where } from "./binary.ts";
import { isFloat } from "./dtype.ts";
import type { Operand } from "./elementwise-kernel.ts";
import { log, reciprocal, sqrt, square } from "./unary.ts";

const power = defineBinary("pow", {
  wgsl: { f32: "pow_safe(a, b)", i32: "pow_int(a, b)" },
  saves: ["a", "b", "y"],
  gradients: (g, a, b, y, needs) => [
    needs[0] ? mul(g, mul(b, pow(a, typeof b === "number" ? b - 1 : sub(b, 1)))) : undefined,
    // log(0) where the base is 0: 0 to a positive power does not change with the exponent.
    needs[1] ? where(logicalAnd(eq(a, 0), ge(b, 0)), 0, mul(g, mul(y, logOf(a)))) : undefined,
  ],
});

const logOf = (a: Operand): Operand => (typeof a === "number" ? Math.log(a) : log(a));

/** x to the power `exponent`. A negative base gives NaN unless the exponent is whole. */
export function pow(x: Operand, exponent: Operand): Tensor {
  if (x instanceof Tensor && isFloat(x.dtype)) {
    if (exponent === 2) return square(x);
    if (exponent === 1) return mul(x, 1);
    if (exponent === -1) return reciprocal(x);
    if (exponent === 0.5) return sqrt(x);
  }
  return power(x, exponent);
}
