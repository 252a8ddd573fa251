/** One layer of a recurrent network in one direction: its input projected at once, then the steps. */
import { elementAt } from "../elements.ts";
import { add } from "../ops/binary.ts";
import { cat, splitViews } from "../ops/cat-split.ts";
import { linear } from "../ops/linear.ts";
import { layerNorm } from "../ops/norm.ts";
import { type Cell, recurrence, type State, type Step, unroll } from "../ops/rnn.ts";
import { sizeAt } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The weights of one layer and direction. Norms are there with layer norm only; the biases are then the norms' own. */
export interface DirectionWeights {
  /** (GATES H, inputs). */
  readonly inputWeight: Tensor;
  /** (GATES H, H). */
  readonly hiddenWeight: Tensor;
  /** (GATES H), all below too but the cell's (H). */
  readonly inputBias: Tensor | undefined;
  readonly hiddenBias: Tensor | undefined;
  readonly norm: Tensor | undefined;
  readonly inputNorm: Tensor | undefined;
  readonly hiddenNorm: Tensor | undefined;
  readonly cellNorm: Tensor | undefined;
  readonly cellBias: Tensor | undefined;
}

/** x (T, B, inputs) to outputs (T, B, H) and the last state. */
export function runDirection(
  cell: Cell,
  x: Tensor,
  start: State,
  weights: DirectionWeights,
  reverse: boolean,
): [Tensor, State] {
  const { inputWeight, hiddenWeight, inputBias, hiddenBias, norm, inputNorm, hiddenNorm } = weights;
  if (norm) {
    const step = normedSum(weights, norm);
    return unroll(cell, linear(x, inputWeight), start, step, reverse);
  }
  if (!inputNorm || !hiddenNorm) {
    return recurrence(cell, linear(x, inputWeight, inputBias), hiddenWeight, hiddenBias, start, reverse);
  }
  const width = sizeAt(hiddenWeight.shape, 1);
  // The GRU's new gate is normalized separately: the reset gate stands between its two parts.
  const groups = cell === "gru" ? [2 * width, width] : [4 * width];
  const step: Step = {
    project: (h) => normedGroups(linear(h, hiddenWeight), hiddenNorm, hiddenBias, groups),
    show: (c) => (weights.cellNorm ? normed(c, weights.cellNorm, weights.cellBias) : c),
  };
  return unroll(cell, normedGroups(linear(x, inputWeight), inputNorm, inputBias, groups), start, step, reverse);
}

/** The plain RNN's norm is of the sum of both parts. */
function normedSum({ hiddenWeight, inputBias, hiddenBias }: DirectionWeights, norm: Tensor): Step {
  const bias = inputBias && hiddenBias && add(inputBias, hiddenBias);
  return { project: (h) => linear(h, hiddenWeight), join: (x, z) => normed(add(x, z), norm, bias) };
}

const normed = (x: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor =>
  layerNorm([x, weight, bias], { normalizedShape: weight.shape });

/** Layer norm over groups of the last dim, each by itself. */
function normedGroups(x: Tensor, weight: Tensor, bias: Tensor | undefined, groups: readonly number[]): Tensor {
  if (groups.length === 1) return normed(x, weight, bias);
  const [weights, biases] = [splitViews(weight, groups, 0), bias && splitViews(bias, groups, 0)];
  const parts = splitViews(x, groups, x.ndim - 1);
  return cat(
    parts.map((part, i) => normed(part, elementAt(weights, i), biases?.[i])),
    -1,
  );
}
