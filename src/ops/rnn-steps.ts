/** Recurrent layers step by step, in plain differentiable operations: any cell, with or without norms. */
import type { Tensor } from "../tensor/tensor.ts";
import { add, mul, sub } from "./binary.ts";
import { stack } from "./cat-split.ts";
import { splitViews, unbind } from "./split.ts";
import { relu, sigmoid, tanh } from "./unary.ts";

export type Cell = "tanh" | "relu" | "lstm" | "gru";

/** Rows of a weight per hidden unit. LSTM: input, forget, cell, output; GRU: reset, update, new. */
export const GATES: Readonly<Record<Cell, number>> = { tanh: 1, relu: 1, lstm: 4, gru: 3 };

/** The learned parts of a step. */
export interface Step {
  /** h (B, H) to its part of the gates (B, GATES H). */
  project(h: Tensor): Tensor;
  /** The input's and the hidden state's part together; not for the GRU, whose reset gate stands between. */
  join?(x: Tensor, z: Tensor): Tensor;
  /** What of the LSTM's cell is shown to the output gate. */
  show?(c: Tensor): Tensor;
}

/** The state after each step: the LSTM has a cell. */
export interface State {
  readonly h: Tensor;
  readonly c?: Tensor;
}

/** One step: x (B, GATES H) is the input's part of the gates. */
function next(cell: Cell, x: Tensor, { h, c }: State, { project, join = add, show = (one) => one }: Step): State {
  const z = project(h);
  const width = h.shape[1] as number;
  if (cell === "tanh") return { h: tanh(join(x, z)) };
  if (cell === "relu") return { h: relu(join(x, z)) };
  if (cell === "gru") return { h: nextGru(x, z, h, width) };
  const parts = splitViews(join(x, z), [width, width, width, width], 1);
  const [input, forget, candidate, output] = parts as [Tensor, Tensor, Tensor, Tensor];
  const kept = add(mul(sigmoid(forget), c as Tensor), mul(sigmoid(input), tanh(candidate)));
  return { h: mul(sigmoid(output), tanh(show(kept))), c: kept };
}

function nextGru(x: Tensor, z: Tensor, h: Tensor, width: number): Tensor {
  const [xGates, xNew] = splitViews(x, [2 * width, width], 1) as [Tensor, Tensor];
  const [zGates, zNew] = splitViews(z, [2 * width, width], 1) as [Tensor, Tensor];
  const [reset, update] = splitViews(sigmoid(add(xGates, zGates)), [width, width], 1) as [Tensor, Tensor];
  const candidate = tanh(add(xNew, mul(reset, zNew)));
  return add(candidate, mul(update, sub(h, candidate)));
}

/** All steps of x (T, B, GATES H), in reverse order of time if wanted: outputs (T, B, H) and the last state. */
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
