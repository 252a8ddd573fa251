/** Recurrent layers: ONNX's gates in PyTorch's order. */
import { cat, nn, noGrad, type Tensor } from "gradwell";
import type { Call, Operator, Operators } from "../call.ts";
import { leaveOut } from "../value.ts";

interface Cell {
  readonly layer: (inputs: number, hidden: number) => nn.RNN | nn.LSTM | nn.GRU;
  /** For each of the library's gates the index of the same gate in ONNX's order. */
  readonly gates: readonly number[];
  /** Leaves out what the layer does not compute. */
  readonly check?: (call: Call) => Promise<void>;
}

const inputs = { x: 0, weight: 1, hiddenWeight: 2, bias: 3, lengths: 4, h: 5, c: 6, peepholes: 7 } as const;

async function checkCommon(call: Call): Promise<void> {
  const direction = call.text("direction", "forward");
  if (direction !== "forward") leaveOut(`direction ${direction}: not in the table of calls`);
  for (const name of ["activations", "clip"])
    if (call.attribute(name) !== undefined) leaveOut(`${name}: the layers have none`);
  if (call.has(inputs.peepholes)) leaveOut("peepholes: nn.LSTM has none");
  const steps = call.x.shape[call.flag("layout") ? 1 : 0];
  const lengths = await call.numbers(inputs.lengths);
  if (lengths?.some((length) => length !== steps)) leaveOut("sequences of different lengths in one batch");
}

/**
 * ONNX's default GRU resets the state before the product, PyTorch's and ours after it. Over one step from a zero state
 * without bias the two are the same function.
 */
async function checkReset(call: Call): Promise<void> {
  if (call.flag("linear_before_reset")) return;
  const bias = (await call.numbers(inputs.bias)) ?? [];
  const isOneStep = call.x.shape[call.flag("layout") ? 1 : 0] === 1 && !call.has(inputs.h);
  if (!isOneStep || bias.slice((bias.length * 5) / 6).some((value) => value !== 0))
    leaveOut("linear_before_reset = 0: nn.GRU is PyTorch's, with 1");
}

/** Rows of gates in our order. */
const inOrder = (rows: Tensor, gates: readonly number[]): Tensor => {
  const parts = rows.chunk(gates.length, 0);
  return cat(gates.map((gate) => parts[gate]!));
};

function weightsOf(call: Call, gates: readonly number[]): Record<string, Tensor> {
  const [input, hidden, bias] = [
    call.tensor(inputs.weight),
    call.tensor(inputs.hiddenWeight),
    call.optional(inputs.bias),
  ];
  const [ofInput, ofHidden] = bias ? bias.squeeze(0).chunk(2, 0) : [];
  return {
    weight_ih_l0: inOrder(input.squeeze(0), gates),
    weight_hh_l0: inOrder(hidden.squeeze(0), gates),
    ...(ofInput && ofHidden && { bias_ih_l0: inOrder(ofInput, gates), bias_hh_l0: inOrder(ofHidden, gates) }),
  };
}

const recurrent =
  ({ layer: make, gates, check }: Cell): Operator =>
  async (call) => {
    await checkCommon(call);
    await check?.(call);
    const isBatchFirst = call.flag("layout");
    const layer = make(call.x.shape[2]!, call.real("hidden_size", 0));
    layer.loadStateDict(weightsOf(call, gates), { strict: call.has(inputs.bias) });
    return noGrad(() => {
      const x = isBatchFirst ? call.x.transpose(0, 1) : call.x;
      const [output, state] = layer.forward(x, ...(statesOf(call, layer) as [never]));
      // (T, N, H) with a dim of directions; the last state has one already.
      const results = [output.unsqueeze(1), ...[state].flat()];
      if (!isBatchFirst) return results;
      return [results[0]!.permute([2, 0, 1, 3]), ...results.slice(1).map((one) => one.transpose(0, 1))];
    });
  };

/** The first states as the layer takes them. */
function statesOf(call: Call, layer: nn.Module): unknown[] {
  const states = [call.optional(inputs.h), call.optional(inputs.c)].map((state) =>
    state && call.flag("layout") ? state.transpose(0, 1) : state,
  );
  if (!states[0]) return [];
  return layer instanceof nn.LSTM ? [states] : [states[0]];
}

export const recurrentLayers: Operators = {
  RNN: recurrent({ layer: (...sizes) => new nn.RNN(...sizes), gates: [0] }),
  // i, o, f, c for ONNX; i, f, c, o here.
  LSTM: recurrent({ layer: (...sizes) => new nn.LSTM(...sizes), gates: [0, 2, 3, 1] }),
  // z, r, h for ONNX; r, z, h here.
  GRU: recurrent({ layer: (...sizes) => new nn.GRU(...sizes), gates: [1, 0, 2], check: checkReset }),
};
