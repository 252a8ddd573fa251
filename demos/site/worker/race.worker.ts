/** Trains networks for the pages on initialization, normalization, optimizers and digits. */
import { type Device, DeviceLostError, data, noGrad, scope, tensor } from "gradwell";
import type { RaceReport, RaceRequest } from "../shared/protocol.ts";
import { distributions } from "./distributions.ts";
import { messageOf, openDevice } from "./gpu.ts";
import { serve } from "./mailbox.ts";
import { type Digits, fetchDigits } from "./mnist.ts";
import { Pace } from "./pace.ts";
import { MAX_STEPS_PER_READ, Race } from "./race.ts";
import { SideJob } from "./side-job.ts";

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
  readonly #pace = new Pace(MAX_STEPS_PER_READ);
  // Milliseconds between two, and the share of all time that each may take: training comes first.
  readonly #testing = new SideJob(0, 0.2);
  readonly #looking = new SideJob(1500, 0.1);
  readonly #saving = new SideJob(3000, 0.05);

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

  async #start({ id, race: config, running }: Extract<RaceRequest, { type: "start" }>): Promise<void> {
    this.#race?.dispose();
    this.#race = undefined;
    this.#race = new Race(config, this.#digits);
    this.#running = running;
    this.#owed = 0;
    this.#checkpoint = undefined;
    this.#pace.reset();
    report({ type: "started", id, parameters: this.#race.parameters });
    await this.#showDistributions(this.#race);
    this.#testing.reset();
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

  /** Does the periodic work: evaluations and distributions, always when training halts. */
  async #sideWork(race: Race, idle: boolean): Promise<void> {
    await this.#testing.maybe(idle, async () => {
      report({ type: "accuracy", step: race.step, accuracy: await race.test() });
    });
    await this.#looking.maybe(idle, () => this.#showDistributions(race));
    await this.#saving.maybe(idle, async () => {
      this.#checkpoint = await race.save();
    });
  }

  async #showDistributions(race: Race): Promise<void> {
    if (!race.config.distributions) return;
    for (const [x, y] of new data.DataLoader(this.#digits.test, { batchSize: PROBE_BATCH })) {
      const models = race.entries.map(({ model }) => model);
      const layers = await distributions(models, x, y);
      report({ type: "distributions", step: race.step, layers });
      break;
    }
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
