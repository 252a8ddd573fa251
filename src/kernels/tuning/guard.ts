/** The check that a kernel must pass on this adapter before it is timed. */
import { type Device, runtimeOf } from "../../gpu/device.ts";
import type { Choice } from "../../gpu/tuning.ts";
import type { Trial } from "./workload.ts";

/** Elements of the result that are compared with float64, besides the corners. */
const SAMPLES = 64;

/**
 * Runs a choice twice on a result filled with NaN. Returns what is wrong: an error of WebGPU, an element that was not
 * written or is off, bits that differ between the runs, a write behind the result; undefined where all is right.
 */
export async function faultOf(device: Device, trial: Trial, choice: Choice): Promise<string | undefined> {
  try {
    const first = await resultOf(trial, choice);
    if (!first.isIntact) return "it writes behind its result";
    const wrong = wrongElement(trial, first.values);
    if (wrong) return wrong;
    const second = await resultOf(trial, choice);
    return sameBits(first.values, second.values) ? undefined : "two runs give different bits";
  } catch (error) {
    if (!runtimeOf(device).isUsable) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

async function resultOf(trial: Trial, choice: Choice): Promise<{ values: Float32Array; isIntact: boolean }> {
  trial.result.reset();
  trial.run(choice);
  return trial.result.read();
}

function wrongElement(trial: Trial, values: Float32Array): string | undefined {
  const missing = values.findIndex(Number.isNaN);
  if (missing >= 0) return `element ${missing} is not written`;
  for (const index of sampled(values.length)) {
    const { value, bound } = trial.expected(index);
    const got = values[index] as number;
    if (!(Math.abs(got - value) <= bound)) return `element ${index} is ${got}, expected ${value} within ${bound}`;
  }
  return undefined;
}

/** The first, the last, and indices spread over the result by the golden ratio, so that they fall on all rows and columns. */
function sampled(size: number): Set<number> {
  const spread = Array.from({ length: SAMPLES }, (_, i) => Math.floor(((i * 0.6180339887498949) % 1) * size));
  return new Set([0, size - 1, ...spread]);
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [x, y] = [a, b].map(({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length));
  return (x as Uint32Array).every((word, i) => word === (y as Uint32Array)[i]);
}
