/** Conversion to another dtype. */
import type { Dtype } from "../../tensor/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { computeType, isFloat } from "../promotion.ts";
import { runElementwise } from "./run.ts";
import type { Expression } from "./shader.ts";

const expressions = new Map<string, Expression>();

/** A dense copy of `x` in another dtype. Integers drop the fraction of floats; bool is x != 0. */
export function castElements(x: Tensor, dtype: Dtype): Tensor {
  const key = `${x.dtype} ${dtype}`;
  let expression = expressions.get(key);
  if (!expression) {
    expression = castExpression(x.dtype, dtype);
    expressions.set(key, expression);
  }
  return runElementwise(x.device, expression, [x], x.shape);
}

function castExpression(from: Dtype, dtype: Dtype): Expression {
  const compute = dtype === "bool" || isFloat(dtype) === isFloat(from) ? computeType(from) : "f32";
  // By bits: NaN is true, and a comparison with it may be folded away.
  const isTrue = isFloat(from) ? "(bitcast<u32>(a) & 0x7fffffffu) != 0u" : `a != ${compute}(0)`;
  const wgsl = dtype === "bool" ? isTrue : isFloat(dtype) ? "f32(a)" : `${dtype}(a)`;
  return { name: "to", wgsl, compute, result: dtype };
}
