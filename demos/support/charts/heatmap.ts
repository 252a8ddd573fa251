/** A grid of coloured cells with their values written in. */
import type { TopLevelSpec } from "vega-lite";
import { assertDrawable, brief, frame } from "./parts.ts";
import { extent } from "./series.ts";
import { renderLite } from "./style.ts";

export interface HeatMap {
  title: string;
  xTitle: string;
  yTitle: string;
  /** What a cell's colour means, with the unit. */
  valueTitle: string;
  xs: (string | number)[];
  ys: (string | number)[];
  /** One row per entry of `ys`; a value that is not finite is drawn as an empty cell with a dash. */
  values: number[][];
  logColour?: boolean;
}

export function heatMap(chart: HeatMap): Promise<string> {
  const range = extent(chart.values);
  assertDrawable("heatMap", chart.title, range ? 1 : 0);
  const [low, high] = range!;
  const middle = chart.logColour ? Math.sqrt(low * high) : (low + high) / 2;
  const values = chart.ys.flatMap((y, row) =>
    chart.xs.map((x, column) => cell(String(x), String(y), chart.values[row]?.[column] ?? Number.NaN)),
  );
  const place = (field: string, title: string, sort: (string | number)[]) => {
    const axis = { labelAngle: 0, ticks: false, domain: false };
    return { field, type: "ordinal", title, sort: sort.map(String), axis };
  };
  const colour = {
    field: "value",
    type: "quantitative",
    scale: { scheme: "cividis", type: chart.logColour ? "log" : "linear", nice: false },
    legend: { title: chart.valueTitle, titleLimit: 400, orient: "bottom", gradientLength: 260, tickCount: 4 },
  };
  const fill = { transform: [{ filter: "isValid(datum.value)" }], mark: { type: "rect" }, encoding: { color: colour } };
  // Dark text on the light (upper) half of the colours, light text on the other, the page's own on empty cells.
  const onColour = { test: "isValid(datum.value)", value: { expr: `datum.value > ${middle} ? "#111" : "#fff"` } };
  const ink = { condition: onColour, value: "currentColor" };
  const text = { mark: { type: "text", fontSize: 11 }, encoding: { text: { field: "text" }, color: ink } };
  return renderLite(
    {
      ...frame(chart.title),
      height: 34 * chart.ys.length,
      data: { values },
      encoding: { x: place("x", chart.xTitle, chart.xs), y: place("y", chart.yTitle, chart.ys) },
      layer: [fill, text],
    } as TopLevelSpec,
    chart.title,
  );
}

function cell(x: string, y: string, value: number) {
  return Number.isFinite(value) ? { x, y, value, text: brief(value) } : { x, y, value: null, text: "–" };
}
