/** Memory for the gradients of a norm's weight and bias: one binding, since an optimizer keeps both in one buffer. */

import { ALIGNMENT, type BufferSlice } from "../../gpu/buffer-pool.ts";
import type { Device } from "../../gpu/device.ts";
import { bindingOf } from "../../tensor/binding.ts";
import type { Scratch } from "../../tensor/scratch.ts";
import { type Tensor, view } from "../../tensor/tensor.ts";

/** In a shader's params: an offset that stands for a gradient that is not computed. */
const NONE = 0xffffffff;

/** The gradients, of the two, that are computed, and leaf storage that they may be written to directly. */
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
  /** (C), or a slot of the same size. */
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;
}

/** Allocates the wanted gradients of `size` elements each: in the slots if they share a buffer, else in fresh memory. */
export function affineGradients(
  scratch: Scratch,
  device: Device,
  wanted: WantedGradients,
  size: number,
): AffineGradients {
  const { weightSlot: weight, biasSlot: bias } = wanted;
  const isComplete = (weight || !wanted.weight) && (bias || !wanted.bias);
  const sharesBuffer = !weight || !bias || bindingOf(weight).buffer === bindingOf(bias).buffer;
  if (isComplete && sharesBuffer) return bindingOver(scratch, device, weight, bias);
  const hasBoth = wanted.weight && wanted.bias;
  const biasOffset = hasBoth ? Math.ceil((size * 4) / ALIGNMENT) * (ALIGNMENT / 4) : 0;
  const both = scratch.empty(device, [biasOffset + size]);
  return bindingOver(
    scratch,
    device,
    wanted.weight ? view(both, [size], [1], 0) : undefined,
    wanted.bias ? view(both, [size], [1], biasOffset) : undefined,
  );
}

function bindingOver(
  scratch: Scratch,
  device: Device,
  weight: Tensor | undefined,
  bias: Tensor | undefined,
): AffineGradients {
  const slices = [weight, bias].flatMap((gradient) => (gradient ? [bindingOf(gradient)] : []));
  const first = slices[0] ?? bindingOf(scratch.empty(device, [1]));
  const offset = Math.min(first.offset, ...slices.map((slice) => slice.offset));
  const end = Math.max(first.offset + first.size, ...slices.map((slice) => slice.offset + slice.size));
  const at = (gradient: Tensor | undefined) => (gradient ? (bindingOf(gradient).offset - offset) / 4 : NONE);
  const grads = { buffer: first.buffer, offset, size: end - offset };
  return { grads, weightAt: at(weight), biasAt: at(bias), weight, bias };
}
