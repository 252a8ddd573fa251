/** From the names of a run to the library's objects. */
import { manualSeed, nn, optim, type Tensor } from "gradwell";
import type { RunConfig } from "../shared/protocol.ts";
import type { ActivationName, InitName, NormName, OptimizerName } from "../shared/settings.ts";

const PIXELS = 28 * 28;
const DIGITS = 10;

/** The part of an optimizer that training needs, whatever its options. */
export interface Stepper {
  zeroGrad(): void;
  /** Only second-order optimizers accept `lossFn`. */
  step(lossFn?: () => Tensor): void;
  dispose(): void;
  stateDict(): object;
  loadStateDict(state: object): unknown;
}

type OptimizerClass = new (params: Tensor[], options: object) => Stepper;

const INITIALIZERS: Record<InitName, () => (tensor: Tensor) => void> = {
  torchDefault: () => nn.init.torchDefault(),
  xavierUniform: () => nn.init.xavierUniform(),
  xavierNormal: () => nn.init.xavierNormal(),
  heUniform: () => nn.init.heUniform(),
  heNormal: () => nn.init.heNormal(),
};

const ACTIVATION_LAYERS: Record<ActivationName, () => nn.Module> = {
  relu: () => new nn.ReLU(),
  leakyRelu: () => new nn.LeakyReLU(),
  gelu: () => new nn.GELU(),
  silu: () => new nn.SiLU(),
  tanh: () => new nn.Tanh(),
  sigmoid: () => new nn.Sigmoid(),
};

const NORM_LAYERS: Record<NormName, (size: number) => nn.Module[]> = {
  none: () => [],
  batch: (size) => [new nn.BatchNorm1d(size)],
  layer: (size) => [new nn.LayerNorm(size)],
};

/** The name of each optimizer in `optim`, and what is set besides the learning rate. */
const OPTIMIZER_CLASSES: Record<OptimizerName, [string, object]> = {
  sgd: ["SGD", {}],
  momentum: ["SGD", { momentum: 0.9 }],
  adagrad: ["AdaGrad", {}],
  rmsprop: ["RMSProp", {}],
  adam: ["Adam", {}],
  adamw: ["AdamW", {}],
  diagonalNewton: ["DiagonalNewton", {}],
  shampoo: ["Shampoo", {}],
  muon: ["Muon", {}],
};

/** True when this build of the library has the optimizer. */
export const isAvailable = (name: OptimizerName): boolean => OPTIMIZER_CLASSES[name][0] in optim;

export function buildOptimizer(name: OptimizerName, params: Tensor[], lr: number): Stepper {
  const [className, options] = OPTIMIZER_CLASSES[name];
  const Class = (optim as unknown as Record<string, OptimizerClass>)[className];
  if (!Class) throw new Error(`this build of gradwell has no optimizer ${className}`);
  return new Class(params, { lr, ...options });
}

/** Takes a step; a second-order optimizer computes the curvature from `lossFn`. */
export function takeStep(optimizer: Stepper, lossFn: () => Tensor): void {
  if ("updateCurvature" in optimizer) optimizer.step(lossFn);
  else optimizer.step();
}

/** Linear, normalization if wanted and activation for every hidden layer, then Linear to the ten digits. */
export function buildModel({ hidden, norm, activation, init }: RunConfig, seed: number): nn.Sequential {
  const sizes = [PIXELS, ...hidden];
  const layers = hidden.flatMap((size, i) => [
    new nn.Linear(sizes[i]!, size),
    ...NORM_LAYERS[norm](size),
    ACTIVATION_LAYERS[activation](),
  ]);
  const model = new nn.Sequential(...layers, new nn.Linear(sizes.at(-1)!, DIGITS));
  initialize(model, init, seed);
  return model;
}

/** Biases are zero, or drawn as PyTorch does for its default. */
function initialize(model: nn.Sequential, init: InitName, seed: number): void {
  manualSeed(seed);
  const draw = INITIALIZERS[init]();
  for (const { weight, bias } of linearLayers(model)) {
    draw(weight);
    const bound = 1 / Math.sqrt(weight.shape[1]!);
    const drawBias = init === "torchDefault" ? nn.init.uniform(-bound, bound) : nn.init.zeros();
    if (bias) drawBias(bias);
  }
}

export function linearLayers(model: nn.Sequential): nn.Linear[] {
  return [...model].filter((layer) => layer instanceof nn.Linear);
}
