/** Shares of values per bin; all series on the same bins, so that heights compare. */
import type { TopLevelSpec } from "vega-lite";
import { assertDrawable, frame, hueOf } from "./parts.ts";
import { bin, extent } from "./series.ts";
import { renderLite, WIDTH, wrap } from "./style.ts";

export interface Histogram {
  title: string;
  /** With the unit. */
  xTitle: string;
  series: { name: string; values: ArrayLike<number> }[];
  bins?: number;
  /** All in one frame (the default), or one small frame per series below each other. */
  layout?: "overlay" | "rows";
}

export function histogram(chart: Histogram): Promise<string> {
  const range = extent(chart.series.map((series) => series.values));
  assertDrawable("histogram", chart.title, range ? 1 : 0);
  const domain = widen(range!);
  const values = chart.series.flatMap(({ name, values }) => {
    const { edges, counts } = bin(values, domain[0], domain[1], chart.bins ?? 60);
    // Once more the last count: a step is drawn from one point to the next.
    const share = (i: number) => (100 * counts[Math.min(i, counts.length - 1)]!) / values.length;
    return edges.map((edge, i) => ({ series: name, edge, share: share(i) }));
  });
  const hue = hueOf(
    "series",
    chart.series.map((series) => series.name),
  );
  const mark = { type: "area", interpolate: "step-after", line: { strokeWidth: 1.6 }, fillOpacity: 0.18 };
  const scale = { domain, nice: false };
  const x = { field: "edge", type: "quantitative", title: chart.xTitle, scale, axis: { tickCount: 7, grid: false } };
  const y = { field: "share", type: "quantitative", title: "share of values per bin (%)", stack: null };
  if (chart.layout !== "rows") {
    const encoding = { x, y, color: hue };
    return renderLite({ ...frame(chart.title), data: { values }, mark, encoding } as TopLevelSpec, chart.title);
  }
  const encoding = { x, y: { ...y, title: "share (%)", axis: { tickCount: 3 } }, color: { ...hue, legend: null } };
  const header = { labelAngle: 0, labelOrient: "top", labelAnchor: "start", labelPadding: 2 };
  const row = { field: "series", type: "nominal", title: null, sort: hue.scale.domain, header };
  const small = { width: WIDTH, height: 64, mark, encoding };
  const facets = { title: wrap(chart.title), padding: 6, data: { values }, spacing: 14, facet: { row }, spec: small };
  return renderLite(facets as TopLevelSpec, chart.title);
}

/** Room at both ends, so that the outermost steps are seen; values that are all alike still get bins around them. */
function widen([low, high]: [number, number]): [number, number] {
  const room = high > low ? 0.03 * (high - low) : Math.abs(low) / 2 || 0.5;
  return [low - room, high + room];
}
