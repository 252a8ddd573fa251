/** All steps of a recurrent layer in one dispatch, forward and backward: workgroups own rows of the batch. */

import { type Device, runtimeOf } from "../../gpu/device.ts";
import { type RecurrenceLaunch, vectorized } from "../../gpu/launch-policy.ts";
import type { RunArgs } from "../../gpu/shader.ts";
import {
  recurrence_subgroup4,
  recurrence_subgroup4_backward,
  recurrence_subgroup4_backward_vec4,
  recurrence_subgroup4_vec4,
  recurrence_subgroup8,
  recurrence_subgroup8_backward,
  recurrence_subgroup8_backward_vec4,
  recurrence_subgroup8_vec4,
  recurrence_workgroup,
  recurrence_workgroup_backward,
} from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { type Scratch, withScratch } from "../../tensor/scratch.ts";
import { empty, type Tensor, view } from "../../tensor/tensor.ts";
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

type Launch = Exclude<RecurrenceLaunch, { kernels: "steps" }>;

/** Kernels by the lanes of a subgroup: for any width, and for one that is a multiple of four. */
const forward = {
  4: [recurrence_subgroup4, recurrence_subgroup4_vec4],
  8: [recurrence_subgroup8, recurrence_subgroup8_vec4],
} as const;
const backward = {
  4: [recurrence_subgroup4_backward, recurrence_subgroup4_backward_vec4],
  8: [recurrence_subgroup8_backward, recurrence_subgroup8_backward_vec4],
} as const;

/** Runs all steps. `keepsGates`: a backward will follow. */
export function runAtOnce(
  [x, weight, bias, h, c]: RecurrenceInputs,
  layout: RecurrenceLayout,
  launch: Launch,
  keepsGates: boolean,
): RecurrenceBuffers {
  const { device } = x;
  const { time, width } = layout.sizes;
  return withScratch((scratch) => {
    const hidden = statesFrom(h, layout);
    const cells = c ? statesFrom(c, layout) : empty(device, [1]);
    const gates = empty(device, [keepsGates ? time : 1, layout.gateStride]);
    const args = {
      gates: bindingOf(gates),
      hidden: bindingOf(hidden),
      cells: bindingOf(cells),
      inputs: bindingOf(scratch.contiguous(x)),
      weight: bindingOf(weightFor(launch, scratch, weight)),
      bias: bindingOf(scratch.contiguous(bias ?? weight)),
      ...paramsOf(layout, { hasBias: bias !== undefined, needsStart: false }),
    };
    const overrides = { ...layout.overrides, KEEPS_GATES: keepsGates };
    if (launch.kernels === "workgroups") {
      const own = { WORKGROUP: launch.workgroup, UNITS: width };
      runtimeOf(device).run(recurrence_workgroup, args, launch.groups, { ...overrides, ...own });
    } else {
      const [single, vec4] = forward[launch.lanes];
      runtimeOf(device).run(vectorized(width, single, vec4).shader, args, launch.groups, {
        ...overrides,
        ROWS: launch.rows,
      });
    }
    return { gates, hidden, cells };
  });
}

/** The weight as the forward kernel reads it: turned for the one whose neighbors own neighboring units. */
function weightFor({ kernels }: Launch, scratch: Scratch, weight: Tensor): Tensor {
  const dense = scratch.contiguous(weight);
  if (kernels === "subgroups") return dense;
  const [rows = 0, width = 0] = dense.shape;
  return scratch.contiguous(scratch.add(view(dense, [width, rows], [1, width], dense.offset)));
}

/** Runs all steps in reverse. */
export function runAtOnceBackward(
  saved: SavedRecurrence,
  grads: RecurrenceGradients,
  layout: RecurrenceLayout,
  launch: Launch,
  needsStart: boolean,
): RecurrenceBackward {
  const { device } = saved.weight;
  return withScratch((scratch) => {
    const results = backwardResults(scratch, saved, grads, layout);
    const args = {
      ...backwardBindings(scratch, saved, grads, layout, results),
      gates: bindingOf(saved.gates),
      weight: bindingOf(scratch.contiguous(saved.weight)),
      gradGates: bindingOf(results.gradGates),
      gradInputs: bindingOf(saved.x ? results.gradInputs : scratch.empty(device, [1])),
      ...paramsOf(layout, { hasBias: false, needsStart }),
    };
    launchBackward(device, layout, launch, args);
    return results;
  });
}

function paramsOf(layout: RecurrenceLayout, { hasBias, needsStart }: { hasBias: boolean; needsStart: boolean }) {
  const { batch, width, time, reverse } = layout.sizes;
  const { gateStride, stateStride } = layout;
  const flags = { reverse: Number(reverse), hasBias: Number(hasBias), needsStart: Number(needsStart) };
  return { batch, width, time, gateStride, stateStride, ...flags };
}

function launchBackward(
  device: Device,
  layout: RecurrenceLayout,
  launch: Launch,
  args: RunArgs<typeof recurrence_workgroup_backward>,
): void {
  const { overrides } = layout;
  if (launch.kernels === "workgroups") {
    const own = { WORKGROUP: launch.workgroup, ALL_GATES: layout.gates };
    runtimeOf(device).run(recurrence_workgroup_backward, args, launch.groups, { ...overrides, ...own });
    return;
  }
  const [single, vec4] = backward[launch.lanes];
  runtimeOf(device).run(vectorized(layout.sizes.width, single, vec4).shader, args, launch.groups, {
    ...overrides,
    ROWS: launch.rows,
  });
}
