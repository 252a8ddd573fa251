/** Temporary tensors of a kernel call: freed when the call has recorded its dispatches. */
import type { Device } from "../gpu/device.ts";
import { contiguous } from "./copy.ts";
import type { Shape } from "./shape.ts";
import type { Dtype } from "./storage.ts";
import { empty, type Tensor } from "./tensor.ts";

export class Scratch {
  readonly #tensors: Tensor[] = [];

  /** A tensor with undefined content. */
  empty(device: Device, shape: Shape, dtype?: Dtype): Tensor {
    return this.add(empty(device, shape, dtype));
  }

  /** `x` itself where it is contiguous, else a copy. */
  contiguous(x: Tensor): Tensor {
    const dense = contiguous(x);
    return dense === x ? x : this.add(dense);
  }

  /** Frees `x` with the others. */
  add(x: Tensor): Tensor {
    this.#tensors.push(x);
    return x;
  }

  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }
}

/** Runs `fn` and frees what it put into the scratch. */
export function withScratch<T>(fn: (scratch: Scratch) => T): T {
  const scratch = new Scratch();
  try {
    return fn(scratch);
  } finally {
    scratch.dispose();
  }
}
