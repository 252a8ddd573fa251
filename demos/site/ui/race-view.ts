/** A race on the page: toolbar, curves, table and distributions of networks that the worker trains. */
import type { RaceConfig, RaceReport, RaceRequest } from "../shared/protocol.ts";
import type { Controls } from "./controls.ts";
import { button, el } from "./dom.ts";
import { Histograms } from "./histograms.ts";
import { LineChart } from "./line-chart.ts";
import { Results } from "./results.ts";
import { Toolbar } from "./toolbar.ts";

/** Loss of a guess among ten digits: ln 10 nats. Curves far above it are cut off. */
const GUESS = Math.log(10);

/** Reports that mean nothing to a race that has not begun. */
const ABOUT_A_RACE = new Set<RaceReport["type"]>(["losses", "accuracy", "distributions", "finished", "recovered"]);

type Handlers = { [K in RaceReport["type"]]?: (report: Extract<RaceReport, { type: K }>) => void };

export interface RaceViewOptions {
  controls: Controls;
  /** The race that the controls ask for. */
  config: () => RaceConfig;
  /** True when training starts by itself once all is loaded. */
  autostart?: boolean;
  /** Called when the worker has its device: software adapters deserve smaller networks. */
  onDevice?: (device: Extract<RaceReport, { type: "device" }>) => void;
  onReport?: (report: RaceReport) => void;
}

export class RaceView {
  readonly element = el("div", { className: "race" });
  readonly #options: RaceViewOptions;
  readonly #worker: Worker;
  readonly #toolbar: Toolbar;
  readonly #charts = el("div", { className: "charts" });
  readonly #table = el("div", { className: "wide" });
  readonly #device = el("p", { className: "device" });
  readonly #histograms: Histograms | undefined;
  #loss: LineChart | undefined;
  #accuracy: LineChart | undefined;
  #results: Results | undefined;
  #config!: RaceConfig;
  #loaded = false;
  /** The last race that was asked for, and the last one that has begun. */
  #id = 0;
  #started = 0;

  constructor(options: RaceViewOptions) {
    this.#options = options;
    this.#toolbar = new Toolbar({
      run: () => this.post({ type: "run" }),
      pause: () => this.post({ type: "pause" }),
      step: () => this.post({ type: "step", count: 1 }),
      reset: () => this.restart(false),
    });
    this.#config = options.config();
    this.#histograms = this.#config.distributions ? new Histograms() : undefined;
    this.element.append(options.controls.form, this.#toolbar.element, this.#charts, this.#table);
    if (this.#histograms) this.element.append(this.#histograms.section);
    this.element.append(this.#device);
    this.#toolbar.status("Loading the digits (4 MB) …");
    this.#worker = new Worker(new URL("../worker/race.worker.ts", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<RaceReport>) => this.#take(data));
    this.#worker.addEventListener("error", ({ message }) => this.#toolbar.trouble(`The worker failed: ${message}`));
    this.post({ type: "open", data: new URL("./mnist/", document.baseURI).href });
    this.#clear();
  }

  post(request: RaceRequest): void {
    this.#worker.postMessage(request);
  }

  /** Begins anew with what the controls say now. */
  restart(running = this.#toolbar.running): void {
    this.#config = this.#options.config();
    this.#clear();
    this.#toolbar.running = running;
    this.#toolbar.trouble("");
    if (!this.#loaded) return;
    this.#toolbar.status("Step 0");
    this.post({ type: "start", id: ++this.#id, race: this.#config, running });
  }

  #clear(): void {
    const { runs, steps } = this.#config;
    const names = runs.map(({ label }) => label);
    const common = { names, steps, xTitle: "training step" };
    this.#loss?.chart.remove();
    this.#accuracy?.chart.remove();
    const cut = (_: number, high: number): [number, number] => [0, Math.min(Math.max(high, 0.5) * 1.05, 3 * GUESS)];
    this.#loss = new LineChart({ ...common, title: "Training loss", yTitle: "cross-entropy (nats)", yRange: cut });
    const percent = (): [number, number] => [0, 100];
    const accuracy = { title: "Test accuracy", yTitle: "digits right (%)", yRange: percent, points: true };
    this.#accuracy = new LineChart({ ...common, ...accuracy });
    this.#results = new Results(names, ["loss", "test accuracy"]);
    this.#charts.replaceChildren(this.#loss.chart.figure, this.#accuracy.chart.figure);
    this.#table.replaceChildren(this.#results.table);
    this.#histograms?.reset(names);
  }

  #take(report: RaceReport): void {
    if (ABOUT_A_RACE.has(report.type) && this.#started !== this.#id) return;
    this.#options.onReport?.(report);
    const handler = this.#handlers[report.type] as ((report: RaceReport) => void) | undefined;
    handler?.(report);
  }

  readonly #handlers: Handlers = {
    device: (report) => {
      this.#showDevice(report);
      this.#options.onDevice?.(report);
    },
    loaded: () => {
      this.#loaded = true;
      this.restart(this.#options.autostart ?? true);
    },
    started: ({ id, parameters }) => {
      this.#started = id;
      this.#toolbar.status(`${parameters.toLocaleString("en")} parameters in all; step 0`);
    },
    losses: (report) => this.#takeLosses(report),
    accuracy: ({ step, accuracy }) => {
      const percent = accuracy.map((share) => 100 * share);
      this.#accuracy?.add(step, percent);
      this.#results?.set(
        1,
        percent.map((one) => `${one.toFixed(1)} %`),
      );
    },
    distributions: ({ step, layers }) => this.#histograms?.add(step, layers),
    finished: ({ step }) => this.#end(`Done: ${step} steps`),
    lost: ({ reason }) => this.#toolbar.trouble(`The GPU device was lost (${reason}). Getting a new one …`),
    recovered: ({ step }) => {
      this.#loss?.cutAfter(step);
      this.#accuracy?.cutAfter(step);
      this.#toolbar.trouble(`The GPU device was lost; training went on from the checkpoint of step ${step}.`);
    },
    failed: ({ message }) => {
      this.#end("Stopped");
      this.#toolbar.trouble(message);
    },
  };

  #end(status: string): void {
    this.#toolbar.running = false;
    this.#toolbar.status(status);
  }

  #takeLosses({ step, losses, stepsPerSecond }: Extract<RaceReport, { type: "losses" }>): void {
    const count = losses[0]!.length;
    for (let i = 0; i < count; i++)
      this.#loss!.add(
        step - count + i + 1,
        losses.map((run) => run[i]!),
      );
    this.#results!.set(0, losses.map(lossText));
    const rate = stepsPerSecond >= 10 ? stepsPerSecond.toFixed(0) : stepsPerSecond.toFixed(1);
    this.#toolbar.status(`Step ${step} of ${this.#config.steps}, ${rate} steps/s`);
  }

  #showDevice({ description, isSoftware }: Extract<RaceReport, { type: "device" }>): void {
    const kind = isSoftware ? " (software: slow, but the same numbers)" : "";
    const lose = button("Pretend that the GPU is lost", () => this.post({ type: "loseDevice" }), "link");
    this.#device.replaceChildren(`Computed in this page on: ${description}${kind}. `, lose);
  }
}

function lossText(losses: Float32Array): string {
  const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
  return Number.isFinite(mean) ? mean.toFixed(3) : "diverged";
}
