/** Memory for the gradients of a norm's weight and bias: one binding, since an optimizer keeps both in one buffer. */
import { ALIGNMENT, type BufferSlice } from "../../gpu/buffer-pool.ts";
import type { Device } from "../../gpu/device.ts";
import { empty, type Tensor, view } from "../../tensor/tensor.ts";

/** In a shader's params: this gradient is not wanted. */
const NONE = 0xffffffff;

/** Which of the two gradients are wanted, and the slots that are waiting for them. */
export interface WantedGradients {
  readonly weight: boolean;
  readonly bias: boolean;
  readonly weightSlot: Tensor | undefined;
  readonly biasSlot: Tensor | undefined;
}

export interface AffineGradients {
  readonly grads: BufferSlice;
  /** Offsets in `grads`, in elements. */
  readonly weightAt: number;
  readonly biasAt: number;
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;
}

/** Gradients of `size` elements each, where they are wanted: the slots, if they share a buffer, else fresh memory. */
export function affineGradients(device: Device, wanted: WantedGradients, size: number): AffineGradients {
  const { weightSlot: weight, biasSlot: bias } = wanted;
  const isComplete = (weight || !wanted.weight) && (bias || !wanted.bias);
  const sharesBuffer = !weight || !bias || weight.binding.buffer === bias.binding.buffer;
  if (isComplete && sharesBuffer) return bindingOver(device, weight, bias);
  const both = wanted.weight && wanted.bias;
  const apart = Math.ceil((size * 4) / ALIGNMENT) * (ALIGNMENT / 4);
  const room = empty(device, [both ? apart + size : size]);
  return bindingOver(
    device,
    wanted.weight ? view(room, [size], [1], 0) : undefined,
    wanted.bias ? view(room, [size], [1], both ? apart : 0) : undefined,
  );
}

function bindingOver(device: Device, weight: Tensor | undefined, bias: Tensor | undefined): AffineGradients {
  const slices = [weight, bias].flatMap((one) => (one ? [one.binding] : []));
  const first = slices[0] ?? empty(device, [1]).binding;
  const offset = Math.min(first.offset, ...slices.map((slice) => slice.offset));
  const end = Math.max(first.offset + first.size, ...slices.map((slice) => slice.offset + slice.size));
  const at = (one: Tensor | undefined) => (one ? (one.binding.offset - offset) / 4 : NONE);
  const grads = { buffer: first.buffer, offset, size: end - offset };
  return { grads, weightAt: at(weight), biasAt: at(bias), weight, bias };
}
