/** The steps of a recurrent layer, fused: all in one dispatch, or a matmul and a cell kernel each; one matmul for the weight's gradient. */

import { recurrenceLaunch } from "../../gpu/launch-policy.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { withScratch } from "../../tensor/scratch.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { runMatmul } from "../matmul/run.ts";
import { runAtOnce, runAtOnceBackward } from "./at-once.ts";
import { runSteps, runStepsBackward } from "./by-step.ts";
import type {
  RecurrenceBackward,
  RecurrenceBuffers,
  RecurrenceGradients,
  RecurrenceInputs,
  RecurrenceLayout,
  SavedRecurrence,
} from "./layout.ts";

/** Runs all steps. `keepsGates`: a backward will follow. */
export function runRecurrence(
  inputs: RecurrenceInputs,
  layout: RecurrenceLayout,
  keepsGates: boolean,
): RecurrenceBuffers {
  const launch = recurrenceLaunch(inputs[0].device, layout.sizes, layout.gates, layout.sizes.kernels);
  if (launch.kernels === "steps") return runSteps(inputs, layout, keepsGates);
  return runAtOnce(inputs, layout, launch, keepsGates);
}

/** Runs all steps in reverse. `needsStart`: the gradient of the first hidden state is wanted. */
export function runRecurrenceBackward(
  saved: SavedRecurrence,
  grads: RecurrenceGradients,
  layout: RecurrenceLayout,
  needsStart: boolean,
): RecurrenceBackward {
  const launch = recurrenceLaunch(saved.weight.device, layout.sizes, layout.gates, layout.sizes.kernels);
  if (launch.kernels === "steps") return runStepsBackward(saved, grads, layout, needsStart);
  return runAtOnceBackward(saved, grads, layout, launch, needsStart);
}

/** Writes gradWeight (GATES H, H) and gradBias (GATES H), all times in one matmul. */
export function runRecurrenceGradWeight(
  gradGates: Tensor,
  hidden: Tensor,
  layout: RecurrenceLayout,
  gradWeight: Tensor,
  gradBias: Tensor | undefined,
): void {
  const { time, batch, width } = layout.sizes;
  withScratch((scratch) => {
    const dense = (one: Tensor) => bindingOf(scratch.contiguous(scratch.add(one)));
    runMatmul(gradGates.device, {
      a: dense(layout.allGates(gradGates)),
      b: dense(layout.statesBefore(hidden)),
      c: bindingOf(gradWeight),
      M: layout.gates,
      N: width,
      K: time * batch,
      transA: true,
      ...(gradBias && { biasGrad: bindingOf(gradBias) }),
    });
  });
}
