/** The distributions of a race, layer by layer, and a slider through those of earlier steps. */
import type uPlot from "uplot";
import type { Distribution, LayerDistributions } from "../shared/protocol.ts";
import { axes, Chart, runSeries, stepped } from "./chart.ts";
import { el } from "./dom.ts";

const HEIGHT = 150;
const MAX_SNAPSHOTS = 60;

const KINDS = [
  ["weights", "weights", "value"],
  ["activations", "activations", "value (zeros left out)"],
  ["gradients", "gradients by activation", "log10 of |gradient|"],
] as const;

interface Snapshot {
  step: number;
  layers: LayerDistributions[];
}

export class Histograms {
  readonly section: HTMLElement;
  readonly #grid = el("div", { className: "histograms" });
  readonly #slider = el("input", { type: "range", min: "0", max: "0", value: "0", name: "snapshot" });
  readonly #label = el("span", { className: "value" }, "step 0");
  #names: readonly string[] = [];
  #charts: Chart[] = [];
  #snapshots: Snapshot[] = [];
  #shape = "";

  constructor() {
    this.#slider.addEventListener("input", () => this.#showChosen());
    this.section = el(
      "section",
      { className: "distributions" },
      el("h2", {}, "Layer by layer"),
      el("label", { className: "slider" }, el("span", {}, "Shown: "), this.#label, this.#slider),
      this.#grid,
    );
  }

  reset(names: readonly string[]): void {
    this.#names = names;
    this.#snapshots = [];
  }

  add(step: number, layers: LayerDistributions[]): void {
    const follows = this.#slider.value === this.#slider.max;
    this.#snapshots.push({ step, layers });
    if (this.#snapshots.length > MAX_SNAPSHOTS) this.#snapshots = this.#snapshots.filter((_, i) => i % 2 === 0);
    const last = String(this.#snapshots.length - 1);
    this.#slider.max = last;
    if (follows || this.#snapshots.length === 1) this.#slider.value = last;
    this.#showChosen();
  }

  #showChosen(): void {
    const snapshot = this.#snapshots[Number(this.#slider.value)];
    if (!snapshot) return;
    const isStart = snapshot.step === 0;
    const isLast = this.#slider.value === this.#slider.max;
    this.#label.textContent = `step ${snapshot.step}${isStart ? " (start)" : isLast ? " (latest)" : ""}`;
    this.#build(snapshot.layers);
    const found = snapshot.layers.flatMap((layer) => KINDS.map(([kind]) => layer[kind]));
    for (const [i, chart] of this.#charts.entries()) chart.show(() => columns(found[i]!));
  }

  /** Makes the charts when there are other layers or runs than before. */
  #build(layers: readonly LayerDistributions[]): void {
    const shape = [...this.#names, ...layers.map(({ name }) => name)].join();
    if (shape === this.#shape) return;
    this.#shape = shape;
    for (const chart of this.#charts) chart.remove();
    const made = layers.map((layer) => KINDS.map(([kind, title, xTitle]) => this.#chart(layer, kind, title, xTitle)));
    this.#charts = made.flat();
    const rows = made.map((charts, i) => [el("h3", {}, layers[i]!.name), ...charts.map(({ figure }) => figure)]);
    this.#grid.replaceChildren(...rows.flat());
  }

  #chart(layer: LayerDistributions, kind: (typeof KINDS)[number][0], title: string, xTitle: string): Chart {
    const text = { title, xTitle, yTitle: "% of values" };
    const series = runSeries(this.#names, { paths: stepped, width: 1.5 });
    const scales = { x: { time: false }, y: { range: { min: { pad: 0, hard: 0 }, max: { pad: 0.1 } } } };
    const options = { height: HEIGHT, scales, axes: axes(text, true), series: [{}, ...series] };
    return new Chart(title, options, columns(layer[kind]), `${layer.name}: ${title}`);
  }
}

const columns = ({ edges, shares }: Distribution): uPlot.AlignedData => [edges, ...shares];
