/** Losses, Adam and a small network in float64. */
import { ADAM, type Arrays, layersOf, type Work } from "./work.ts";

export function sums(
  count: number,
  indexOf: (i: number) => number,
  length: number,
  term: (i: number) => number,
): Float64Array {
  const totals = new Float64Array(count);
  for (let i = 0; i < length; i++) (totals[indexOf(i)] as number) += term(i);
  return totals;
}

export function crossEntropy(
  logits: Float64Array,
  labels: Int32Array,
  classes: number,
): { loss: number; gradLogits: Float64Array } {
  const gradLogits = new Float64Array(logits.length);
  let loss = 0;
  labels.forEach((label, row) => {
    const values = logits.subarray(row * classes, (row + 1) * classes);
    const most = values.reduce((a, b) => Math.max(a, b));
    const total = values.reduce((sum, value) => sum + Math.exp(value - most), 0);
    loss += (Math.log(total) + most - (values[label] as number)) / labels.length;
    values.forEach((value, i) => {
      gradLogits[row * classes + i] = (Math.exp(value - most) / total - (i === label ? 1 : 0)) / labels.length;
    });
  });
  return { loss, gradLogits };
}

export class AdamState {
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  readonly param: Float64Array;
  #steps = 0;

  constructor(param: Float64Array) {
    this.param = param;
    this.#first = new Float64Array(param.length);
    this.#second = new Float64Array(param.length);
  }

  step(grad: Float64Array): void {
    const { lr, beta1, beta2, eps } = ADAM;
    const t = ++this.#steps;
    grad.forEach((g, i) => {
      const first = beta1 * (this.#first[i] as number) + (1 - beta1) * g;
      const second = beta2 * (this.#second[i] as number) + (1 - beta2) * g * g;
      [this.#first[i], this.#second[i]] = [first, second];
      (this.param[i] as number) -= (lr * (first / (1 - beta1 ** t))) / (Math.sqrt(second / (1 - beta2 ** t)) + eps);
    });
  }
}

/** Some training steps of an MLP: the loss of the last one, and the parameters after it. */
export function mlpSteps(
  work: Work & { kind: "mlp" },
  inputs: Arrays,
  steps: number,
): { loss: number; params: Layer[] } {
  const layers = layersOf(work.widths);
  const state = (name: string) => new AdamState(Float64Array.from(inputs[name] as Float32Array));
  const states = layers.map((_, i) => ({ weight: state(`weight${i}`), bias: state(`bias${i}`) }));
  const params = states.map(({ weight, bias }) => ({ weight: weight.param, bias: bias.param }));
  const x = Float64Array.from(inputs.x as Float32Array);
  let loss = 0;
  for (let t = 0; t < steps; t++) {
    const result = mlpGradients(layers, params, x, inputs.labels as Int32Array);
    loss = result.loss;
    states.forEach(({ weight, bias }, i) => {
      weight.step(result.grads[i]?.weight as Float64Array);
      bias.step(result.grads[i]?.bias as Float64Array);
    });
  }
  return { loss, params };
}

/** weight (out, in). */
export interface Layer {
  weight: Float64Array;
  bias: Float64Array;
}

function mlpGradients(
  layers: [number, number][],
  params: Layer[],
  x: Float64Array,
  labels: Int32Array,
): { loss: number; grads: Layer[] } {
  const batch = labels.length;
  const activations = [x];
  layers.forEach(([fanIn, fanOut], l) => {
    const { weight, bias } = params[l] as Layer;
    const [input, output] = [activations[l] as Float64Array, new Float64Array(batch * fanOut)];
    eachTriple(
      batch,
      fanOut,
      fanIn,
      (r, o, i) =>
        ((output[r * fanOut + o] as number) += (weight[o * fanIn + i] as number) * (input[r * fanIn + i] as number)),
    );
    const last = l === layers.length - 1;
    activations.push(
      output.map((sum, i) =>
        last ? sum + (bias[i % fanOut] as number) : Math.max(0, sum + (bias[i % fanOut] as number)),
      ),
    );
  });
  const classes = layers.at(-1)?.[1] as number;
  const { loss, gradLogits } = crossEntropy(activations.at(-1) as Float64Array, labels, classes);
  const grads: Layer[] = [];
  let grad = gradLogits;
  for (let l = layers.length - 1; l >= 0; l--) {
    const [fanIn, fanOut] = layers[l] as [number, number];
    const input = activations[l] as Float64Array;
    const { weight } = params[l] as Layer;
    const [gradWeight, gradInput] = [new Float64Array(weight.length), new Float64Array(input.length)];
    eachTriple(batch, fanOut, fanIn, (r, o, i) => {
      const upstream = grad[r * fanOut + o] as number;
      (gradWeight[o * fanIn + i] as number) += upstream * (input[r * fanIn + i] as number);
      (gradInput[r * fanIn + i] as number) += upstream * (weight[o * fanIn + i] as number);
    });
    grads[l] = {
      weight: gradWeight,
      bias: sums(
        fanOut,
        (i) => i % fanOut,
        grad.length,
        (i) => grad[i] as number,
      ),
    };
    grad = gradInput.map((value, i) => ((input[i] as number) > 0 ? value : 0));
  }
  return { loss, grads };
}

function eachTriple(
  rows: number,
  outputs: number,
  inputs: number,
  visit: (r: number, o: number, i: number) => void,
): void {
  for (let r = 0; r < rows; r++) for (let o = 0; o < outputs; o++) for (let i = 0; i < inputs; i++) visit(r, o, i);
}
