/** Base of all charts: a titled figure with a uPlot in it that follows its width and the colors of the page. */
import "./language.ts";
import uPlot from "uplot";
import { el } from "./dom.ts";
import { paintSoon } from "./schedule.ts";
import { onTheme, runColor, runDash, themed } from "./theme.ts";

export interface ChartText {
  title: string;
  /** With unit. */
  xTitle: string;
  yTitle: string;
}

export type ChartOptions = Omit<uPlot.Options, "width" | "height"> & { height: number };

/** Lines as steps from one x to the next, for histograms. */
export const stepped = uPlot.paths.stepped!({ align: 1 });

const FONT = "12px system-ui, sans-serif";

export class Chart {
  readonly figure: HTMLElement;
  readonly plot: uPlot;
  readonly #box: HTMLElement;
  readonly #resize: ResizeObserver;
  readonly #endTheme: () => void;

  /** `label` is the name for those who hear the page, where the title alone does not say what is shown. */
  constructor(title: string, options: ChartOptions, data: uPlot.AlignedData, label = title) {
    this.#box = el("div", { className: "plot" });
    this.figure = el("figure", { className: "chart" }, el("figcaption", {}, title), this.#box);
    const { height, ...rest } = options;
    this.plot = new uPlot(
      { cursor: { show: false }, legend: { show: false }, ...rest, width: 300, height },
      data,
      this.#box,
    );
    this.plot.root.setAttribute("role", "img");
    this.plot.root.setAttribute("aria-label", label);
    this.#resize = new ResizeObserver(() => this.#fit(height));
    this.#resize.observe(this.#box);
    this.#endTheme = onTheme(() => this.redraw());
  }

  /** Shows new data in one of the next frames. */
  show(data: () => uPlot.AlignedData): void {
    paintSoon(this, () => this.plot.setData(data()));
  }

  redraw(): void {
    paintSoon(this, () => this.plot.redraw(true, true));
  }

  remove(): void {
    this.#resize.disconnect();
    this.#endTheme();
    this.plot.destroy();
    this.figure.remove();
  }

  #fit(height: number): void {
    const width = Math.floor(this.#box.clientWidth);
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height });
  }
}

export function axes({ xTitle, yTitle }: ChartText, small = false): uPlot.Axis[] {
  const common = {
    stroke: () => themed("--ink"),
    grid: { stroke: () => themed("--grid"), width: 1 },
    ticks: { stroke: () => themed("--grid"), width: 1, size: 4 },
    font: FONT,
    labelFont: FONT,
    labelSize: 18,
  };
  return [
    { ...common, label: xTitle, size: 30, space: small ? 40 : 60 },
    { ...common, label: yTitle, size: 44, space: 26 },
  ];
}

/** The lines of runs, in their colors. */
export function runSeries(names: readonly string[], more: uPlot.Series = {}): uPlot.Series[] {
  return names.map((label, i) => ({
    label,
    stroke: () => themed(runColor(i)),
    dash: runDash(i),
    width: 2,
    points: { show: false },
    ...more,
  }));
}
