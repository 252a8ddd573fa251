/** Base of the recurrent layers: options, weights by PyTorch's names, layers and directions over a sequence. */
import {
  count,
  flag,
  integerIn,
  options as optionsOf,
  type Parameters,
  probability,
  type Signature,
  signature,
} from "../arguments.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { cat, sameLifetime, stack, unbind } from "../ops/cat-split.ts";
import { dropout } from "../ops/dropout.ts";
import { squeeze, transpose, unsqueeze } from "../ops/movement.ts";
import { type Cell, GATES } from "../ops/rnn.ts";
import { zeros } from "../tensor/create.ts";
import { sameShape, sizeAt } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { drawBlocks } from "./default-weight.ts";
import * as init from "./init.ts";
import { Module } from "./module.ts";
import { parameter } from "./parameter.ts";
import { type DirectionWeights, runDirection } from "./recurrent-direction.ts";

export interface RecurrentOptions {
  /** Layers on top of each other. Default 1. */
  numLayers?: number;
  /** Default true. */
  bias?: boolean;
  /** Inputs and outputs are (N, T, features) rather than (T, N, features). Default false. */
  batchFirst?: boolean;
  /** Probability of dropout between layers while training. Default 0. */
  dropout?: number;
  /** Adds a second run backwards through the sequence; outputs are concatenated. Default false. */
  bidirectional?: boolean;
  /** Layer norm of the gates, as in Ba, Kiros, Hinton 2016. Default false. */
  layerNorm?: boolean;
}

/** Each layer is a dozen tensors or so: more are a mistake, and would take all memory one by one. */
const MAX_LAYERS = 1024;

/** The arguments of the constructors; `more` are the options of one of them. */
/* @__NO_SIDE_EFFECTS__ */
export const recurrentSignature = (layer: string, more: Parameters = {}): Signature =>
  signature(layer, () => ({
    inputSize: count,
    hiddenSize: count,
    options: optionsOf({
      numLayers: integerIn(1, MAX_LAYERS),
      ...more,
      bias: flag,
      batchFirst: flag,
      dropout: probability,
      bidirectional: flag,
      layerNorm: flag,
    }),
  }));

/** Base of RNN, LSTM and GRU. */
export abstract class Recurrent extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly layerNorm: boolean;
  readonly #cell: Cell;

  constructor(cell: Cell, inputSize: number, hiddenSize: number, options: RecurrentOptions) {
    const { numLayers = 1, bias = true, batchFirst = false, dropout: p = 0 } = options;
    const { bidirectional = false, layerNorm = false } = options;
    super();
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.batchFirst = batchFirst;
    this.dropout = p;
    this.bidirectional = bidirectional;
    this.layerNorm = layerNorm;
    this.#cell = cell;
    for (const [i, suffix] of this.#suffixes().entries()) {
      const inputs = i < this.#directions ? inputSize : hiddenSize * this.#directions;
      for (const [name, weight] of Object.entries(this.#makeWeights(suffix, inputs, bias)))
        this.registerParameter(name, weight);
    }
  }

  get #directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  /** Suffixes of PyTorch's weight names: layer by layer, each forwards and then backwards. */
  #suffixes(): string[] {
    const ways = this.bidirectional ? ["", "_reverse"] : [""];
    return Array.from({ length: this.numLayers }, (_, i) => ways.map((way) => `_l${i}${way}`)).flat();
  }

  #makeWeights(suffix: string, inputs: number, bias: boolean): Record<string, Tensor> {
    const [cell, width] = [this.#cell, this.hiddenSize];
    const rows = GATES[cell] * width;
    const draw = (weight: Tensor) => drawBlocks(weight, GATES[cell], cell === "relu" ? { slope: 0 } : undefined);
    const made: Record<string, Tensor> = {
      weight_ih: parameter([rows, inputs], draw),
      weight_hh: parameter([rows, width], draw),
    };
    if (bias) for (const name of ["bias_ih", "bias_hh"]) made[name] = parameter([rows], init.zeros());
    if (this.layerNorm) {
      for (const name of GATES[cell] === 1 ? ["norm"] : ["norm_ih", "norm_hh"])
        made[name] = parameter([rows], init.ones());
      if (cell === "lstm") made.norm_cell = parameter([width], init.ones());
      if (cell === "lstm" && bias) made.bias_cell = parameter([width], init.zeros());
    }
    return Object.fromEntries(Object.entries(made).map(([name, tensor]) => [`${name}${suffix}`, tensor]));
  }

  #weights(suffix: string): DirectionWeights {
    const own = new Map(Object.entries(this).filter(([, value]) => value instanceof Tensor));
    const weight = (name: string): Tensor | undefined => own.get(`${name}${suffix}`);
    const [inputWeight, hiddenWeight] = [weight("weight_ih"), weight("weight_hh")];
    check(inputWeight && hiddenWeight, ArgumentError, () =>
      expected(this.constructor.name, `weight_ih${suffix}, weight_hh${suffix}`, "parameters", "no tensors"),
    );
    return {
      inputWeight,
      hiddenWeight,
      inputBias: weight("bias_ih"),
      hiddenBias: weight("bias_hh"),
      norm: weight("norm"),
      inputNorm: weight("norm_ih"),
      hiddenNorm: weight("norm_hh"),
      cellNorm: weight("norm_cell"),
      cellBias: weight("bias_cell"),
    };
  }

  /** The outputs, and the last state of every layer and direction: hidden, for the LSTM cell too. */
  protected run(x: Tensor, given: readonly Tensor[]): [Tensor, Tensor[]] {
    this.#check(x, given);
    const alone = x.ndim === 2;
    const byTime = alone ? unsqueeze(x, 1) : this.batchFirst ? transpose(x, 0, 1) : x;
    const starts = this.#starts(byTime, alone ? given.map((state) => unsqueeze(state, 1)) : given);
    const [y, ends] = this.#layers(byTime, starts);
    const states = starts.map((_, i) => {
      const state = stack(ends.map((end) => elementAt(end, i)));
      return alone ? squeeze(state, 1) : state;
    });
    const [output, ...last] = sameLifetime(alone ? squeeze(y, 1) : this.batchFirst ? transpose(y, 0, 1) : y, ...states);
    return [output, last];
  }

  /** The first states by kind (hidden, cell) and then by layer and direction. */
  #starts(x: Tensor, given: readonly Tensor[]): Tensor[][] {
    if (given.length > 0) return given.map((state) => unbind(state));
    const zero = zeros([sizeAt(x.shape, 1), this.hiddenSize], { device: x.device });
    const kinds = this.#cell === "lstm" ? 2 : 1;
    return Array.from({ length: kinds }, () => this.#suffixes().map(() => zero));
  }

  #layers(x: Tensor, starts: readonly Tensor[][]): [Tensor, Tensor[][]] {
    const ends: Tensor[][] = [];
    const suffixes = this.#suffixes();
    let y = x;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const input = y;
      const outputs = suffixes.slice(layer * this.#directions, (layer + 1) * this.#directions).map((suffix, way) => {
        const [h, c] = starts.map((states) => elementAt(states, ends.length)) as [Tensor, Tensor | undefined];
        const start = { h, ...(c && { c }) };
        const [output, end] = runDirection(this.#cell, input, start, this.#weights(suffix), way === 1);
        ends.push(end.c ? [end.h, end.c] : [end.h]);
        return output;
      });
      y = outputs.length > 1 ? cat(outputs, 2) : elementAt(outputs, 0);
      if (layer < this.numLayers - 1) y = dropout(y, this.dropout, this.training);
    }
    return [y, ends];
  }

  #check(x: Tensor, given: readonly Tensor[]): void {
    const { batchFirst, inputSize, hiddenSize, numLayers } = this;
    const layer = this.constructor.name;
    check(x instanceof Tensor && isFloat(x.dtype), DtypeError, () =>
      expected(layer, "x", "a float tensor", x?.dtype ?? x),
    );
    const form = batchFirst ? `(N, T, ${inputSize})` : `(T, N, ${inputSize})`;
    const fits = (x.ndim === 2 || x.ndim === 3) && x.shape[x.ndim - 1] === inputSize;
    check(fits, ShapeError, () => expected(layer, "x", `a shape ${form} or (T, ${inputSize})`, x));
    const at = x.ndim === 3 && batchFirst ? 1 : 0;
    check(sizeAt(x.shape, at) > 0, ShapeError, () => expected(layer, "x", "at least one time step", x));
    const wanted = [numLayers * this.#directions, ...(x.ndim === 3 ? [sizeAt(x.shape, 1 - at)] : []), hiddenSize];
    for (const state of given) {
      check(state instanceof Tensor && isFloat(state.dtype), ArgumentError, () =>
        expected(layer, "state", "float tensors", state),
      );
      check(sameShape(state.shape, wanted), ShapeError, () => expected(layer, "state", `shape [${wanted}]`, state));
    }
  }
}
