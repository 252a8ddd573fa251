/** Variance of values and gradients from layer to layer, measured and in theory. */
import { grad, manualSeed, matmul, nn, randn, scope, stack, type Tensor } from "gradwell";

export type Activation = "relu" | "tanh" | "sigmoid";
export type Init =
  | "torchDefault"
  | "xavierUniform"
  | "xavierNormal"
  | "heUniform"
  | "heNormal"
  | "zeros"
  | "tooLarge"
  | "tooSmall";

const WIDTH = 128;
const ROWS = 128;

export const INITIALIZERS: Record<Init, () => (tensor: Tensor) => void> = {
  torchDefault: () => nn.init.torchDefault(),
  xavierUniform: () => nn.init.xavierUniform(),
  xavierNormal: () => nn.init.xavierNormal(),
  heUniform: () => nn.init.heUniform(),
  heNormal: () => nn.init.heNormal(),
  zeros: () => nn.init.zeros(),
  tooLarge: () => nn.init.normal(0, 1),
  tooSmall: () => nn.init.normal(0, 1e-3),
};

/** fanIn times the variance of the weights. */
const GAINS: Partial<Record<Init, number>> = {
  torchDefault: 1 / 3,
  xavierUniform: 1,
  xavierNormal: 1,
  heUniform: 2,
  heNormal: 2,
};

/**
 * Factor per layer of the mean square of the values before activation: n Var(w) E[f(y)^2] / E[y^2]. Half for ReLU (He et
 * al.); 1 for tanh where it is linear (Glorot, Bengio). Undefined for sigmoid, whose values are not centered.
 */
export function forwardTheory(init: Init, activation: Activation): number | undefined {
  const gain = GAINS[init];
  if (gain === undefined || activation === "sigmoid") return undefined;
  return activation === "relu" ? gain / 2 : gain;
}

/** Factor per layer, going back, of the gradient's mean square: n Var(w) E[f'(y)^2]; 1/16 for sigmoid at 0. */
export function backwardTheory(init: Init, activation: Activation): number | undefined {
  const gain = GAINS[init];
  if (gain === undefined) return undefined;
  return activation === "relu" ? gain / 2 : activation === "tanh" ? gain : gain / 16;
}

export interface Signals {
  /** Mean square of each layer's values before activation, and of the loss's gradient in them; first layer first. */
  forward: number[];
  backward: number[];
}

/** Equal layers without bias on random inputs of variance 1, and a random gradient at the end. */
export async function signals(init: Init, activation: Activation, depth: number, seed: number): Promise<Signals> {
  manualSeed(seed);
  const draw = INITIALIZERS[init]();
  const values = scope(() => {
    const weights = Array.from({ length: depth }, () => {
      const weight = randn([WIDTH, WIDTH]);
      draw(weight);
      return weight;
    });
    let x: Tensor = randn([ROWS, WIDTH], { requiresGrad: true });
    const before: Tensor[] = [];
    for (const weight of weights) {
      const y = matmul(x, weight.t());
      before.push(y);
      x = y[activation]();
    }
    const last = before.at(-1)!;
    const gradients = grad(last, before.slice(0, -1), { gradOutputs: randn(last.shape), retainGraph: true });
    const square = (one: Tensor) => one.detach().square().mean();
    return stack([...before.map(square), ...gradients.map(square)]);
  });
  const numbers = Array.from(await values.data(), Number);
  values.dispose();
  return { forward: numbers.slice(0, depth), backward: [...numbers.slice(depth), 1] };
}

/** The mean factor between neighbors of a list, all but its first. */
export function factorOf(values: readonly number[]): number {
  return (values.at(-1)! / values[0]!) ** (1 / (values.length - 1));
}
