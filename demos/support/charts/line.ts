/** Curves over a common x axis, each with an optional band between `low` and `high`. */
import type { TopLevelSpec } from "vega-lite";
import { assertDrawable, dashes, frame, hueOf, logTicks, ruleAt } from "./parts.ts";
import { extent, type Series, thin, windowFor } from "./series.ts";
import { renderLite, wrap } from "./style.ts";

export interface LineChart {
  title: string;
  /** With the unit: "step", "loss (nats)". */
  xTitle: string;
  yTitle: string;
  series: Series[];
  logX?: boolean;
  logY?: boolean;
  /** Points that are averaged into one, at least as many as bring a line under 300 points; said in the axis title. */
  window?: number;
  /** A horizontal line to compare with. */
  rule?: { y: number; name: string };
}

const POINTS_PER_LINE = 300;
const FEW = 16;

export function lineChart(chart: LineChart): Promise<string> {
  const window = Math.max(chart.window ?? 1, windowFor(chart.series, POINTS_PER_LINE));
  const rows = rowsOf(chart, window);
  assertDrawable("lineChart", chart.title, rows.length);
  const marked = rows.length <= FEW * chart.series.length;
  const averaged = window > 1 ? `, mean of every ${window} points` : "";
  const names = chart.series.map((series) => series.name);
  const hue = hueOf("series", names);
  const xs = rows.map((row) => row.x);
  const ys = rows.flatMap((row) => [row.y, row.low ?? row.y, row.high ?? row.y]);
  const x = { field: "x", type: "quantitative", title: chart.xTitle, ...axisOf(xs, chart.logX, { grid: false }) };
  const y = { type: "quantitative", title: wrap(chart.yTitle + averaged, 34), ...axisOf(ys, chart.logY) };
  x.scale = { ...x.scale, nice: false };
  const band = {
    transform: [{ filter: "isValid(datum.low)" }],
    mark: { type: "area", fillOpacity: 0.16, strokeOpacity: 0 },
    encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color: hue },
  };
  const line = {
    mark: { type: "line", strokeWidth: 2, ...(marked ? { point: { size: 28, filled: true } } : {}) },
    encoding: { x, y: { ...y, field: "y" }, color: hue, strokeDash: dashes(hue) },
  };
  const layer = [band, line, ...(chart.rule ? ruleAt("y", chart.rule.y, chart.rule.name) : [])];
  return renderLite({ ...frame(chart.title), data: { values: rows }, layer } as TopLevelSpec, chart.title);
}

function axisOf(values: number[], log = false, more: object = {}) {
  const [low, high] = extent([values.filter((value) => !log || value > 0)])!;
  const scale: object = log ? { type: "log", nice: false } : { zero: false };
  return { scale, axis: { ...more, ...(log ? logTicks(low, high) : { tickCount: 6 }) } };
}

/** Thinned points as rows of data, without what a log axis cannot show. */
function rowsOf(chart: LineChart, window: number) {
  const fits = (value: number | undefined, log?: boolean) => value === undefined || !log || value > 0;
  return chart.series.flatMap((series) =>
    thin(series, window)
      .filter((point) => fits(point.x, chart.logX) && fits(point.y, chart.logY))
      .map(({ x, y, low, high }) => ({ series: series.name, x, y, ...(fits(low, chart.logY) ? { low, high } : {}) })),
  );
}
