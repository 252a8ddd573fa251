/** The network of the experiment, its initializations and its optimizers: the part to read for the library's API. */
import { manualSeed, nn, optim, type Tensor } from "gradwell";
import type { InitName, Norm, OptimizerName, Options } from "./options.ts";

const PIXELS = 28 * 28;
const DIGITS = 10;

/** The part of an optimizer that training needs, whatever its options. */
interface Stepper {
  zeroGrad(): void;
  step(): void;
  dispose(): void;
}

const INITIALIZERS: Record<InitName, () => (tensor: Tensor) => void> = {
  torchDefault: () => nn.init.torchDefault(),
  xavierUniform: () => nn.init.xavierUniform(),
  xavierNormal: () => nn.init.xavierNormal(),
  heUniform: () => nn.init.heUniform(),
  heNormal: () => nn.init.heNormal(),
  lecunNormal: () => nn.init.lecunNormal(),
  orthogonal: () => nn.init.orthogonal(),
};

const OPTIMIZERS: Record<OptimizerName, (params: Tensor[], lr: number) => Stepper> = {
  adam: (params, lr) => new optim.Adam(params, { lr }),
  adamw: (params, lr) => new optim.AdamW(params, { lr }),
  rmsprop: (params, lr) => new optim.RMSProp(params, { lr }),
  adagrad: (params, lr) => new optim.AdaGrad(params, { lr }),
  sgd: (params, lr) => new optim.SGD(params, { lr }),
};

/** Linear, normalization if wanted, ReLU for every hidden layer, then Linear to the ten digits. */
export function buildModel({ hidden, norm }: Pick<Options, "hidden" | "norm">): nn.Sequential {
  const sizes = [PIXELS, ...hidden];
  const blocks = hidden.flatMap((size, i) => [new nn.Linear(sizes[i]!, size), ...normLayer(norm, size), new nn.ReLU()]);
  return new nn.Sequential(...blocks, new nn.Linear(sizes.at(-1)!, DIGITS));
}

function normLayer(norm: Norm, size: number): nn.Module[] {
  if (norm === "none") return [];
  return [norm === "batch" ? new nn.BatchNorm1d(size) : new nn.LayerNorm([size])];
}

/** Draws the weights of every linear layer anew. Biases are zero, or drawn as PyTorch does for its default. */
export function initialize(model: nn.Sequential, init: InitName, seed: number): void {
  manualSeed(seed);
  const draw = INITIALIZERS[init]();
  for (const layer of linearLayers(model)) {
    draw(layer.weight);
    const bound = 1 / Math.sqrt(layer.weight.shape[1]!);
    const drawBias = init === "torchDefault" ? nn.init.uniform(-bound, bound) : nn.init.zeros();
    if (layer.bias) drawBias(layer.bias);
  }
}

export function linearLayers(model: nn.Sequential): nn.Linear[] {
  return [...model].filter((layer) => layer instanceof nn.Linear);
}

export function buildOptimizer(model: nn.Sequential, { optimizer, lr }: Pick<Options, "optimizer" | "lr">): Stepper {
  return OPTIMIZERS[optimizer](model.parameters(), lr);
}
