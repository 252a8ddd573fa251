/** The paths of optimizers over a surface of two parameters. */
import type { SurfaceName, SurfaceReport, SurfaceRequest } from "../shared/protocol.ts";
import { OPTIMIZERS, type OptimizerName } from "../shared/settings.ts";
import { SURFACES } from "../shared/surfaces.ts";
import { el } from "./dom.ts";
import { Results } from "./results.ts";
import { SurfaceChart } from "./surface-chart.ts";
import { Toolbar } from "./toolbar.ts";

const STEPS = 300;
const LOSS_SHOWN = 1e6;

/** The optimizers that are of use for two parameters in a vector, with their rates for each surface. */
const RATES: Record<SurfaceName, Partial<Record<OptimizerName, number>>> = {
  quadratic: { sgd: 0.018, momentum: 0.012, adagrad: 0.6, rmsprop: 0.03, adam: 0.08, adamw: 0.08, diagonalNewton: 0.1 },
  rosenbrock: {
    sgd: 0.003,
    momentum: 0.002,
    adagrad: 0.3,
    rmsprop: 0.015,
    adam: 0.04,
    adamw: 0.04,
    diagonalNewton: 0.1,
  },
  saddle: { sgd: 0.05, momentum: 0.03, adagrad: 0.15, rmsprop: 0.03, adam: 0.04, adamw: 0.04, diagonalNewton: 0.1 },
};

export class SurfaceView {
  readonly element = el("div", { className: "surface" });
  readonly #worker: Worker;
  readonly #toolbar: Toolbar;
  readonly #surface = el("select", { name: "surface" });
  readonly #condition = el("input", { type: "range", name: "condition", min: "0", max: "3", step: "0.1", value: "2" });
  readonly #conditionText = el("span", { className: "value" });
  readonly #box = el("div");
  readonly #table = el("div", { className: "wide" });
  #chart: SurfaceChart | undefined;
  #results: Results | undefined;
  #id = 0;
  #started = 0;
  #available: readonly OptimizerName[];

  constructor(available: readonly OptimizerName[]) {
    this.#available = available;
    this.#worker = new Worker(new URL("../worker/surface.worker.ts", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<SurfaceReport>) => this.#take(data));
    this.#worker.addEventListener("error", ({ message }) => this.#toolbar.trouble(`The worker failed: ${message}`));
    const actions = {
      run: () => this.#post({ type: "run" }),
      pause: () => this.#post({ type: "pause" }),
      step: () => this.#post({ type: "step", count: 1 }),
      reset: () => this.#restart(false),
    };
    this.#toolbar = new Toolbar(actions, { runLabel: "Walk" });
    const options = Object.entries(SURFACES).map(([value, { label }]) => el("option", { value }, label));
    this.#surface.append(...options);
    this.#surface.addEventListener("change", () => this.#restart(true));
    this.#condition.addEventListener("input", () => this.#showCondition());
    this.#condition.addEventListener("change", () => this.#restart(true));
    const slider = el("label", {}, el("span", {}, "Condition number: ", this.#conditionText), this.#condition);
    const form = el(
      "form",
      { className: "controls" },
      el("label", {}, el("span", {}, "Surface"), this.#surface),
      slider,
    );
    const split = el("div", { className: "split" }, this.#box, this.#table);
    this.element.append(form, this.#toolbar.element, split);
    this.#showCondition();
    this.#restart(true);
  }

  get #name(): SurfaceName {
    return this.#surface.value as SurfaceName;
  }

  #post(request: SurfaceRequest): void {
    this.#worker.postMessage(request);
  }

  get #conditionNumber(): number {
    return 10 ** Number(this.#condition.value);
  }

  #showCondition(): void {
    this.#conditionText.textContent = String(Number(this.#conditionNumber.toPrecision(2)));
  }

  #runs(): { optimizer: OptimizerName; lr: number }[] {
    const rates = Object.entries(RATES[this.#name]) as [OptimizerName, number][];
    // Gradient descent is stable below 2 / the greatest curvature.
    const steep = this.#name === "quadratic" ? 100 / this.#conditionNumber : 1;
    const scaled = (optimizer: OptimizerName, lr: number) =>
      optimizer === "sgd" || optimizer === "momentum" ? Math.min(lr * steep, 0.5) : lr;
    return rates
      .filter(([optimizer]) => this.#available.includes(optimizer))
      .map(([optimizer, lr]) => ({ optimizer, lr: scaled(optimizer, lr) }));
  }

  #restart(running: boolean): void {
    const surface = SURFACES[this.#name];
    const runs = this.#runs();
    this.#condition.disabled = this.#name !== "quadratic";
    this.#chart?.chart.remove();
    this.#chart = new SurfaceChart(surface, this.#conditionNumber, runs.length);
    this.#box.replaceChildren(this.#chart.chart.figure);
    const names = runs.map(({ optimizer, lr }) => `${OPTIMIZERS[optimizer]}, lr ${Number(lr.toPrecision(2))}`);
    this.#results = new Results(names, ["loss"]);
    this.#table.replaceChildren(this.#results.table);
    this.#toolbar.running = running;
    this.#toolbar.status("Step 0");
    this.#post({ type: "pause" });
    const condition = this.#conditionNumber;
    const id = ++this.#id;
    this.#post({ type: "start", id, surface: this.#name, condition, from: surface.start, runs, steps: STEPS });
    if (running) this.#post({ type: "run" });
  }

  #take(report: SurfaceReport): void {
    const isOld = (report.type === "points" || report.type === "finished") && this.#started !== this.#id;
    if (isOld) return;
    switch (report.type) {
      case "started":
        this.#started = report.id;
        break;
      case "points":
        this.#chart?.add(report.points);
        this.#results?.set(
          0,
          report.points.map((points) => this.#lossText(points)),
        );
        this.#toolbar.status(`Step ${report.step} of ${STEPS}`);
        break;
      case "finished":
        this.#toolbar.running = false;
        break;
      case "lost":
        this.#toolbar.trouble(`The GPU device was lost (${report.reason}); the paths begin anew.`);
        break;
      case "failed":
        this.#toolbar.running = false;
        this.#toolbar.trouble(report.message);
    }
  }

  #lossText(points: Float32Array): string {
    const [x, y] = [points.at(-2)!, points.at(-1)!];
    const loss = SURFACES[this.#name].height(x, y, this.#conditionNumber);
    return Math.abs(loss) < LOSS_SHOWN ? loss.toPrecision(3) : "diverged";
  }
}
