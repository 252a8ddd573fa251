/** The differentiable operations that autograd itself needs: a sum and an identity. The third, `cast`, is in op.ts. */
import { runElementwise } from "../kernels/elementwise/run.ts";
import type { Expression } from "../kernels/elementwise/shader.ts";
import { type Tensor, view } from "../tensor/tensor.ts";
import { defineOp } from "./op.ts";

const SUM: Expression = { name: "add", wgsl: "a + b", compute: "f32", result: "f32", isArithmetic: true };
const SUM_F16: Expression = { ...SUM, result: "f16" };

const sumOp = defineOp({
  name: "add",
  forward: (ctx, [a, b]: [Tensor, Tensor]) =>
    runElementwise(ctx.device, a.dtype === "f16" ? SUM_F16 : SUM, [a, b], a.shape),
  backward: (_, g: Tensor) => [g, g],
});

/** a + b, of one shape and one float dtype. */
export const addGradients = (a: Tensor, b: Tensor): Tensor => sumOp([a, b]);

const identityOp = defineOp({
  name: "identity",
  forward: (_, [x]: [Tensor]) => view(x, x.shape, x.strides, x.offset),
  backward: (_, g: Tensor) => g,
});

/** A view of all of x, with a node of its own. */
export const identity = (x: Tensor): Tensor => identityOp([x]);
