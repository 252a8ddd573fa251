/** Tensors in another dtype. */
import { cast } from "../autograd/op.ts";
import { check, DtypeError, expected } from "../errors.ts";
import { DTYPES, type Dtype } from "../tensor/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** x in another dtype. Floats are truncated to integers; bool is x != 0. Gradients flow between floats. */
export function to(x: Tensor, dtype: Dtype): Tensor {
  check(DTYPES.includes(dtype), DtypeError, () => expected("to", "dtype", DTYPES.join(", "), dtype));
  return cast(x, dtype);
}
