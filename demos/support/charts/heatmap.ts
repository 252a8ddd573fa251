/** A grid of colored cells with their values written in. */
import type { TopLevelSpec } from "vega-lite";
import { assertDrawable, brief, frame } from "./parts.ts";
import { extent } from "./series.ts";
import { renderLite } from "./style.ts";

export interface HeatMap {
  title: string;
  xTitle: string;
  yTitle: string;
  /** Meaning of a cell's color, with the unit. */
  valueTitle: string;
  xs: (string | number)[];
  ys: (string | number)[];
  /** One row per entry of `ys`; a value that is not finite is drawn as an empty cell with a dash. */
  values: number[][];
  logColor?: boolean;
}

export function heatMap(chart: HeatMap): Promise<string> {
  const range = extent(chart.values);
  assertDrawable("heatMap", chart.title, range ? 1 : 0);
  const [low, high] = range!;
  const middle = chart.logColor ? Math.sqrt(low * high) : (low + high) / 2;
  const values = chart.ys.flatMap((y, row) =>
    chart.xs.map((x, column) => cell(String(x), String(y), chart.values[row]?.[column] ?? Number.NaN)),
  );
  const axis = (field: string, title: string, sort: (string | number)[]) => {
    const axis = { labelAngle: 0, ticks: false, domain: false };
    return { field, type: "ordinal", title, sort: sort.map(String), axis };
  };
  const color = {
    field: "value",
    type: "quantitative",
    scale: { scheme: "cividis", type: chart.logColor ? "log" : "linear", nice: false },
    legend: { title: chart.valueTitle, titleLimit: 400, orient: "bottom", gradientLength: 260, tickCount: 4 },
  };
  const fill = { transform: [{ filter: "isValid(datum.value)" }], mark: { type: "rect" }, encoding: { color } };
  // Dark text on the light (upper) half of the colors, light text on the other, the page's own on empty cells.
  const onColor = { test: "isValid(datum.value)", value: { expr: `datum.value > ${middle} ? "#111" : "#fff"` } };
  const ink = { condition: onColor, value: "currentColor" };
  const text = { mark: { type: "text", fontSize: 11 }, encoding: { text: { field: "text" }, color: ink } };
  return renderLite(
    {
      ...frame(chart.title),
      height: 34 * chart.ys.length,
      data: { values },
      encoding: { x: axis("x", chart.xTitle, chart.xs), y: axis("y", chart.yTitle, chart.ys) },
      layer: [fill, text],
    } as TopLevelSpec,
    chart.title,
  );
}

function cell(x: string, y: string, value: number) {
  return Number.isFinite(value) ? { x, y, value, text: brief(value) } : { x, y, value: null, text: "–" };
}
