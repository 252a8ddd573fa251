/** Figures as SVG strings, made in Node without a DOM; vega-lite draws them. One file per kind in `charts/`. */
export { type BarChart, barChart } from "./charts/bar.ts";
export { type ContourChart, contourChart } from "./charts/contour.ts";
export { type HeatMap, heatMap } from "./charts/heatmap.ts";
export { type Histogram, histogram } from "./charts/histogram.ts";
export { type LineChart, lineChart } from "./charts/line.ts";
export type { Series } from "./charts/series.ts";
