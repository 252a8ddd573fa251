/** Dtype promotion of mixed operands. */

import { checkValue } from "../tensor/host.ts";
import type { Dtype } from "../tensor/storage.ts";
import { isFloat } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Operand } from "./elementwise/run.ts";

export { isFloat } from "../tensor/storage.ts";

const ORDER: readonly Dtype[] = ["bool", "u32", "i32", "f16", "f32"];

/** The dtype that operands meet in: the larger of bool < u32 < i32 < f16 < f32; a fraction lifts integers to f32. */
export function promote(operands: readonly Operand[]): Dtype {
  let dtype: Dtype = "bool";
  for (const operand of operands) if (operand instanceof Tensor) dtype = larger(dtype, operand.dtype);
  for (const operand of operands) {
    if (typeof operand !== "number") continue;
    if (!Number.isInteger(operand)) dtype = larger(dtype, dtype === "f16" ? "f16" : "f32");
    else if (operand < 0 && dtype === "u32") dtype = "i32";
    else if (dtype === "bool") dtype = "i32";
    if (!isFloat(dtype)) checkValue("an operation of integers", "number", operand, dtype);
  }
  return dtype;
}

const larger = (a: Dtype, b: Dtype): Dtype => (ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b);

/** The WGSL type to compute in. */
export function computeType(dtype: Dtype): "f32" | "i32" | "u32" {
  if (dtype === "bool") return "u32";
  return dtype === "f16" ? "f32" : dtype;
}
