/** A recurrent layer step by step: a matmul and a cell kernel per time. */
import { runtimeOf } from "../../gpu/device.ts";
import { strideGroups, vectorized } from "../../gpu/launch-policy.ts";
import {
  recurrent_cell,
  recurrent_cell_backward,
  recurrent_cell_backward_vec4,
  recurrent_cell_vec4,
} from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { withScratch } from "../../tensor/scratch.ts";
import { empty } from "../../tensor/tensor.ts";
import { runMatmul } from "../matmul/run.ts";
import {
  backwardBindings,
  backwardResults,
  type RecurrenceBackward,
  type RecurrenceBuffers,
  type RecurrenceGradients,
  type RecurrenceInputs,
  type RecurrenceLayout,
  type SavedRecurrence,
  statesFrom,
} from "./layout.ts";

/** Runs all steps. `keepsGates`: a backward will follow. */
export function runSteps(
  [x, weight, bias, h, c]: RecurrenceInputs,
  layout: RecurrenceLayout,
  keepsGates: boolean,
): RecurrenceBuffers {
  const { device } = x;
  const { time, batch, width } = layout.sizes;
  return withScratch((scratch) => {
    const inputs = bindingOf(scratch.contiguous(x));
    const b = bindingOf(scratch.contiguous(weight));
    const offset = bias && { bias: bindingOf(scratch.contiguous(bias)) };
    const hidden = statesFrom(h, layout);
    const cells = c ? statesFrom(c, layout) : empty(device, [1]);
    const gates = empty(device, [keepsGates ? time : 1, layout.gateStride]);
    const { shader, width: element } = vectorized(width, recurrent_cell, recurrent_cell_vec4);
    for (const t of layout.order) {
      const gatesAt = layout.gateSlice(gates, keepsGates ? t : 0);
      const a = layout.stateSlice(hidden, layout.before(t));
      runMatmul(device, { a, b, c: gatesAt, M: batch, N: layout.gates, K: width, transB: true, ...offset });
      const args = {
        gates: gatesAt,
        inputs,
        hidden: bindingOf(hidden),
        cells: bindingOf(cells),
        ...layout.params(t, element),
      };
      runtimeOf(device).run(shader, args, strideGroups(device, args.size), layout.overrides);
    }
    return { gates, hidden, cells };
  });
}

/** Runs the steps in reverse: each reads what the later ones left in `gradStart` and leaves what the earlier ones read. */
export function runStepsBackward(
  saved: SavedRecurrence,
  grads: RecurrenceGradients,
  layout: RecurrenceLayout,
  needsStart: boolean,
): RecurrenceBackward {
  const { device } = saved.weight;
  const { batch, width } = layout.sizes;
  return withScratch((scratch) => {
    const results = backwardResults(scratch, saved, grads, layout);
    const { gradStart, gradGates, gradInputs } = results;
    const { shader, width: element } = vectorized(width, recurrent_cell_backward, recurrent_cell_backward_vec4);
    const shared = {
      ...backwardBindings(scratch, saved, grads, layout, results),
      cellAt: layout.stateStride / element,
    };
    const unused = bindingOf(scratch.empty(device, [1]));
    const b = bindingOf(scratch.contiguous(saved.weight));
    const c = layout.stateSlice(gradStart, 0);
    for (const t of layout.order.toReversed()) {
      const a = layout.gateSlice(gradGates, t);
      const own = {
        gates: layout.gateSlice(saved.gates, t),
        gradGates: a,
        gradInputs: saved.x ? layout.gateSlice(gradInputs, t) : unused,
        ...layout.params(t, element),
        outputAt: (t * layout.size) / element,
      };
      const args = { ...shared, ...own };
      runtimeOf(device).run(shader, args, strideGroups(device, args.size), layout.overrides);
      if (t === layout.order[0] && !needsStart) break;
      runMatmul(device, { a, b, c, M: batch, N: width, K: layout.gates, accumulate: true });
    }
    return results;
  });
}
