/** Matrix products. */
import { addmm, einsum, matmul, type Tensor } from "gradwell";
import type { Call, Operators } from "../call.ts";

function gemm(call: Call): Tensor {
  const a = call.flag("transA") ? call.x.t() : call.x;
  const b = call.flag("transB") ? call.tensor(1).t() : call.tensor(1);
  const c = call.optional(2);
  const alpha = call.real("alpha", 1);
  return c ? addmm(c, a, b, { alpha, beta: call.real("beta", 1) }) : matmul(a, b).mul(alpha);
}

/** `...` stands for the dims that have no letter; einsum wants one for each. */
function sumOfProducts(call: Call): Tensor {
  const equation = call.text("equation", "").replaceAll(" ", "");
  const named = equation.split(/,|->/)[0]!.replace("...", "").length;
  return einsum(equation.replaceAll("...", "ABCDEFGH".slice(0, call.x.ndim - named)), ...call.tensors);
}

export const products: Operators = {
  MatMul: (call) => matmul(call.x, call.tensor(1)),
  Gemm: gemm,
  Einsum: sumOfProducts,
};
