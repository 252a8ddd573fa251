/** Level sets of a function of two variables, with paths of points across them: what descent does on a surface. */
import type { Spec } from "vega";
import { assertDrawable } from "./parts.ts";
import { dashOf, HEIGHT, PALETTE, renderVega, WIDTH, wrap } from "./style.ts";

export interface ContourChart {
  title: string;
  xTitle: string;
  yTitle: string;
  f: (x: number, y: number) => number;
  xDomain: [number, number];
  yDomain: [number, number];
  /** Values of `f` whose level sets are drawn. */
  levels: number[];
  paths?: { name: string; points: readonly (readonly [number, number])[] }[];
}

const GRID = 80;

export function contourChart(chart: ContourChart): Promise<string> {
  const grid = sample(chart);
  assertDrawable("contourChart", chart.title, grid.filter(Number.isFinite).length);
  const paths = chart.paths ?? [];
  const names = paths.map((path) => path.name);
  const points = paths.flatMap(({ name, points }) => points.map(([x, y]) => ({ name, x, y })));
  const axis = { tickCount: 6, grid: false, zindex: 1 };
  const legend = { stroke: "hue", strokeDash: "dash", orient: "bottom", direction: "horizontal", symbolType: "stroke" };
  const spec = {
    width: WIDTH,
    height: HEIGHT + 70,
    padding: 6,
    title: { text: wrap(chart.title) },
    data: [
      { name: "grid", values: [{ width: GRID, height: GRID, values: grid }] },
      { name: "levels", source: "grid", transform: [isolines(chart.levels)] },
      { name: "points", values: points },
    ],
    scales: [
      { name: "x", type: "linear", domain: chart.xDomain, range: "width", zero: false },
      { name: "y", type: "linear", domain: chart.yDomain, range: "height", zero: false },
      { name: "hue", type: "ordinal", domain: names, range: PALETTE },
      { name: "dash", type: "ordinal", domain: names, range: names.map((_, i) => dashOf(i)) },
    ],
    axes: [
      { orient: "bottom", scale: "x", title: chart.xTitle, ...axis },
      { orient: "left", scale: "y", title: chart.yTitle, ...axis },
    ],
    legends: names.length > 0 ? [{ ...legend, columns: 3, symbolSize: 420 }] : [],
    marks: [levelLines, pathLines],
  };
  return renderVega(spec as unknown as Spec, chart.title);
}

/** `f` on a grid whose first row lies at the top of the figure, where y is greatest. */
function sample({ f, xDomain: [x0, x1], yDomain: [y0, y1] }: ContourChart): number[] {
  const at = (low: number, high: number, i: number) => low + ((i + 0.5) / GRID) * (high - low);
  return Array.from({ length: GRID * GRID }, (_, i) => {
    const [row, column] = [Math.floor(i / GRID), i % GRID];
    return f(at(x0, x1, column), at(y0, y1, GRID - 1 - row));
  });
}

function isolines(levels: number[]) {
  const scale = { expr: `[width / ${GRID}, height / ${GRID}]` };
  return { type: "isocontour", field: { expr: "datum" }, thresholds: levels, scale: scale, as: "level" };
}

const levelLines = {
  type: "path",
  clip: true,
  from: { data: "levels" },
  encode: { enter: { stroke: { value: "currentColor" }, strokeOpacity: { value: 0.35 }, strokeWidth: { value: 1 } } },
  transform: [{ type: "geopath", field: "datum.level" }],
};

const pathLines = {
  type: "group",
  from: { facet: { name: "path", data: "points", groupby: "name" } },
  encode: { update: { width: { signal: "width" }, height: { signal: "height" }, clip: { value: true } } },
  marks: [
    {
      type: "line",
      from: { data: "path" },
      encode: {
        enter: {
          x: { scale: "x", field: "x" },
          y: { scale: "y", field: "y" },
          stroke: { scale: "hue", field: "name" },
          strokeDash: { scale: "dash", field: "name" },
          strokeWidth: { value: 2 },
        },
      },
    },
    {
      type: "symbol",
      from: { data: "path" },
      encode: {
        enter: {
          x: { scale: "x", field: "x" },
          y: { scale: "y", field: "y" },
          fill: { scale: "hue", field: "name" },
          size: { value: 12 },
        },
      },
    },
  ],
};
