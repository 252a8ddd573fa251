/** A live line chart: one line per run over the training steps. */
import type uPlot from "uplot";
import { axes, Chart, type ChartText, runSeries } from "./chart.ts";
import { Curves } from "./curves.ts";

const HEIGHT = 240;

export interface LineChartOptions extends ChartText {
  names: readonly string[];
  /** Ends of the y axis for finite values from `low` to `high`. */
  yRange: (low: number, high: number) => [number, number];
  /** Greatest step that will come. */
  steps: number;
  points?: boolean;
}

export class LineChart {
  readonly chart: Chart;
  readonly curves: Curves;

  constructor(options: LineChartOptions) {
    const { names, yRange, steps, points = false } = options;
    this.curves = new Curves(names.length);
    const range: uPlot.Range.Function = (_, low, high) => yRange(low ?? 0, high ?? 1);
    this.chart = new Chart(
      options.title,
      {
        height: HEIGHT,
        scales: { x: { time: false, range: [0, steps] }, y: { range } },
        axes: axes(options),
        series: [{}, ...runSeries(names, { points: { show: points, size: 5 } })],
      },
      this.curves.columns,
    );
  }

  /** Forgets what came after a step that training goes back to. */
  cutAfter(step: number): void {
    this.curves.cutAfter(step);
  }

  add(step: number, values: readonly number[]): void {
    this.curves.add(step, values);
    this.chart.show(() => this.curves.columns);
  }
}
