/** What each parameter was drawn from, for as long as nothing else was written over it. */
import type { Tensor } from "../tensor/tensor.ts";

export interface Origin {
  readonly initializer: string;
  /** The standard deviation that the values were drawn with. */
  readonly std: number;
}

const origins = new WeakMap<Tensor, Origin & { writes: number }>();

export function recordOrigin(tensor: Tensor, origin: Origin): void {
  origins.set(tensor, { ...origin, writes: tensor.storage.version });
}

/** The last initializer's doing; undefined where values were loaded, copied or filled in since. Training steps do not count. */
export function originOf(tensor: Tensor): Origin | undefined {
  const origin = origins.get(tensor);
  return origin?.writes === tensor.storage.version ? origin : undefined;
}
