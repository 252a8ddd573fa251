/** Trains one network per initialization and seed; the losses stay on the GPU and are read twenty at a time. */
import { capture, data, nn, noGrad, scope, stack, type Tensor, zeros } from "gradwell";
import type { MnistFiles } from "../support/mnist.ts";
import { buildModel, buildOptimizer, initialize, linearLayers } from "./model.ts";
import type { InitName, Options } from "./options.ts";
import { type Evaluation, evaluationSteps, type Run, stepsPerRun } from "./results.ts";

export type Dataset = ReturnType<typeof parseDataset>;

/** Callbacks of the runs while they train. */
export interface Watcher {
  /** Aborted when the person at the keyboard has seen enough; looked at whenever losses are read. */
  stop: AbortSignal;
  onProgress(run: Run): void;
}

const READ_EVERY = 20;
const TEST_BATCH = 1000;

export function parseDataset(files: MnistFiles) {
  return {
    train: [data.idxImages(files.trainImages, { flatten: true }), data.idxLabels(files.trainLabels)] as const,
    test: [data.idxImages(files.testImages, { flatten: true }), data.idxLabels(files.testLabels)] as const,
  };
}

/** Seed by seed, all initializations: an early Ctrl-C then leaves runs that can be compared. */
export async function trainAll(dataset: Dataset, options: Options, runs: Run[], watcher: Watcher): Promise<void> {
  for (let seed = 1; seed <= options.seeds; seed++) {
    for (const init of options.inits) {
      if (watcher.stop.aborted) return;
      await trainOne(dataset, options, newRun(init, seed), runs, watcher);
    }
  }
}

function newRun(init: InitName, seed: number): Run {
  const nothing = { losses: [], evaluations: [], initialWeights: new Float32Array(), seconds: 0, complete: false };
  return { init, seed, ...nothing };
}

async function trainOne(dataset: Dataset, options: Options, run: Run, runs: Run[], watcher: Watcher): Promise<void> {
  const model = buildModel(options);
  initialize(model, run.init, run.seed);
  run.initialWeights = Float32Array.from(await linearLayers(model)[0]!.weight.data());
  runs.push(run);
  watcher.onProgress(run);
  const optimizer = buildOptimizer(model, options);
  // Forward, backward and update, recorded once and replayed as one submission for every batch.
  const step = capture((x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = nn.crossEntropy(model.forward(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
  try {
    await trainSteps(step, model, dataset, options, run, watcher);
  } finally {
    step.dispose();
    optimizer.dispose();
  }
}

async function trainSteps(
  step: (x: Tensor, y: Tensor) => Tensor,
  model: nn.Sequential,
  dataset: Dataset,
  options: Options,
  run: Run,
  watcher: Watcher,
): Promise<void> {
  const losses = new LossLog();
  const total = stepsPerRun(options);
  const tests = new Set(evaluationSteps(options));
  let done = 0;
  let since = performance.now();
  for (const [x, y] of batches(dataset, options, run.seed, total)) {
    losses.push(step(x, y));
    done++;
    if (!losses.full && done !== total && !tests.has(done)) continue;
    run.losses.push(...(await losses.take()));
    run.seconds += (performance.now() - since) / 1000;
    watcher.onProgress(run);
    if (watcher.stop.aborted) break;
    if (tests.has(done)) run.evaluations.push({ step: done, ...(await evaluate(model, dataset)) });
    since = performance.now();
  }
  run.complete = done === total;
}

/** Shuffled batches over as many epochs as `total` takes; their order depends on the seed, not on the initialization. */
function* batches({ train }: Dataset, { batch }: Options, seed: number, total: number): Generator<[Tensor, Tensor]> {
  const loader = new data.DataLoader(train, { batchSize: batch, shuffle: true, dropLast: true, seed });
  for (let done = 0; done < total; ) {
    for (const [x, y] of loader) {
      if (done++ === total) return;
      yield [x, y];
    }
  }
}

/** A few losses on the GPU, so that training need not wait for each. */
class LossLog {
  readonly #losses = zeros([READ_EVERY]);
  #count = 0;

  get full(): boolean {
    return this.#count === READ_EVERY;
  }

  push(loss: Tensor): void {
    this.#losses.narrow(0, this.#count++, 1).copy_(loss.reshape([1]));
  }

  async take(): Promise<number[]> {
    const values = await this.#losses.data();
    const count = this.#count;
    this.#count = 0;
    return Array.from(values.subarray(0, count), Number);
  }
}

/** Accuracy and mean loss on the test images, read once. */
async function evaluate(model: nn.Sequential, { test }: Dataset): Promise<Omit<Evaluation, "step">> {
  model.eval();
  const scores: Tensor[] = [];
  for (const [x, y] of new data.DataLoader(test, { batchSize: TEST_BATCH })) {
    scores.push(scope(() => noGrad(() => score(model.forward(x), y))));
  }
  model.train();
  const [accuracy, loss] = await stack(scores).mean([0]).data();
  return { accuracy: Number(accuracy), loss: Number(loss) };
}

/** Accuracy and loss of one batch, as a tensor of two. */
function score(logits: Tensor, y: Tensor): Tensor {
  const right = logits.argmax(1).eq(y).to("f32").mean();
  return stack([right, nn.crossEntropy(logits, y)]);
}
