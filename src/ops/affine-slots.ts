/** The slots that wait for the gradients of inputs 1 (weight) and 2 (bias) of a norm. */

import type { BackwardContext } from "../autograd/op-types.ts";
import type { WantedGradients } from "../kernels/norm/affine-gradients.ts";

export function wantedAffine(ctx: BackwardContext): WantedGradients {
  const [weight, bias] = [ctx.needsInputGrad[1] ?? false, ctx.needsInputGrad[2] ?? false];
  return {
    weight,
    bias,
    weightSlot: weight ? ctx.gradSlot(1) : undefined,
    biasSlot: bias ? ctx.gradSlot(2) : undefined,
  };
}
