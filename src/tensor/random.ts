/** Counter-based random numbers: a value depends on the seed, the number of the random call and the element's place. */

import { ArgumentError, check, expected } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { random_fill } from "../gpu/shaders.generated.ts";
import { bindingOf } from "./binding.ts";
import { noteWritten } from "./copy.ts";
import type { Tensor } from "./tensor.ts";

/** Restarts the random numbers of the default device from seed `n`: the same seed gives the same bits. */
export function manualSeed(n: number): void {
  check(Number.isSafeInteger(n), ArgumentError, () => expected("manualSeed", "n", "an integer", n));
  const { random } = runtimeOf(currentDevice());
  random.seed = n;
  random.call = 0;
}

/** The two words of a seed that the kernels take. */
export const seedWords = (seed: number): [number, number] => [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];

/** The numbers that a kernel needs to draw: its own call number, taken anew at every replay of a capture. */
export type RandomCall = Readonly<Record<"seedLow" | "seedHigh" | "call", number>>;

/** The next random call of a device. The returned function gives the call of the current run or replay. */
export function nextRandomCall(device: Device): () => RandomCall {
  let current: RandomCall = { seedLow: 0, seedHigh: 0, call: 0 };
  runtimeOf(device).onReplay(
    () => {
      const [seedLow, seedHigh] = seedWords(runtimeOf(device).random.seed);
      current = { seedLow, seedHigh, call: runtimeOf(device).random.call++ };
    },
    () => {
      runtimeOf(device).random.call--;
    },
  );
  return () => current;
}

const KINDS = { uniform: 0, normal: 1, randint: 2, truncNormal: 1 };

/**
 * Fills a contiguous tensor: uniform in [a, b), normal(mean a, std b), integers in [a, b), or normal(a, b) between
 * the two cuts.
 */
export function fillRandom(
  tensor: Tensor,
  kind: keyof typeof KINDS,
  a: number,
  b: number,
  [low, high]: readonly [number, number] = [0, 0],
): void {
  if (tensor.size === 0) return;
  const { device, size } = tensor;
  const [cdfLow, cdfHigh] = kind === "truncNormal" ? [cdf(low, a, b), cdf(high, a, b)] : [0, 0];
  const args = { y: bindingOf(tensor), kind: KINDS[kind], size, a, b, low, high, cdfLow, cdfHigh };
  noteWritten(tensor);
  runtimeOf(device).runDynamic(random_fill, args, nextRandomCall(device), strideGroups(device, Math.ceil(size / 4)), {
    TRUNCATED: kind === "truncNormal",
    INTEGER: tensor.dtype !== "f32",
  });
}

/** The normal distribution function scaled to [-1, 1], by the series of erf: exact to 1e-7, and 1 from 6.4 std on. */
function cdf(value: number, mean: number, std: number): number {
  const x = (value - mean) / (std * Math.SQRT2);
  if (Math.abs(x) > 4.5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
