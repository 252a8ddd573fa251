/**
 * The activation functions, in one table: the fused epilogues, the elementwise operations, the layers, the default weights
 * and the gains of initializers read it. A leaf, which every folder may import.
 */

export type Activation = "none" | "relu" | "leakyRelu" | "tanh" | "sigmoid" | "gelu" | "silu";

interface ActivationRow {
  /** WGSL of f(a), `p` being leakyRelu's slope; the functions are those of shaders/lib/activation.wgsl. */
  readonly wgsl: string;
  /** WGSL of f' times the incoming gradient `g`, from the input `a` or the output `b`. */
  readonly gradient: string;
  /** The value from which `gradient` is computed. */
  readonly saves: "x" | "y";
  /** Set where f' follows from the output (leakyRelu: for slopes above 0): only then a linear layer fuses it. */
  readonly isFromOutput: boolean;
  /** Its `EPILOGUE` in shaders/lib/matmul.wgsl, its derivative's being 4 more. Piecewise linear functions have a slope instead. */
  readonly epilogue?: 1 | 2 | 3 | 4;
  /** The slope below 0 that it has or resembles; undefined outside the ReLU family. */
  readonly slope?: number;
  /** The factor by which a weight's std must exceed sqrt(1 / fan) to keep the variance through it. */
  readonly gain?: (slope?: number) => number;
}

/** The slope of leakyRelu below 0, unless another one is given. */
export const DEFAULT_SLOPE = 0.01;

export const ACTIVATIONS = {
  none: { wgsl: "a", gradient: "g", saves: "y", isFromOutput: true, gain: () => 1 },
  relu: {
    wgsl: "relu(a)",
    gradient: "select(g, 0.0, is_at_most(b, 0.0))",
    saves: "y",
    isFromOutput: true,
    slope: 0,
    gain: () => Math.SQRT2,
  },
  leakyRelu: {
    wgsl: "leaky_relu(a, p)",
    gradient: "select(p * g, g, is_less(0.0, a))",
    saves: "x",
    isFromOutput: true,
    slope: DEFAULT_SLOPE,
    gain: (slope = DEFAULT_SLOPE) => Math.sqrt(2 / (1 + slope * slope)),
  },
  tanh: {
    wgsl: "tanh_safe(a)",
    gradient: "tanh_grad_y(b) * g",
    saves: "y",
    isFromOutput: true,
    epilogue: 2,
    gain: () => 5 / 3,
  },
  sigmoid: {
    wgsl: "sigmoid(a)",
    gradient: "sigmoid_grad_y(b) * g",
    saves: "y",
    isFromOutput: true,
    epilogue: 3,
    gain: () => 1,
  },
  gelu: {
    wgsl: "gelu(a)",
    gradient: "gelu_grad(a) * g",
    saves: "x",
    isFromOutput: false,
    epilogue: 1,
    slope: 0,
  },
  silu: {
    wgsl: "silu(a)",
    gradient: "silu_grad(a) * g",
    saves: "x",
    isFromOutput: false,
    epilogue: 4,
    slope: 0,
  },
} as const satisfies Record<Activation, ActivationRow>;

export const ACTIVATION_NAMES = /* @__PURE__ */ Object.keys(ACTIVATIONS);

/** A row with all optional columns. */
export const activationRow = (name: Activation): ActivationRow => ACTIVATIONS[name];

/** The slope below 0 that an activation has or resembles: what the weights before it are drawn for. */
export function slopeOf(name: Activation): number | undefined {
  return activationRow(name).slope;
}
