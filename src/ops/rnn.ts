/** A recurrent layer's steps, fused: a product and a kernel per step, and one product for the weight's gradient. */

import { AUTOCAST_MATMUL } from "../autograd/autocast.ts";
import { defineOp, type Op } from "../autograd/op.ts";
import type { BackwardContext, ForwardContext } from "../autograd/op-types.ts";
import { ALIGNMENT, type BufferSlice } from "../gpu/buffer-pool.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { recurrent_cell, recurrent_cell_backward } from "../gpu/shaders.generated.ts";
import { runMatmul } from "../kernels/matmul/run.ts";
import { contiguous, copyInto, fill } from "../tensor/copy.ts";
import { empty, type Tensor, view } from "../tensor/tensor.ts";
import { linear } from "./linear.ts";
import { type Cell, GATES, type State, unroll } from "./rnn-steps.ts";

interface Attrs {
  readonly cell: Cell;
  readonly reverse: boolean;
  readonly time: number;
  readonly batch: number;
  readonly width: number;
}

type RecurrenceInputs = [x: Tensor, weight: Tensor, bias: Tensor | undefined, h: Tensor, c: Tensor | undefined];

const CELLS: Readonly<Record<Cell, number>> = { tanh: 0, relu: 1, lstm: 2, gru: 3 };

/** How many f32 a step takes in a buffer of which every step can be bound. */
const padded = (size: number): number => Math.ceil((size * 4) / ALIGNMENT) * (ALIGNMENT / 4);

/** Sizes of a run, and where its steps lie: gates by time, states before and after them in a buffer of T + 1. */
class Layout {
  readonly attrs: Attrs;
  readonly gates: number;
  readonly size: number;
  readonly stride: number;
  readonly gateStride: number;
  readonly overrides: { readonly CELL: number; readonly GATES: number };
  /** Times in the order of the steps. */
  readonly order: readonly number[];

  constructor(attrs: Attrs) {
    const { cell, reverse, time, batch, width } = attrs;
    this.attrs = attrs;
    this.gates = GATES[cell] * width;
    this.size = batch * width;
    this.stride = padded(this.size);
    this.gateStride = padded(batch * this.gates);
    this.overrides = { CELL: CELLS[cell], GATES: GATES[cell] };
    this.order = Array.from({ length: time }, (_, s) => (reverse ? time - 1 - s : s));
  }

  /** Where the state before time t lies among the T + 1. */
  before(t: number): number {
    return this.attrs.reverse ? t + 1 : t;
  }

  after(t: number): number {
    return this.attrs.reverse ? t : t + 1;
  }

  /** One state of T + 1. */
  state(buffer: Tensor, place: number): Tensor {
    const { batch, width } = this.attrs;
    return view(buffer, [batch, width], [width, 1], place * this.stride);
  }

  /** The T states (T, B, H) from the first place on, or from the second. */
  states(buffer: Tensor, first: number): Tensor {
    const { time, batch, width } = this.attrs;
    return view(buffer, [time, batch, width], [this.stride, width, 1], first * this.stride);
  }

  /** All gates (T, B, GATES H). */
  allGates(buffer: Tensor): Tensor {
    const { time, batch } = this.attrs;
    return view(buffer, [time, batch, this.gates], [this.gateStride, this.gates, 1], 0);
  }

  gatesAt(buffer: Tensor, place: number): BufferSlice {
    return buffer.storage.slice(place * this.gateStride * 4, this.attrs.batch * this.gates * 4);
  }

  /** The params that both kernels have. */
  params(t: number) {
    const [previousAt, nextAt] = [this.before(t) * this.stride, this.after(t) * this.stride];
    return { size: this.size, width: this.attrs.width, inputAt: t * this.attrs.batch * this.gates, previousAt, nextAt };
  }
}

/** Room for T + 1 states, with the first (in the order of the steps) in its place. */
function room(ctx: ForwardContext, first: Tensor, at: Layout): Tensor {
  const buffer = ctx.disposeAfterForward(empty(ctx.device, [at.attrs.time + 1, at.stride]));
  copyInto(ctx.disposeAfterForward(at.state(buffer, at.before(at.order[0] as number))), first);
  return buffer;
}

const recurrenceOp: Op<Attrs, Tensor[]> = defineOp<Attrs, Tensor[]>({
  name: "recurrence",
  ...AUTOCAST_MATMUL,
  forward(ctx, [x, weight, bias, h, c]: RecurrenceInputs, attrs) {
    const { device } = ctx;
    const at = new Layout(attrs);
    const [inputs, matrix] = [ctx.disposeAfterForward(contiguous(x)), ctx.disposeAfterForward(contiguous(weight))];
    const offset = bias && ctx.disposeAfterForward(contiguous(bias));
    const hidden = room(ctx, h, at);
    const cells = c ? room(ctx, c, at) : ctx.disposeAfterForward(empty(device, [1]));
    // Without a backward to come, all steps use one place.
    const kept = ctx.needsInputGrad.some(Boolean);
    const gates = ctx.disposeAfterForward(empty(device, [kept ? attrs.time : 1, at.gateStride]));
    const bindings = { inputs: inputs.binding, hidden: hidden.binding, cells: cells.binding };
    for (const t of at.order) {
      const place = at.gatesAt(gates, kept ? t : 0);
      const a = hidden.storage.slice(at.before(t) * at.stride * 4, at.size * 4);
      const sizes = { M: attrs.batch, N: at.gates, K: attrs.width, transB: true };
      runMatmul(device, { a, b: matrix.binding, c: place, ...sizes, ...(offset && { bias: offset.binding }) });
      const args = { gates: place, ...bindings, ...at.params(t) };
      device.run(recurrent_cell, args, strideGroups(device, at.size), at.overrides);
    }
    ctx.save(weight, gates, hidden, cells, ...(attrs.cell === "gru" ? [x] : []));
    const last = at.after(at.order[attrs.time - 1] as number);
    return [at.states(hidden, at.after(0)), at.state(hidden, last), ...(c ? [at.state(cells, last)] : [])];
  },
  backward(ctx, gradOutput: Tensor | undefined, ...gradEnds: (Tensor | undefined)[]) {
    const at = new Layout(ctx.attrs);
    const carry = empty(ctx.device, [2, at.stride]);
    fill(carry, 0);
    for (const [i, g] of gradEnds.entries()) if (g) copyInto(at.state(carry, i), g);
    const gradGates = empty(ctx.device, [at.attrs.time, at.gateStride]);
    const gradInputs = ctx.attrs.cell === "gru" ? empty(ctx.device, gradGates.shape) : gradGates;
    goBack(ctx, at, gradOutput, { carry, gradGates, gradInputs });
    const gradX = ctx.needsInputGrad[0] ? at.allGates(gradInputs) : undefined;
    const gradStart = [0, 1].map((i) => (ctx.needsInputGrad[3 + i] ? at.state(carry, i) : undefined));
    return [gradX, ...weightGradients(ctx, at, gradGates), ...gradStart];
  },
  decomposition([x, weight, bias, h, c]: RecurrenceInputs, { cell, reverse }) {
    const project = (one: Tensor) => linear(one, weight, bias);
    const [output, last] = unroll(cell, x, { h, ...(c && { c }) }, { project }, reverse);
    return [output, last.h, ...(last.c ? [last.c] : [])];
  },
});

interface Gradients {
  /** Of the state that the steps hand on: hidden, then cell. */
  readonly carry: Tensor;
  readonly gradGates: Tensor;
  /** The same as gradGates but for the GRU. */
  readonly gradInputs: Tensor;
}

/** The steps in reverse: each takes what the later ones left in `carry`, and leaves what the earlier ones get. */
function goBack(ctx: BackwardContext<Attrs>, at: Layout, gradOutput: Tensor | undefined, grads: Gradients): void {
  const { device } = ctx;
  const [weight, gates, hidden, cells, x] = ctx.saved as [Tensor, Tensor, Tensor, Tensor, Tensor | undefined];
  const { time, batch, width } = ctx.attrs;
  const [matrix, inputs] = [contiguous(weight), x && contiguous(x)];
  const gradY = gradOutput ? contiguous(gradOutput) : empty(device, [time, batch, width]);
  if (!gradOutput) fill(gradY, 0);
  const unused = empty(device, [1]).binding;
  const bindings = { hidden: hidden.binding, cells: cells.binding, gradOutput: gradY.binding };
  for (const t of at.order.toReversed()) {
    const [place, gradPlace] = [at.gatesAt(gates, t), at.gatesAt(grads.gradGates, t)];
    const own = inputs
      ? { inputs: inputs.binding, gradInputs: at.gatesAt(grads.gradInputs, t) }
      : { inputs: place, gradInputs: unused };
    const args = { ...bindings, ...own, gates: place, carry: grads.carry.binding, gradGates: gradPlace };
    const params = { ...at.params(t), outputAt: t * at.size, cellAt: at.stride };
    device.run(recurrent_cell_backward, { ...args, ...params }, strideGroups(device, at.size), at.overrides);
    if (t === at.order[0] && !ctx.needsInputGrad[3]) break;
    const c = grads.carry.storage.slice(0, at.size * 4);
    runMatmul(device, { a: gradPlace, b: matrix.binding, c, M: batch, N: width, K: at.gates, accumulate: true });
  }
}

/** Of the weight and the bias, for all times in one product. */
function weightGradients(ctx: BackwardContext<Attrs>, at: Layout, gradGates: Tensor): (Tensor | undefined)[] {
  if (!ctx.needsInputGrad[1] && !ctx.needsInputGrad[2]) return [undefined, undefined];
  const { time, batch, width } = ctx.attrs;
  const g = contiguous(at.allGates(gradGates));
  const h = contiguous(at.states(ctx.saved[2] as Tensor, at.before(0)));
  const weightGrad = ctx.gradSlot(1) ?? empty(ctx.device, [at.gates, width]);
  const biasGrad = ctx.needsInputGrad[2] ? (ctx.gradSlot(2) ?? empty(ctx.device, [at.gates])) : undefined;
  runMatmul(ctx.device, {
    a: g.binding,
    b: h.binding,
    c: weightGrad.binding,
    M: at.gates,
    N: width,
    K: time * batch,
    transA: true,
    ...(biasGrad && { biasGrad: biasGrad.binding }),
  });
  return [weightGrad, biasGrad];
}

/**
 * All steps of x (T, B, GATES H), the input's part of the gates; weight (GATES H, H) and bias (GATES H) make the hidden
 * state's. Gives the outputs (T, B, H) and the last state.
 */
export function recurrence(
  cell: Cell,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  { h, c }: State,
  reverse: boolean,
): [Tensor, State] {
  const [time, batch] = x.shape as [number, number];
  const width = weight.shape[1] as number;
  const results = recurrenceOp([x, weight, bias, h, c], { cell, reverse, time, batch, width });
  const [output, lastH, lastC] = results as [Tensor, Tensor, Tensor | undefined];
  return [output, { h: lastH, ...(lastC && { c: lastC }) }];
}
