/** Helpers of the optimizer tests: leaves with given gradients, and a run against the float64 reference. */

import { type Device, runtimeOf } from "../../src/gpu/device.ts";
import type { Optimizer } from "../../src/optim/index.ts";
import type { BaseOptions } from "../../src/optim/optimizer-spec.ts";
import { fill } from "../../src/tensor/copy.ts";
import { tensor } from "../../src/tensor/create.ts";
import { readData } from "../../src/tensor/readback.ts";
import { gradSlotOf, type Tensor } from "../../src/tensor/tensor.ts";
import type { Update } from "../reference/optim.ts";
import { expectClose, type Tolerance } from "./close.ts";

export type AnyOptimizer = Pick<
  Optimizer<BaseOptions>,
  "step" | "zeroGrad" | "stepCount" | "stateDict" | "loadStateDict"
> & {
  readonly paramGroups: readonly BaseOptions[];
};

/** A leaf with these values. */
export const leaf = (values: readonly number[]): Tensor => tensor(Float32Array.from(values), { requiresGrad: true });

/** Repeatable numbers in [-1, 1), as f32 holds them. */
export function numbers(count: number, seed = 1): number[] {
  let state = seed * 2654435761;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(state / 2 ** 31 - 1);
  });
}

export const setGrad = (param: Tensor, values: readonly number[]): void => {
  param.grad = tensor(Float32Array.from(values), { shape: param.shape });
};

/** Steps `steps` times with `gradient(step)` and compares the result with the float64 reference. */
export async function matchesReference(
  optimizer: AnyOptimizer,
  param: Tensor,
  reference: Update,
  steps: number,
  gradient: (step: number) => number[],
  tolerance: Tolerance,
): Promise<void> {
  const exact = Array.from(await readData(param));
  for (let step = 0; step < steps; step++) {
    const grads = gradient(step).map(Math.fround);
    setGrad(param, grads);
    optimizer.step();
    reference(exact, grads);
  }
  expectClose(await readData(param), exact, tolerance, `after ${steps} steps`);
}

/** The dispatches that `fn` records. */
export function dispatches(device: Device, fn: () => void): number {
  const before = runtimeOf(device).recorder.dispatchCount;
  fn();
  return runtimeOf(device).recorder.dispatchCount - before;
}

/** Gradients written into the slots at once, as backward() leaves them. */
export function fillSlots(params: readonly Tensor[]): void {
  for (const p of params) {
    const slot = gradSlotOf(p) as Tensor;
    fill(slot, 1);
    p.grad = slot;
  }
}
