/** The training that all experiments share: MNIST, a captured step, losses that are read now and then. */
import { capture, data, manualSeed, nn, noGrad, scope, stack, type Tensor, zeros } from "gradwell";
import { readMnist } from "../support/mnist.ts";

const PIXELS = 28 * 28;
const DIGITS = 10;
const READ_EVERY = 50;

export interface Mnist {
  train: readonly [data.IdxField, data.IdxField];
  test: readonly [data.IdxField, data.IdxField];
}

let files: Mnist | undefined;

/** Read once per program. */
export function mnist(): Mnist {
  if (!files) {
    const { trainImages, trainLabels, testImages, testLabels } = readMnist();
    files = {
      train: [data.idxImages(trainImages, { flatten: true }), data.idxLabels(trainLabels)],
      test: [data.idxImages(testImages, { flatten: true }), data.idxLabels(testLabels)],
    };
  }
  return files;
}

export interface Stepper {
  zeroGrad(): void;
  step(lossFn?: () => Tensor): void;
  dispose(): void;
}

export interface Training {
  model: nn.Module;
  optimizer: Stepper;
  steps: number;
  batch: number;
  seed: number;
  /** From flat images (N, 784) to what the model takes. Default: as they are. */
  prepare?: (x: Tensor) => Tensor;
  /** Hands the loss function to the optimizer's step, which computes curvature from it. */
  secondOrder?: boolean;
  /** Called between steps, before the step of that number. */
  before?: (step: number) => Promise<void> | void;
}

/** Trains and returns every loss. Stops early once the loss is no number. The optimizer is disposed, the model not. */
export async function train(options: Training): Promise<number[]> {
  const { model, optimizer, steps, batch, seed, prepare = (x: Tensor) => x, secondOrder, before } = options;
  const step = capture((x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const lossOf = () => nn.crossEntropy(model.forward(prepare(x)), y);
    const loss = lossOf();
    loss.backward();
    if (secondOrder) optimizer.step(lossOf);
    else optimizer.step();
    return loss;
  });
  const pending = zeros([READ_EVERY]);
  const losses: number[] = [];
  let waiting = 0;
  const read = async () => {
    losses.push(...Array.from(await pending.data(), Number).slice(0, waiting));
    waiting = 0;
  };
  for (const [x, y] of batches(batch, seed, steps)) {
    const done = losses.length + waiting;
    if (before) await before(done);
    scope(() => pending.narrow(0, waiting, 1).copy_(step(x, y).reshape([1])));
    waiting++;
    if (waiting === READ_EVERY || done + 1 === steps) await read();
    if (waiting === 0 && !Number.isFinite(losses.at(-1))) break;
  }
  step.dispose();
  optimizer.dispose();
  pending.dispose();
  while (losses.length < steps) losses.push(Number.NaN);
  return losses;
}

/** Shuffled full batches of the training images; their order depends on the seed alone. */
export function* batches(batch: number, seed: number, steps: number): Generator<[Tensor, Tensor]> {
  const loader = new data.DataLoader(mnist().train, { batchSize: batch, shuffle: true, dropLast: true, seed });
  for (let done = 0; done < steps; ) {
    for (const [x, y] of loader) {
      if (done++ === steps) return;
      yield [x, y];
    }
  }
}

/** A batch that stays: the first of a seed's order. The caller disposes it. */
export function fixedBatch(size: number, seed: number): [Tensor, Tensor] {
  for (const [x, y] of batches(size, seed, 1)) return [x.clone(), y.clone()];
  throw new Error("no batch");
}

export interface Score {
  accuracy: number;
  loss: number;
}

/** Loss and accuracy on the first test images, in evaluation mode. */
export async function evaluate(model: nn.Module, count = 2000, prepare = (x: Tensor) => x): Promise<Score> {
  model.eval();
  const scores: Tensor[] = [];
  for (const [x, y] of new data.DataLoader(mnist().test, { batchSize: 500 })) {
    if (scores.length * 500 >= count) break;
    scores.push(scope(() => noGrad(() => scoreOf(model.forward(prepare(x)), y))));
  }
  model.train();
  const [accuracy, loss] = await stack(scores).mean([0]).data();
  for (const one of scores) one.dispose();
  return { accuracy: Number(accuracy), loss: Number(loss) };
}

function scoreOf(logits: Tensor, y: Tensor): Tensor {
  return stack([logits.argmax(1).eq(y).to("f32").mean(), nn.crossEntropy(logits, y)]);
}

export interface MlpOptions {
  hidden: readonly number[];
  activation?: () => nn.Module;
  /** A layer before each activation. */
  norm?: (size: number) => nn.Module | undefined;
  seed: number;
}

/** Linear, norm if any, activation for every hidden layer, then Linear to the digits. */
export function mlp({ hidden, activation = () => new nn.ReLU(), norm, seed }: MlpOptions): nn.Sequential {
  manualSeed(seed);
  const sizes = [PIXELS, ...hidden];
  const blocks = hidden.flatMap((size, i) => {
    const between = norm?.(size);
    return [new nn.Linear(sizes[i]!, size), ...(between ? [between] : []), activation()];
  });
  return new nn.Sequential(...blocks, new nn.Linear(sizes.at(-1)!, DIGITS));
}

/** The values of `fn` with the model in the given mode; what it does to running statistics is undone. */
export async function withoutTrace(model: nn.Module, training: boolean, fn: () => Tensor): Promise<number[]> {
  const buffers = model.namedBuffers().map(([, buffer]) => ({ buffer, saved: buffer.clone() }));
  model.train(training);
  try {
    const result = noGrad(fn);
    const values = Array.from(await result.data(), Number);
    result.dispose();
    return values;
  } finally {
    model.train();
    for (const { buffer, saved } of buffers) {
      buffer.copy_(saved);
      saved.dispose();
    }
  }
}
