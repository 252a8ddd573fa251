/** Recurrent layers: all time steps as one fused op, and step by step in plain differentiable ops. */
import { AUTOCAST_MATMUL } from "../autograd/autocast.ts";
import { defineOp, type Op } from "../autograd/op.ts";
import type { BackwardContext } from "../autograd/op-types.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import type { RecurrenceKernels } from "../gpu/launch-policy.ts";
import { type Cell, type RecurrenceInputs, RecurrenceLayout, type RecurrenceSizes } from "../kernels/rnn/layout.ts";
import { runRecurrence, runRecurrenceBackward, runRecurrenceGradWeight } from "../kernels/rnn/run.ts";
import { sizeAt } from "../tensor/shape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { add, mul, sub } from "./binary.ts";
import { splitViews, stack, unbind } from "./cat-split.ts";
import { linear } from "./linear.ts";
import { relu, sigmoid, tanh } from "./unary.ts";

export { type Cell, GATES } from "../kernels/rnn/layout.ts";

/** The learned parts of a step. */
export interface Step {
  /** Maps h (B, H) to its part of the gates (B, GATES H). */
  project(h: Tensor): Tensor;
  /** Combines the input's and the hidden state's part; default `add`. Not called for the GRU, whose reset gate stands between. */
  join?(x: Tensor, z: Tensor): Tensor;
  /** Maps the LSTM's cell before its tanh and the output gate. Default: as it is. */
  show?(c: Tensor): Tensor;
}

/** The state after a step, h (B, H); the LSTM has a cell c (B, H) too. */
export interface State {
  readonly h: Tensor;
  readonly c?: Tensor;
}

/** One step; x (B, GATES H) is the input's part of the gates. */
function next(cell: Cell, x: Tensor, { h, c }: State, { project, join = add, show = (one) => one }: Step): State {
  const z = project(h);
  const width = sizeAt(h.shape, 1);
  if (cell === "tanh") return { h: tanh(join(x, z)) };
  if (cell === "relu") return { h: relu(join(x, z)) };
  if (cell === "gru") return { h: nextGru(x, z, h, width) };
  const [input, forget, candidate, output] = splitViews(join(x, z), [width, width, width, width], 1);
  check(c, ArgumentError, () => expected(cell, "state", "a cell beside the hidden state", "none"));
  const kept = add(mul(sigmoid(forget), c), mul(sigmoid(input), tanh(candidate)));
  return { h: mul(sigmoid(output), tanh(show(kept))), c: kept };
}

function nextGru(x: Tensor, z: Tensor, h: Tensor, width: number): Tensor {
  const [xGates, xNew] = splitViews(x, [2 * width, width], 1);
  const [zGates, zNew] = splitViews(z, [2 * width, width], 1);
  const [reset, update] = splitViews(sigmoid(add(xGates, zGates)), [width, width], 1);
  const candidate = tanh(add(xNew, mul(reset, zNew)));
  return add(candidate, mul(update, sub(h, candidate)));
}

/**
 * All steps of x (T, B, GATES H) in plain differentiable ops, for any cell with or without norms: outputs (T, B, H) and the
 * last state. `reverse`: from the last time to the first.
 */
export function unroll(cell: Cell, x: Tensor, start: State, step: Step, reverse: boolean): [Tensor, State] {
  const steps = unbind(x);
  if (reverse) steps.reverse();
  let state = start;
  const outputs = steps.map((one) => {
    state = next(cell, one, state, step);
    return state.h;
  });
  if (reverse) outputs.reverse();
  return [stack(outputs), state];
}

/** weight, gates, hidden, cells, and x for the GRU. */
type Saved = [weight: Tensor, gates: Tensor, hidden: Tensor, cells: Tensor, x?: Tensor];

const recurrenceOp: Op<RecurrenceSizes, Tensor[]> = defineOp<RecurrenceSizes, Tensor[], Saved>({
  name: "recurrence",
  ...AUTOCAST_MATMUL,
  forward(ctx, inputs: RecurrenceInputs, sizes) {
    const [x, weight, , , c] = inputs;
    const layout = new RecurrenceLayout(sizes);
    const { gates, hidden, cells } = runRecurrence(inputs, layout, ctx.needsInputGrad.some(Boolean));
    for (const buffer of [gates, hidden, cells]) ctx.disposeAfterForward(buffer);
    if (sizes.cell === "gru") ctx.save(weight, gates, hidden, cells, x);
    else ctx.save(weight, gates, hidden, cells);
    const last = (states: Tensor) => layout.state(states, layout.last);
    return [layout.statesAfter(hidden), last(hidden), ...(c ? [last(cells)] : [])];
  },
  backward(ctx, gradOutput: Tensor | undefined, ...gradLast: (Tensor | undefined)[]) {
    const [weight, gates, hidden, cells, x] = ctx.saved;
    const [needsX, , , needsH, needsC] = ctx.needsInputGrad;
    const layout = new RecurrenceLayout(ctx.attrs);
    const saved = { weight, gates, hidden, cells, x };
    const grads = { output: gradOutput, last: gradLast };
    const { gradStart, gradGates, gradInputs } = runRecurrenceBackward(saved, grads, layout, needsH === true);
    return [
      needsX ? layout.allGates(gradInputs) : undefined,
      ...affineGradients(ctx, layout, gradGates, hidden),
      needsH ? layout.state(gradStart, 0) : undefined,
      needsC ? layout.state(gradStart, 1) : undefined,
    ];
  },
  decomposition([x, weight, bias, h, c]: RecurrenceInputs, { cell, reverse }) {
    const project = (one: Tensor) => linear(one, weight, bias);
    const [output, last] = unroll(cell, x, { h, ...(c && { c }) }, { project }, reverse);
    return [output, last.h, ...(last.c ? [last.c] : [])];
  },
});

/** The gradients of weight and bias, where one is needed. */
function affineGradients(
  ctx: BackwardContext<RecurrenceSizes, Saved>,
  layout: RecurrenceLayout,
  gradGates: Tensor,
  hidden: Tensor,
): [gradWeight: Tensor | undefined, gradBias: Tensor | undefined] {
  const [, needsWeight, needsBias] = ctx.needsInputGrad;
  if (!needsWeight && !needsBias) return [undefined, undefined];
  const gradWeight = ctx.gradSlot(1) ?? empty(ctx.device, [layout.gates, ctx.attrs.width]);
  const gradBias = needsBias ? (ctx.gradSlot(2) ?? empty(ctx.device, [layout.gates])) : undefined;
  runRecurrenceGradWeight(gradGates, hidden, layout, gradWeight, gradBias);
  return [gradWeight, gradBias];
}

/**
 * All steps of x (T, B, GATES H), the input's part of the gates, as one op; weight (GATES H, H) and bias (GATES H) give the
 * hidden state's part. Returns the outputs (T, B, H) and the last state. `kernels` is for tests.
 */
export function recurrence(
  cell: Cell,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  { h, c }: State,
  reverse: boolean,
  kernels?: RecurrenceKernels,
): [Tensor, State] {
  const [time = 0, batch = 0] = x.shape;
  const width = sizeAt(weight.shape, 1);
  const results = recurrenceOp([x, weight, bias, h, c], { cell, reverse, time, batch, width, kernels });
  const [output, lastH, lastC] = results as [Tensor, Tensor, Tensor?];
  return [output, { h: lastH, ...(lastC && { c: lastC }) }];
}
