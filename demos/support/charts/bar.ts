/** Horizontal bars with their values written at the end, in groups by color: times, ratios. */
import type { TopLevelSpec } from "vega-lite";
import { assertDrawable, brief, frame, hueOf, logTicks, ruleAt } from "./parts.ts";
import { extent } from "./series.ts";
import { renderLite } from "./style.ts";

export interface BarChart {
  title: string;
  /** Meaning of a bar's length, with the unit. */
  xTitle: string;
  bars: { name: string; value: number; low?: number; high?: number; group?: string }[];
  /** A log scale, on which bars start at `rule` (a ratio of 2 is drawn as long as one of 1/2). */
  log?: boolean;
  /** A vertical line to compare with; 1 for ratios. */
  rule?: number;
}

export function barChart(chart: BarChart): Promise<string> {
  const bars = chart.bars.filter((bar) => Number.isFinite(bar.value) && (!chart.log || bar.value > 0));
  assertDrawable("barChart", chart.title, bars.length);
  const names = [...new Set(bars.map((bar) => bar.name))];
  const start = chart.log ? (chart.rule ?? 1) : 0;
  const values = bars.map((bar) => ({
    ...bar,
    group: bar.group ?? "",
    text: brief(bar.value),
    tip: Math.max(bar.value, bar.high ?? bar.value, start),
  }));
  const domain = room(bars, start, chart.log);
  const x = {
    type: "quantitative",
    title: chart.xTitle,
    scale: { type: chart.log ? "log" : "linear", domain, nice: false },
    axis: chart.log ? logTicks(...domain) : { tickCount: 6 },
  };
  const groups = [...new Set(values.map((bar) => bar.group))];
  const layer = [...layersOf(x, names, groups, start), ...(chart.rule === undefined ? [] : ruleAt("x", chart.rule))];
  const height = 16 * (names.length + bars.length);
  return renderLite({ ...frame(chart.title), height, data: { values }, layer } as TopLevelSpec, chart.title);
}

/** Bars, whiskers from `low` to `high`, and the numbers at the tips. */
function layersOf(x: object, names: string[], groups: string[], start: number) {
  const several = groups.length > 1;
  const hue = hueOf("group", groups);
  const legend = several ? { ...hue.legend, symbolType: "square", symbolSize: 120 } : null;
  const y = { field: "name", type: "nominal", sort: names, title: null, axis: { labelLimit: 190, ticks: false } };
  const position = { y, ...(several ? { yOffset: { field: "group", type: "nominal", sort: groups } } : {}) };
  return [
    {
      mark: { type: "bar" },
      encoding: {
        ...position,
        x: { ...x, field: "value", stack: null },
        x2: { datum: start },
        color: { ...hue, legend },
      },
    },
    {
      transform: [{ filter: "isValid(datum.low) && isValid(datum.high)" }],
      mark: { type: "rule", strokeWidth: 1.5, color: "currentColor", opacity: 0.7 },
      encoding: { ...position, x: { ...x, field: "low" }, x2: { field: "high" } },
    },
    {
      mark: { type: "text", align: "left", dx: 4 },
      encoding: { ...position, x: { ...x, field: "tip" }, text: { field: "text" } },
    },
  ];
}

/** The x domain: all bars and whiskers, and space for the number behind the longest one. */
function room(bars: BarChart["bars"], start: number, log?: boolean): [number, number] {
  const tips = bars.flatMap((bar) => [bar.value, bar.low ?? bar.value, bar.high ?? bar.value]);
  const [low, high] = extent([[...tips, start]])!;
  if (log) return [low / (low < start ? 1.2 : 1), high * Math.max(1.3, (high / low) ** 0.15)];
  return [low, high + (high - low) * 0.15];
}
