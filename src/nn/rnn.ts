/** The recurrent layers: Elman's, LSTM and GRU. Weights have PyTorch's names (`weight_ih_l0`, `bias_hh_l1_reverse`) and gate orders. */
import { listOf, maybe, oneOf, signature } from "../arguments.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import { tensorArgument } from "../tensor/arguments.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Recurrent, type RecurrentOptions, recurrentSignature } from "./recurrent.ts";

export interface RNNOptions extends RecurrentOptions {
  /** Default "tanh". */
  nonlinearity?: "tanh" | "relu";
}

const checkRnn = /* @__PURE__ */ recurrentSignature("RNN", { nonlinearity: /* @__PURE__ */ oneOf("tanh", "relu") });
const checkLstm = /* @__PURE__ */ recurrentSignature("LSTM");
const checkGru = /* @__PURE__ */ recurrentSignature("GRU");
const states = { x: tensorArgument, h: /* @__PURE__ */ maybe(tensorArgument) };
const checkRnnInputs = /* @__PURE__ */ signature("RNN", () => states);
const checkGruInputs = /* @__PURE__ */ signature("GRU", () => states);
const checkLstmInputs = /* @__PURE__ */ signature("LSTM", () => ({
  x: tensorArgument,
  state: maybe(listOf("a list [h, c]", tensorArgument, 2)),
}));

/** `h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`. Elman 1990. */
export class RNN extends Recurrent {
  readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    checkRnn(arguments);
    const { nonlinearity = "tanh" } = options;
    super(nonlinearity, inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearity;
  }

  /**
   * [output, h]. x (T, N, inputSize), with batchFirst (N, T, inputSize), or (T, inputSize); output like x with
   * hiddenSize features per direction; h, zero unless given, (numLayers * directions, N, hiddenSize).
   */
  override forward(x: Tensor, h?: Tensor): [Tensor, Tensor] {
    checkRnnInputs(arguments);
    const [output, states] = this.run(x, h ? [h] : []);
    return [output, elementAt(states, 0)];
  }
}

/**
 * `c' = f c + i g`, `h' = o tanh(c')` with input, forget and output gates i, f, o = sigmoid and g = tanh of
 * `W_ih x + b_ih + W_hh h + b_hh`, in the order i, f, g, o. Hochreiter and Schmidhuber 1997; Gers et al. 2000.
 */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    checkLstm(arguments);
    super("lstm", inputSize, hiddenSize, options);
  }

  /** [output, [h, c]], shapes as in RNN; both states are zero unless given. */
  override forward(x: Tensor, state?: readonly [h: Tensor, c: Tensor]): [Tensor, [Tensor, Tensor]] {
    checkLstmInputs(arguments);
    check(state === undefined || (Array.isArray(state) && state.length === 2), ArgumentError, () =>
      expected("LSTM", "state", "a list [h, c]", state),
    );
    const [output, [h, c]] = this.run(x, state ?? []) as [Tensor, [Tensor, Tensor]];
    return [output, [h, c]];
  }
}

/**
 * `h' = (1 - z) n + z h` with gates r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh) and
 * `n = tanh(W_in x + b_in + r (W_hn h + b_hn))`, in the order r, z, n. Cho et al. 2014.
 */
export class GRU extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    checkGru(arguments);
    super("gru", inputSize, hiddenSize, options);
  }

  /** [output, h], shapes as in RNN. */
  override forward(x: Tensor, h?: Tensor): [Tensor, Tensor] {
    checkGruInputs(arguments);
    const [output, states] = this.run(x, h ? [h] : []);
    return [output, elementAt(states, 0)];
  }
}
