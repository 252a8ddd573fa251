/** Kernels that draw random numbers and apply them. */
import { runtimeOf } from "../gpu/device.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { dropout } from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import type { RandomCall } from "../tensor/random.ts";
import { withScratch } from "../tensor/scratch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const WORDS = 2 ** 32;

/** The params of dropout: words below `threshold` drop their element, the others scale it by `keepScale`. */
export function dropoutParams(p: number): { threshold: number; keepScale: number } {
  // No word reaches 2^32: p = 1 keeps one element in 2^32, times 0.
  return { threshold: Math.min(Math.floor(p * WORDS), WORDS - 1), keepScale: p === 1 ? 0 : 1 / (1 - p) };
}

/**
 * Returns x with each element 0 with probability `p`, else times 1 / (1 - p); f32. `call` gives the random call of the
 * current run or replay: the same call gives the same mask.
 */
export function runDropout(x: Tensor, p: number, call: () => RandomCall): Tensor {
  const { device, size } = x;
  const y = empty(device, x.shape);
  if (size === 0) return y;
  const { threshold, keepScale: scale } = dropoutParams(p);
  withScratch((scratch) => {
    const args = { x: bindingOf(scratch.contiguous(x)), y: bindingOf(y), size, threshold, scale };
    runtimeOf(device).runDynamic(dropout, args, call, strideGroups(device, Math.ceil(size / 4)));
  });
  return y;
}
