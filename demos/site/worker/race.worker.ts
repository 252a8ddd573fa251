/** Trains networks for the pages on initialisation, normalisation, optimizers and digits. */
import { type Device, DeviceLostError, data, noGrad, scope, tensor } from "gradwell";
import type { RaceReport, RaceRequest } from "../shared/protocol.ts";
import { distributions } from "./distributions.ts";
import { messageOf, openDevice } from "./gpu.ts";
import { serve } from "./mailbox.ts";
import { type Digits, fetchDigits } from "./mnist.ts";
import { Pace } from "./pace.ts";
import { MOST_STEPS_PER_READ, Race } from "./race.ts";

/** Milliseconds between two. */
const DISTRIBUTIONS_EVERY = 1500;
const CHECKPOINT_EVERY = 5000;
/** At most this share of the time goes into test images. */
const TEST_SHARE = 0.25;
const PROBE_BATCH = 250;

const report = (message: RaceReport): void => postMessage(message);

class Session {
  #device!: Device;
  #digits!: Digits;
  #race: Race | undefined;
  #running = false;
  /** Steps that were asked for one by one. */
  #owed = 0;
  #checkpoint: Awaited<ReturnType<Race["save"]>> | undefined;
  readonly #pace = new Pace(MOST_STEPS_PER_READ);
  #last = { test: 0, testCost: 0, distributions: 0, checkpoint: 0 };

  async handle(request: RaceRequest): Promise<void> {
    switch (request.type) {
      case "open":
        return this.#open(request.data);
      case "start":
        return this.#start(request);
      case "run":
        this.#running = true;
        return;
      case "pause":
        this.#running = false;
        this.#owed = 0;
        return;
      case "step":
        this.#running = false;
        this.#owed += request.count;
        return;
      case "predict":
        return this.#predict(request.pixels);
      case "loseDevice":
        this.#device.gpu.destroy();
    }
  }

  round(): Promise<void> | undefined {
    const race = this.#race;
    if (!race || !(this.#running || this.#owed > 0)) return undefined;
    return this.#round(race);
  }

  async fail(error: unknown): Promise<void> {
    if (error instanceof DeviceLostError) return this.#recover(error.message);
    this.#running = false;
    this.#owed = 0;
    report({ type: "failed", message: messageOf(error) });
  }

  async #open(folder: string): Promise<void> {
    await this.#openDevice();
    this.#digits ??= await fetchDigits(folder);
    const { train, test } = this.#digits;
    report({ type: "loaded", trainImages: train[0].shape[0]!, testImages: test[0].shape[0]! });
  }

  async #openDevice(): Promise<void> {
    const opened = await openDevice(1);
    this.#device = opened.device;
    report(opened.report);
  }

  async #start({ race: config, running }: Extract<RaceRequest, { type: "start" }>): Promise<void> {
    this.#race?.dispose();
    this.#race = undefined;
    this.#race = new Race(config, this.#digits);
    this.#running = running;
    this.#owed = 0;
    this.#checkpoint = undefined;
    this.#last = { test: 0, testCost: 0, distributions: 0, checkpoint: performance.now() };
    this.#pace.reset();
    report({ type: "started", parameters: this.#race.parameters });
    await this.#showDistributions(this.#race);
  }

  async #round(race: Race): Promise<void> {
    const left = race.config.steps - race.step;
    const count = Math.min(left, this.#pace.steps, this.#running ? Infinity : this.#owed);
    const start = performance.now();
    for (let i = 0; i < count; i++) race.train();
    const losses = await race.takeLosses();
    const milliseconds = performance.now() - start;
    this.#pace.took(count, milliseconds);
    this.#owed = Math.max(0, this.#owed - count);
    report({ type: "losses", step: race.step, losses, stepsPerSecond: (1000 * count) / milliseconds });
    const over = race.step >= race.config.steps;
    const idle = over || !(this.#running || this.#owed > 0);
    await this.#sideWork(race, idle);
    if (!over) return;
    this.#running = false;
    this.#owed = 0;
    report({ type: "finished", step: race.step });
  }

  /** What is looked at now and then, and always when training halts. */
  async #sideWork(race: Race, idle: boolean): Promise<void> {
    const now = performance.now();
    if (idle || now - this.#last.test > this.#last.testCost / TEST_SHARE) {
      report({ type: "accuracy", step: race.step, accuracy: await race.test() });
      this.#last.test = performance.now();
      this.#last.testCost = this.#last.test - now;
    }
    if (idle || now - this.#last.distributions > DISTRIBUTIONS_EVERY) await this.#showDistributions(race);
    if (idle || now - this.#last.checkpoint > CHECKPOINT_EVERY) {
      this.#checkpoint = await race.save();
      this.#last.checkpoint = performance.now();
    }
  }

  async #showDistributions(race: Race): Promise<void> {
    if (!race.config.distributions) return;
    for (const [x, y] of new data.DataLoader(this.#digits.test, { batchSize: PROBE_BATCH })) {
      const models = race.entries.map(({ model }) => model);
      const layers = await distributions(models, x, y);
      report({ type: "distributions", step: race.step, layers });
      break;
    }
    this.#last.distributions = performance.now();
  }

  async #predict(pixels: Float32Array): Promise<void> {
    const model = this.#race?.entries[0]?.model;
    if (!model) return;
    model.eval();
    const probabilities = scope(() => noGrad(() => model.forward(tensor(pixels, { shape: [1, 784] })).softmax(1)));
    model.train();
    const values = Float32Array.from(await probabilities.data(), Number);
    probabilities.dispose();
    report({ type: "prediction", probabilities: values });
  }

  /** A new device, the same race from its last checkpoint. */
  async #recover(reason: string): Promise<void> {
    report({ type: "lost", reason });
    await this.#openDevice();
    const config = this.#race?.config;
    if (!config) return;
    this.#race = new Race(config, this.#digits);
    if (this.#checkpoint) this.#race.restore(this.#checkpoint);
    this.#pace.reset();
    report({ type: "recovered", step: this.#race.step });
  }
}

void serve<RaceRequest>(new Session());
