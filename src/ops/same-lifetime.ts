/** Results of a layer that a program may ignore: backward through one of them uses up the others too. */
import { defineOp, type Op } from "../autograd/op.ts";
import { type Tensor, view } from "../tensor/tensor.ts";

const sameLifetimeOp: Op<object, Tensor[]> = defineOp<object, Tensor[]>({
  name: "tie",
  forward: (_, tensors: Tensor[]) => tensors.map((one) => view(one, one.shape, one.strides, one.offset)),
  backward: (_, ...gradients: (Tensor | undefined)[]) => gradients,
});

/** The same tensors as results of one operation. Left alone, what no loss depends on would last until it is collected. */
export const sameLifetime = <T extends readonly Tensor[]>(...tensors: T): { [K in keyof T]: Tensor } =>
  sameLifetimeOp(tensors, {}) as { [K in keyof T]: Tensor };
