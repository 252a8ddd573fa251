/** A matmul of tensors, f32 or f16 alike: f16 is read and written as it is where one dispatch can, else cast around it. */

import type { Device } from "../../gpu/device.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import { castElements } from "../elementwise/cast.ts";
import { type Matmul, runMatmul } from "./run.ts";
import { readsHalf } from "./select.ts";

/** Settings of a matmul besides its tensors. */
type Settings = Omit<Matmul, "a" | "b" | "c" | "bias" | "saved" | "biasGrad" | "half">;

/** All of the same dtype. c and biasGrad are written. */
interface Operands {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly c: Tensor;
  readonly bias?: Tensor | undefined;
  readonly saved?: Tensor | undefined;
  readonly biasGrad?: Tensor | undefined;
}

const bound = ({ a, b, c, bias, saved, biasGrad }: Operands) => ({
  a: bindingOf(a),
  b: bindingOf(b),
  c: bindingOf(c),
  ...(bias && { bias: bindingOf(bias) }),
  ...(saved && { saved: bindingOf(saved) }),
  ...(biasGrad && { biasGrad: bindingOf(biasGrad) }),
});

/** Records the matmul of dense operands; returns c and biasGrad, other tensors than the given ones where they were cast. */
export function matmulOf(device: Device, settings: Settings, operands: Operands): { c: Tensor; biasGrad?: Tensor } {
  const { c, biasGrad } = operands;
  const half = c.dtype === "f16";
  if (!half || readsHalf(device, settings)) {
    runMatmul(device, { ...settings, ...bound(operands), half });
    return { c, ...(biasGrad && { biasGrad }) };
  }
  return castAround(device, settings, operands);
}

function castAround(device: Device, settings: Settings, operands: Operands): { c: Tensor; biasGrad?: Tensor } {
  const { a, b, c, bias, saved, biasGrad } = operands;
  const single = {
    a: castElements(a, "f32"),
    b: castElements(b, "f32"),
    c: empty(device, c.shape),
    bias: bias && castElements(bias, "f32"),
    saved: saved && castElements(saved, "f32"),
    biasGrad: biasGrad && empty(device, biasGrad.shape),
  };
  runMatmul(device, { ...settings, ...bound(single) });
  const results = {
    c: castElements(single.c, "f16"),
    ...(single.biasGrad && { biasGrad: castElements(single.biasGrad, "f16") }),
  };
  for (const one of [c, biasGrad, ...Object.values(single)]) one?.dispose();
  return results;
}
