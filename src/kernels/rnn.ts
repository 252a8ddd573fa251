/** The steps of a recurrent layer, fused: a matmul and a cell kernel per time step, and one matmul for the weight's gradient. */

import { ALIGNMENT, type BufferSlice } from "../gpu/buffer-pool.ts";
import { runtimeOf } from "../gpu/device.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { recurrent_cell, recurrent_cell_backward } from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { copyInto, fill } from "../tensor/copy.ts";
import { type Scratch, withScratch } from "../tensor/scratch.ts";
import { empty, storageOf, type Tensor, view } from "../tensor/tensor.ts";
import { runMatmul } from "./matmul/run.ts";

export type Cell = "tanh" | "relu" | "lstm" | "gru";

/** Rows of a weight per hidden unit. LSTM: input, forget, cell, output; GRU: reset, update, new. */
export const GATES: Readonly<Record<Cell, number>> = { tanh: 1, relu: 1, lstm: 4, gru: 3 };

/** The cells by their number in the shaders. */
const CELL_IDS: Readonly<Record<Cell, number>> = { tanh: 0, relu: 1, lstm: 2, gru: 3 };

export interface RecurrenceSizes {
  readonly cell: Cell;
  /** Steps go from the last time to the first. */
  readonly reverse: boolean;
  readonly time: number;
  readonly batch: number;
  readonly width: number;
}

/** f32 from one step to the next in a buffer whose steps can each be bound. */
const aligned = (size: number): number => Math.ceil((size * 4) / ALIGNMENT) * (ALIGNMENT / 4);

/** Offsets of the steps of a run in its buffers: gates of T times, and states of T + 1, before and after each step. */
export class RecurrenceLayout {
  readonly sizes: RecurrenceSizes;
  /** Rows of all gates: GATES H. */
  readonly gates: number;
  /** Elements of a state: B H. */
  readonly size: number;
  /** Elements from one state to the next, and from the gates of one time to the next. */
  readonly stateStride: number;
  readonly gateStride: number;
  readonly overrides: { readonly CELL: number; readonly GATES: number };
  /** Times in the order of the steps. */
  readonly order: readonly number[];

  constructor(sizes: RecurrenceSizes) {
    const { cell, reverse, time, batch, width } = sizes;
    this.sizes = sizes;
    this.gates = GATES[cell] * width;
    this.size = batch * width;
    this.stateStride = aligned(this.size);
    this.gateStride = aligned(batch * this.gates);
    this.overrides = { CELL: CELL_IDS[cell], GATES: GATES[cell] };
    this.order = Array.from({ length: time }, (_, step) => (reverse ? time - 1 - step : step));
  }

  /** Index of the state before time t, and after it. */
  before(t: number): number {
    return this.sizes.reverse ? t + 1 : t;
  }

  after(t: number): number {
    return this.sizes.reverse ? t : t + 1;
  }

  /** Index of the state before the first step, and after the last. */
  get first(): number {
    return this.sizes.reverse ? this.sizes.time : 0;
  }

  get last(): number {
    return this.sizes.reverse ? 0 : this.sizes.time;
  }

  /** A view of one state (B, H). */
  state(states: Tensor, index: number): Tensor {
    const { batch, width } = this.sizes;
    return view(states, [batch, width], [width, 1], index * this.stateStride);
  }

  /** A view of the states after each time (T, B, H), or before each. */
  statesAfter(states: Tensor): Tensor {
    return this.#statesFrom(states, this.after(0));
  }

  statesBefore(states: Tensor): Tensor {
    return this.#statesFrom(states, this.before(0));
  }

  #statesFrom(states: Tensor, index: number): Tensor {
    const { time, batch, width } = this.sizes;
    return view(states, [time, batch, width], [this.stateStride, width, 1], index * this.stateStride);
  }

  /** A view of all gates (T, B, GATES H). */
  allGates(gates: Tensor): Tensor {
    const { time, batch } = this.sizes;
    return view(gates, [time, batch, this.gates], [this.gateStride, this.gates, 1], 0);
  }

  /** The slice of one state (B, H), and of the gates of one time (B, GATES H). */
  stateSlice(states: Tensor, index: number): BufferSlice {
    return storageOf(states).slice(index * this.stateStride * 4, this.size * 4);
  }

  gateSlice(gates: Tensor, t: number): BufferSlice {
    return storageOf(gates).slice(t * this.gateStride * 4, this.sizes.batch * this.gates * 4);
  }

  /** The params that both cell kernels take at time t. */
  params(t: number) {
    const { batch, width } = this.sizes;
    const previousAt = this.before(t) * this.stateStride;
    const nextAt = this.after(t) * this.stateStride;
    return { size: this.size, width, inputAt: t * batch * this.gates, previousAt, nextAt };
  }
}

/** x (T, B, GATES H): the input's part of the gates; weight (GATES H, H); bias (GATES H); the first state h, c (B, H). */
export type RecurrenceInputs = readonly [
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  h: Tensor,
  c: Tensor | undefined,
];

/** Results of the steps, each step aligned as in RecurrenceLayout. */
export interface RecurrenceBuffers {
  /** (T, B, GATES H), as the backward reads them; of one time only where no backward follows. */
  readonly gates: Tensor;
  /** (T + 1, B, H). */
  readonly hidden: Tensor;
  /** (T + 1, B, H); one unused element but for the LSTM. */
  readonly cells: Tensor;
}

/** Runs all steps. `keepsGates`: a backward will follow. */
export function runRecurrence(
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
    for (const t of layout.order) {
      const gatesAt = layout.gateSlice(gates, keepsGates ? t : 0);
      const a = layout.stateSlice(hidden, layout.before(t));
      runMatmul(device, { a, b, c: gatesAt, M: batch, N: layout.gates, K: width, transB: true, ...offset });
      const args = { gates: gatesAt, inputs, hidden: bindingOf(hidden), cells: bindingOf(cells), ...layout.params(t) };
      runtimeOf(device).run(recurrent_cell, args, strideGroups(device, layout.size), layout.overrides);
    }
    return { gates, hidden, cells };
  });
}

/** Memory for T + 1 states, with the one before the first step written. */
function statesFrom(first: Tensor, layout: RecurrenceLayout): Tensor {
  const states = empty(first.device, [layout.sizes.time + 1, layout.stateStride]);
  const start = layout.state(states, layout.first);
  copyInto(start, first);
  start.dispose();
  return states;
}

/** Inputs of the backward that the forward saved: its buffers, the weight, and x for the GRU. */
export interface SavedRecurrence extends RecurrenceBuffers {
  readonly weight: Tensor;
  readonly x: Tensor | undefined;
}

/** Gradients of the results: of the outputs (T, B, H) and of the last h and c (B, H), where there are any. */
export interface RecurrenceGradients {
  readonly output: Tensor | undefined;
  readonly last: readonly (Tensor | undefined)[];
}

/** Results of the backward, each step aligned as in RecurrenceLayout. */
export interface RecurrenceBackward {
  /** (2, B, H): of the first h, unless `needsStart` was false, and c. */
  readonly gradStart: Tensor;
  /** (T, B, GATES H): of the hidden state's part of the gates. */
  readonly gradGates: Tensor;
  /** (T, B, GATES H): of x. The same tensor as gradGates but for the GRU. */
  readonly gradInputs: Tensor;
}

/** Runs the steps in reverse: each reads what the later ones left in `gradStart` and leaves what the earlier ones read. */
export function runRecurrenceBackward(
  saved: SavedRecurrence,
  grads: RecurrenceGradients,
  layout: RecurrenceLayout,
  needsStart: boolean,
): RecurrenceBackward {
  const { device } = saved.weight;
  const { time, batch, width } = layout.sizes;
  const gradStart = empty(device, [2, layout.stateStride]);
  fill(gradStart, 0);
  const gradGates = empty(device, [time, layout.gateStride]);
  const gradInputs = saved.x ? empty(device, gradGates.shape) : gradGates;
  const results = { gradStart, gradGates, gradInputs };
  withScratch((scratch) => {
    for (const [i, g] of grads.last.entries()) if (g) copyInto(scratch.add(layout.state(gradStart, i)), g);
    const step = backwardStep(scratch, saved, grads.output, layout, results);
    const b = bindingOf(scratch.contiguous(saved.weight));
    const c = layout.stateSlice(gradStart, 0);
    for (const t of layout.order.toReversed()) {
      step(t);
      if (t === layout.order[0] && !needsStart) break;
      const a = layout.gateSlice(gradGates, t);
      runMatmul(device, { a, b, c, M: batch, N: width, K: layout.gates, accumulate: true });
    }
  });
  return results;
}

/** Returns the launch of the cell's backward at a time. */
function backwardStep(
  scratch: Scratch,
  { gates, hidden, cells, x }: SavedRecurrence,
  output: Tensor | undefined,
  layout: RecurrenceLayout,
  { gradStart, gradGates, gradInputs }: RecurrenceBackward,
): (t: number) => void {
  const { device } = gates;
  const { time, batch, width } = layout.sizes;
  const gradOutput = output ? scratch.contiguous(output) : scratch.empty(device, [time, batch, width]);
  if (!output) fill(gradOutput, 0);
  const inputs = x && bindingOf(scratch.contiguous(x));
  const unused = bindingOf(scratch.empty(device, [1]));
  const states = { hidden: bindingOf(hidden), cells: bindingOf(cells) };
  const shared = {
    ...states,
    gradOutput: bindingOf(gradOutput),
    carry: bindingOf(gradStart),
    cellAt: layout.stateStride,
  };
  return (t) => {
    const own = { gates: layout.gateSlice(gates, t), gradGates: layout.gateSlice(gradGates, t) };
    const args = {
      ...shared,
      ...own,
      inputs: inputs ?? own.gates,
      gradInputs: inputs ? layout.gateSlice(gradInputs, t) : unused,
      ...layout.params(t),
      outputAt: t * layout.size,
    };
    runtimeOf(device).run(recurrent_cell_backward, args, strideGroups(device, layout.size), layout.overrides);
  };
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
