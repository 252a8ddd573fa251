/** The nine families: shapes, data and optimizer of a training step that each library does with the same numbers. */

/** Uniform numbers, or integers below `classes`; the first dim is the batch. */
export type InputSpec = { shape: number[]; low: number; high: number } | { shape: number[]; classes: number };

export type OptimizerSpec =
  | { kind: "adam"; lr: number }
  | { kind: "adamw"; lr: number; weightDecay: number; clip?: number }
  | { kind: "sgd"; lr: number; momentum: number };

/** Plain data: the children get it as a message. */
export interface Family {
  name: string;
  title: string;
  inputs: Record<string, InputSpec>;
  /** Sizes that the models need and that the shapes of the parameters do not tell. */
  sizes: { heads?: number; layers?: number; vocabulary?: number; width?: number; length?: number; negatives?: number };
  optimizer: OptimizerSpec;
  /** Relative tolerance of the first three losses against gradwell's. */
  tolerance: number;
}

/** Steps whose losses are compared: a wrong gradient shows in the second, a wrong optimizer state in the third. */
export const CHECKED_STEPS = 3;
export const INFERENCE_BATCHES = [1, 64] as const;
export const SEED = 7;

const labels = (batch: number, classes: number): InputSpec => ({ shape: [batch], classes });
const pixels = (...shape: number[]): InputSpec => ({ shape, low: 0, high: 1 });

function gpt(name: string, width: number, length: number, layers: number, batch: number): Family {
  const [vocabulary, heads] = [96, width / 32];
  const tokens: InputSpec = { shape: [batch, length], classes: vocabulary };
  return {
    name,
    title: `GPT, vocabulary ${vocabulary}, length ${length}, width ${width}, ${heads} heads, ${layers} blocks; batch ${batch}; AdamW, clipping`,
    inputs: { x: tokens, target: tokens },
    sizes: { heads, layers, vocabulary, width, length },
    optimizer: { kind: "adamw", lr: 3e-4, weightDecay: 0.01, clip: 1 },
    tolerance: 1e-4,
  };
}

export const FAMILIES: readonly Family[] = [
  {
    name: "convnet",
    title: "ConvNet 28x28: (conv 3x3, batch norm, ReLU, pool) x 2 of 16 and 32, linear; batch 64; Adam",
    inputs: { x: pixels(64, 1, 28, 28), target: labels(64, 10) },
    sizes: {},
    optimizer: { kind: "adam", lr: 1e-3 },
    tolerance: 1e-3,
  },
  {
    name: "residual",
    title: "residual net 32x32x3: conv 32, 2 blocks of 32, 2 of 64, global pool; batch 32; SGD with momentum",
    inputs: { x: pixels(32, 3, 32, 32), target: labels(32, 10) },
    sizes: {},
    optimizer: { kind: "sgd", lr: 0.01, momentum: 0.9 },
    tolerance: 1e-3,
  },
  gpt("gpt128", 128, 64, 4, 16),
  gpt("gpt256", 256, 128, 6, 8),
  {
    name: "lstm",
    title: "LSTM, 28 steps of 28, hidden 128, linear; batch 64; Adam",
    inputs: { x: pixels(64, 28, 28), target: labels(64, 10) },
    sizes: { width: 128 },
    optimizer: { kind: "adam", lr: 1e-3 },
    tolerance: 1e-4,
  },
  {
    name: "mlp",
    title: "MLP 784-512-512-10 with batch norm; batch 256; AdamW",
    inputs: { x: pixels(256, 784), target: labels(256, 10) },
    sizes: {},
    optimizer: { kind: "adamw", lr: 1e-3, weightDecay: 0.01 },
    tolerance: 1e-3,
  },
  {
    name: "wide-mlp",
    title: "MLP 1024-4096-1024, squared error; batch 128; Adam",
    inputs: { x: pixels(128, 1024), target: pixels(128, 1024) },
    sizes: {},
    optimizer: { kind: "adam", lr: 1e-4 },
    tolerance: 1e-4,
  },
  {
    name: "word2vec",
    title: "word2vec 50,000 x 128, 5 negatives; batch 1,024; Adam",
    inputs: {
      x: { shape: [1024], classes: 50_000 },
      context: { shape: [1024, 1], classes: 50_000 },
      negatives: { shape: [1024, 5], classes: 50_000 },
    },
    sizes: { vocabulary: 50_000, width: 128, negatives: 5 },
    optimizer: { kind: "adam", lr: 1e-3 },
    tolerance: 1e-4,
  },
  {
    name: "vae",
    title: "VAE 784-400-20; batch 128; Adam",
    inputs: { x: pixels(128, 784), noise: { shape: [128, 20], low: -1.7, high: 1.7 } },
    sizes: { width: 20 },
    optimizer: { kind: "adam", lr: 1e-3 },
    tolerance: 1e-4,
  },
];
