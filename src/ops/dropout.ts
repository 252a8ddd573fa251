/** Dropout: the mask is never stored but drawn again in backward, from the same random call. */
import { defineOp, type Op } from "../autograd/op.ts";
import { check, checkNumber, DtypeError, expected } from "../errors.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { dropout as dropoutShader } from "../gpu/shaders.generated.ts";
import { isFloat } from "../kernels/promotion.ts";
import { contiguous } from "../tensor/copy.ts";
import { nextRandomCall, type RandomCall } from "../tensor/random.ts";
import { empty, Tensor } from "../tensor/tensor.ts";

interface DropoutAttrs {
  readonly p: number;
  /** Gives the call of the present run or replay. */
  readonly call: () => RandomCall;
}

const dropoutOp: Op<DropoutAttrs, Tensor> = defineOp<DropoutAttrs>({
  name: "dropout",
  computeDtype: "f32",
  forward(ctx, [x]: [Tensor], { p, call }) {
    const y = empty(ctx.device, x.shape);
    const dense = contiguous(x);
    // No word reaches 2^32: p = 1 keeps one in four thousand million, times 0.
    const threshold = Math.min(Math.floor(p * 2 ** 32), 2 ** 32 - 1);
    const scale = p === 1 ? 0 : 1 / (1 - p);
    // Asked again at each replay, when the tensors themselves are gone.
    const fixed = { x: dense.binding, y: y.binding, size: x.size, threshold, scale };
    const args = () => ({ ...fixed, ...call() });
    if (x.size > 0) ctx.device.runDynamic(dropoutShader, args, strideGroups(ctx.device, Math.ceil(x.size / 4)));
    if (dense !== x) dense.dispose();
    return y;
  },
  // The mask times a factor is its own adjoint: any order of derivatives is the same operation again.
  backward: (ctx, gradY: Tensor) => dropoutOp([gradY], ctx.attrs),
});

/** While `training` (default true): 0 with probability `p`, else x / (1 - p). Otherwise x itself. Srivastava et al. 2014. */
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
