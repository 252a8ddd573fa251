/** Dropout. The mask is never stored: backward draws it again from the same random call. */
import { defineOp, type Op } from "../autograd/op.ts";
import { check, checkNumber, DtypeError, expected } from "../errors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { runDropout } from "../kernels/random.ts";
import { nextRandomCall, type RandomCall } from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";

interface DropoutAttrs {
  readonly p: number;
  /** Returns the random call of the current run or replay. */
  readonly call: () => RandomCall;
}

/** Dropout by a random call that something else draws from too. */
export const dropoutOp: Op<DropoutAttrs, Tensor> = defineOp<DropoutAttrs>({
  name: "dropout",
  computeDtype: "f32",
  forward: (_, [x]: [x: Tensor], { p, call }) => runDropout(x, p, call),
  // Multiplication by a mask is its own adjoint, so that derivatives of any order are the same op.
  backward: (ctx, gradY: Tensor) => dropoutOp([gradY], ctx.attrs),
});

/** Each element is 0 with probability `p`, else x / (1 - p); x itself unless `training` (default true). Srivastava et al. 2014. */
export function dropout(x: Tensor, p = 0.5, training = true): Tensor {
  checkNumber("dropout", "p", p, 0, 1);
  check(x instanceof Tensor && isFloat(x.dtype), DtypeError, () =>
    expected("dropout", "x", "a float tensor", x?.dtype),
  );
  if (!training || p === 0) return x;
  x.assertLive("dropout");
  const attrs = { p, call: nextRandomCall(x.device) };
  return dropoutOp([x], attrs);
}
