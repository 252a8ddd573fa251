/** Samples of work that is submitted to a GPU: enough runs in each that waiting for it is a small part. */

/** Work to sample: `run` need not wait for the GPU, `sync` resolves when all runs so far are done. */
export interface Sampled {
  run(): void;
  sync(): Promise<void>;
}

/** A sample of fast work holds several runs, so that waiting for the GPU is a small part of it, as in a training loop. */
const SAMPLE_MS = 12;
const MAX_RUNS = 50;
/** Work that takes microseconds needs thousands of calls until its JavaScript is compiled; slow work is warm after two runs. */
const WARM_UP = { runs: 2, ms: 300 };

export class Sampler {
  #runsPerSample = 1;
  readonly #work: Sampled;

  constructor(work: Sampled) {
    this.#work = work;
  }

  /** Runs until it is as fast as it gets, and finds how many runs make a sample. */
  async warmUp(): Promise<void> {
    this.#runsPerSample = 1;
    const start = performance.now();
    let fastest = Infinity;
    for (let i = 0; i < WARM_UP.runs || performance.now() - start < WARM_UP.ms; i++) {
      fastest = Math.min(fastest, await this.#sample());
    }
    this.#runsPerSample = Math.max(1, Math.min(MAX_RUNS, Math.round(SAMPLE_MS / fastest)));
  }

  /** Milliseconds per run. */
  measure(budget: number): Promise<number[]> {
    return samplesWithin(budget, () => this.#sample());
  }

  async #sample(): Promise<number> {
    await this.#work.sync();
    const start = performance.now();
    for (let i = 0; i < this.#runsPerSample; i++) this.#work.run();
    await this.#work.sync();
    return (performance.now() - start) / this.#runsPerSample;
  }
}

/** As many samples as fit into `budget` milliseconds, at least one. */
export async function samplesWithin(budget: number, sample: () => Promise<number>): Promise<number[]> {
  const samples: number[] = [];
  const until = performance.now() + budget;
  do samples.push(await sample());
  while (performance.now() < until);
  return samples;
}
