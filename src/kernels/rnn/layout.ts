/** The memory layout of a recurrent layer's steps, and the operands of its kernels. */

import { ALIGNMENT, type BufferSlice } from "../../gpu/buffer-pool.ts";
import type { RecurrenceKernels } from "../../gpu/launch-policy.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { copyInto, fill } from "../../tensor/copy.ts";
import type { Scratch } from "../../tensor/scratch.ts";
import { empty, storageOf, type Tensor, view } from "../../tensor/tensor.ts";

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
  /** For tests: the kernels, where not those that the launch policy names. */
  readonly kernels?: RecurrenceKernels | undefined;
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

  /** The params that both cell kernels take at time t, in Elements of `element` units. */
  params(t: number, element: number) {
    const { batch, width } = this.sizes;
    const previousAt = (this.before(t) * this.stateStride) / element;
    const nextAt = (this.after(t) * this.stateStride) / element;
    const inputAt = (t * batch * this.gates) / element;
    return { size: this.size / element, width: width / element, inputAt, previousAt, nextAt };
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

/** Memory for T + 1 states, with the one before the first step written. */
export function statesFrom(first: Tensor, layout: RecurrenceLayout): Tensor {
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

/** Memory for the results of the backward, with the gradients of the last state in `gradStart`. */
export function backwardResults(
  scratch: Scratch,
  { weight, x }: SavedRecurrence,
  { last }: RecurrenceGradients,
  layout: RecurrenceLayout,
): RecurrenceBackward {
  const { device } = weight;
  const gradStart = empty(device, [2, layout.stateStride]);
  fill(gradStart, 0);
  const gradGates = empty(device, [layout.sizes.time, layout.gateStride]);
  const gradInputs = x ? empty(device, gradGates.shape) : gradGates;
  for (const [i, g] of last.entries()) if (g) copyInto(scratch.add(layout.state(gradStart, i)), g);
  return { gradStart, gradGates, gradInputs };
}

/** The bindings that the backward's kernels share: whole buffers. */
export function backwardBindings(
  scratch: Scratch,
  { hidden, cells, x }: SavedRecurrence,
  { output }: RecurrenceGradients,
  layout: RecurrenceLayout,
  { gradStart }: RecurrenceBackward,
) {
  const { time, batch, width } = layout.sizes;
  const { device } = hidden;
  const gradOutput = output ? scratch.contiguous(output) : scratch.empty(device, [time, batch, width]);
  if (!output) fill(gradOutput, 0);
  const memory = bindingOf(x ? scratch.contiguous(x) : cells);
  return { hidden: bindingOf(hidden), memory, gradOutput: bindingOf(gradOutput), carry: bindingOf(gradStart) };
}
