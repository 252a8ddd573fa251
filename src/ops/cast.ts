/** Tensors in another dtype. */

import { defineOp } from "../autograd/op.ts";
import { primitives } from "../autograd/primitives.ts";
import { check, DtypeError, expected } from "../errors.ts";
import { runElementwise } from "../kernels/elementwise/run.ts";
import { computeType, isFloat } from "../kernels/promotion.ts";
import { checkHalf } from "../tensor/half.ts";
import { DTYPES, type Dtype } from "../tensor/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** x in another dtype. Floats lose their fraction in whole numbers; bool is x != 0. Gradients flow between floats. */
export function to(x: Tensor, dtype: Dtype): Tensor {
  check(DTYPES.includes(dtype), DtypeError, () => expected("to", "dtype", DTYPES.join(", "), dtype));
  return dtype === x.dtype ? x : cast([x], { dtype, from: x.dtype });
}

const cast = defineOp<{ dtype: Dtype; from: Dtype }>({
  name: "to",
  forward(ctx, [x]: [Tensor], { dtype }) {
    if (dtype === "f16") checkHalf("to", ctx.device);
    const compute = dtype === "bool" || isFloat(dtype) === isFloat(x.dtype) ? computeType(x.dtype) : "f32";
    // By bits: NaN is true, and a comparison with it may be folded away.
    const isTrue = isFloat(x.dtype) ? "(bitcast<u32>(a) & 0x7fffffffu) != 0u" : `a != ${compute}(0)`;
    const wgsl = dtype === "bool" ? isTrue : isFloat(dtype) ? "f32(a)" : `${dtype}(a)`;
    return runElementwise(ctx.device, { name: "to", wgsl, compute, result: dtype }, [x], x.shape);
  },
  backward: (ctx, g: Tensor) => to(g, ctx.attrs.from),
});

primitives.to = to;
