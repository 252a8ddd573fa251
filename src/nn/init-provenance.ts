/** The distribution that each parameter was drawn from, until other values are written over it. */
import { storageOf, type Tensor } from "../tensor/tensor.ts";

export interface Origin {
  readonly initializer: string;
  /** The standard deviation that the values were drawn with. */
  readonly std: number;
}

const origins = new WeakMap<Tensor, Origin & { writes: number }>();

export function recordOrigin(tensor: Tensor, origin: Origin): void {
  origins.set(tensor, { ...origin, writes: storageOf(tensor).version });
}

/** The last initializer's record; undefined if values were loaded, copied or filled in since. Training steps do not count. */
export function originOf(tensor: Tensor): Origin | undefined {
  const origin = origins.get(tensor);
  return origin?.writes === storageOf(tensor).version ? origin : undefined;
}
