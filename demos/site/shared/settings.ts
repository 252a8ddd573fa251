/** Choices on the pages: names as the library has them, and their labels. */

export const INITS = {
  torchDefault: "PyTorch default",
  xavierUniform: "Xavier uniform",
  xavierNormal: "Xavier normal",
  heUniform: "He uniform",
  heNormal: "He normal",
} as const;

export const NORMS = { none: "no normalization", batch: "BatchNorm", layer: "LayerNorm" } as const;

export const ACTIVATIONS = {
  relu: "ReLU",
  leakyRelu: "Leaky ReLU",
  gelu: "GELU",
  silu: "SiLU",
  tanh: "tanh",
  sigmoid: "sigmoid",
} as const;

export const OPTIMIZERS = {
  sgd: "SGD",
  momentum: "SGD with momentum",
  adagrad: "AdaGrad",
  rmsprop: "RMSProp",
  adam: "Adam",
  adamw: "AdamW",
  diagonalNewton: "diagonal Newton",
  shampoo: "Shampoo",
  muon: "Muon",
} as const;

export type InitName = keyof typeof INITS;
export type NormName = keyof typeof NORMS;
export type ActivationName = keyof typeof ACTIVATIONS;
export type OptimizerName = keyof typeof OPTIMIZERS;

/** The widths of the hidden layers, as written in the controls. */
export const WIDTHS = ["32", "64,32", "256,128", "512,256", "128,128,128,128", "64,64,64,64,64,64,64,64"] as const;
