/** Several networks trained side by side on the same batches. One captured function is one step of all of them. */
import { type Captured, capture, data, nn, noGrad, stack, type Tensor, zeros } from "gradwell";
import type { RaceConfig } from "../shared/protocol.ts";
import type { Digits } from "./mnist.ts";
import { buildModel, buildOptimizer, type Stepper, takeStep } from "./nets.ts";

/** Losses that fit on the GPU before they must be read. */
export const MAX_STEPS_PER_READ = 64;
const TEST_BATCH = 1000;

interface Entry {
  readonly model: nn.Sequential;
  readonly optimizer: Stepper;
}

export class Race {
  readonly config: RaceConfig;
  readonly entries: readonly Entry[];
  /** Steps done. */
  step = 0;
  readonly #digits: Digits;
  readonly #trainStep: Captured<[Tensor, Tensor], Tensor>;
  readonly #testBatch: Captured<[Tensor, Tensor], Tensor>;
  readonly #losses: Tensor;
  readonly #loader: data.DataLoader<Digits["train"]>;
  #batches: Iterator<data.Batch<Digits["train"]>>;
  #unread = 0;

  constructor(config: RaceConfig, digits: Digits) {
    this.config = config;
    this.#digits = digits;
    this.entries = config.runs.map((run) => {
      const model = buildModel(run, config.seed);
      return { model, optimizer: buildOptimizer(run.optimizer, model.parameters(), run.lr) };
    });
    this.#losses = zeros([MAX_STEPS_PER_READ, config.runs.length]);
    const { batchSize, seed } = config;
    this.#loader = new data.DataLoader(digits.train, { batchSize, shuffle: true, dropLast: true, seed });
    this.#batches = this.#loader[Symbol.iterator]();
    this.#trainStep = capture((x: Tensor, y: Tensor) => stack(this.entries.map((entry) => trained(entry, x, y))));
    this.#testBatch = capture((x: Tensor, y: Tensor) =>
      noGrad(() => stack(this.entries.map(({ model }) => right(model.forward(x), y)))),
    );
  }

  get parameters(): number {
    const models = this.entries.map(({ model }) => model.parameters().reduce((sum, one) => sum + one.size, 0));
    return models.reduce((a, b) => a + b, 0);
  }

  /** One step of every network; the losses stay on the GPU. At most MAX_STEPS_PER_READ between two reads. */
  train(): void {
    const [x, y] = this.#nextBatch();
    const losses = this.#trainStep(x, y);
    this.#losses.narrow(0, this.#unread++, 1).copy_(losses.reshape([1, -1]));
    this.step++;
  }

  /** The losses of the steps since the last call, one array per network. */
  async takeLosses(): Promise<Float32Array[]> {
    const count = this.#unread;
    this.#unread = 0;
    const values = await this.#losses.data();
    const runs = this.entries.length;
    return this.entries.map((_, run) => Float32Array.from({ length: count }, (_, i) => values[i * runs + run]!));
  }

  /** Each network's share of the test images that it gets right. */
  async test(): Promise<number[]> {
    const loader = new data.DataLoader(this.#digits.test, { batchSize: TEST_BATCH });
    const sums = zeros([loader.length, this.entries.length]);
    for (const { model } of this.entries) model.eval();
    let i = 0;
    for (const [x, y] of loader) sums.narrow(0, i++, 1).copy_(this.#testBatch(x, y).reshape([1, -1]));
    for (const { model } of this.entries) model.train();
    const rows = await sums.sum(0).data();
    sums.dispose();
    return Array.from(rows, (count) => Number(count) / loader.samples);
  }

  /** A checkpoint of every network. */
  async save(): Promise<{ step: number; files: Uint8Array[] }> {
    const { step } = this;
    const files = this.entries.map(({ model, optimizer }) => data.saveCheckpoint({ model, optimizer, step }));
    return { step, files: await Promise.all(files) };
  }

  /** Goes on from a checkpoint, with the batches that an uninterrupted race would see. */
  restore({ step, files }: { step: number; files: readonly Uint8Array[] }): void {
    for (const [i, { model, optimizer }] of this.entries.entries())
      data.loadCheckpoint(files[i]!, { model, optimizer });
    this.step = step;
    this.#loader.epoch = Math.floor(step / this.#loader.length);
    this.#batches = this.#loader[Symbol.iterator]();
    for (let i = 0; i < step % this.#loader.length; i++) this.#batches.next();
  }

  dispose(): void {
    this.#batches.return?.();
    this.#trainStep.dispose();
    this.#testBatch.dispose();
    this.#losses.dispose();
    for (const { model, optimizer } of this.entries) {
      optimizer.dispose();
      for (const tensor of Object.values(model.stateDict())) tensor.dispose();
    }
  }

  #nextBatch(): data.Batch<Digits["train"]> {
    let next = this.#batches.next();
    if (next.done) {
      this.#batches = this.#loader[Symbol.iterator]();
      next = this.#batches.next();
    }
    return next.value as data.Batch<Digits["train"]>;
  }
}

/** Forward, backward and update; gives the loss. */
function trained({ model, optimizer }: Entry, x: Tensor, y: Tensor): Tensor {
  optimizer.zeroGrad();
  const lossFn = () => nn.crossEntropy(model.forward(x), y);
  const loss = lossFn();
  loss.backward();
  takeStep(optimizer, lossFn);
  return loss.detach();
}

/** Counts the rows whose greatest logit is at the label. */
const right = (logits: Tensor, y: Tensor): Tensor => logits.argmax(1).eq(y).to("f32").sum();
