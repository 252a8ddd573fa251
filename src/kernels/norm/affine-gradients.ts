/** Where a norm writes the gradients of its weight and bias: one binding, since an optimizer keeps both in one buffer. */
import type { BackwardContext } from "../../autograd/op-types.ts";
import { ALIGNMENT, type BufferSlice } from "../../gpu/buffer-pool.ts";
import { empty, type Tensor, view } from "../../tensor/tensor.ts";

/** In a shader's params: this gradient is not wanted. */
const NONE = 0xffffffff;

export interface GradientPair {
  readonly grads: BufferSlice;
  /** Places in `grads`, in elements. */
  readonly weightAt: number;
  readonly biasAt: number;
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;
}

/** Room for the gradients of inputs 1 (weight) and 2 (bias), where they are wanted: their slots, if they share a buffer. */
export function gradientPair(ctx: BackwardContext, size: number): GradientPair {
  const [needsWeight, needsBias] = [ctx.needsInputGrad[1] ?? false, ctx.needsInputGrad[2] ?? false];
  const weight = needsWeight ? ctx.gradSlot(1) : undefined;
  const bias = needsBias ? ctx.gradSlot(2) : undefined;
  const complete = (weight || !needsWeight) && (bias || !needsBias);
  if (complete && (!weight || !bias || weight.binding.buffer === bias.binding.buffer)) return pairOf(weight, bias, ctx);
  return freshPair(ctx, size, needsWeight, needsBias);
}

function pairOf(weight: Tensor | undefined, bias: Tensor | undefined, ctx: BackwardContext): GradientPair {
  const slices = [weight, bias].flatMap((one) => (one ? [one.binding] : []));
  if (slices.length === 0) slices.push(empty(ctx.device, [1]).binding);
  const offset = Math.min(...slices.map((slice) => slice.offset));
  const end = Math.max(...slices.map((slice) => slice.offset + slice.size));
  const place = (one: Tensor | undefined) => (one ? (one.binding.offset - offset) / 4 : NONE);
  const grads = { buffer: (slices[0] as BufferSlice).buffer, offset, size: end - offset };
  return { grads, weightAt: place(weight), biasAt: place(bias), weight, bias };
}

function freshPair(ctx: BackwardContext, size: number, needsWeight: boolean, needsBias: boolean): GradientPair {
  const both = needsWeight && needsBias;
  const apart = Math.ceil((size * 4) / ALIGNMENT) * (ALIGNMENT / 4);
  const room = empty(ctx.device, [both ? apart + size : size]);
  return pairOf(
    needsWeight ? view(room, [size], [1], 0) : undefined,
    needsBias ? view(room, [size], [1], both ? apart : 0) : undefined,
    ctx,
  );
}
