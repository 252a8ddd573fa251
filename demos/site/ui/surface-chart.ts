/** A surface from above, with the paths over it. uPlot draws the axes; heights and paths are painted into its frame. */
import type uPlot from "uplot";
import type { Surface } from "../shared/surfaces.ts";
import { axes, Chart } from "./chart.ts";
import { runColor, runDash, themed } from "./theme.ts";

const HEIGHT = 380;
/** Cells of the height map, along each side. */
const CELLS = 240;
const BANDS = 14;

export class SurfaceChart {
  readonly chart: Chart;
  readonly #surface: Surface;
  readonly #paths: number[][];
  #relief: HTMLCanvasElement;

  constructor(surface: Surface, condition: number, runs: number) {
    this.#surface = surface;
    this.#relief = paintRelief(surface, condition);
    this.#paths = Array.from({ length: runs }, () => [...surface.start]);
    const text = { title: "Paths", xTitle: "parameter x", yTitle: "parameter y" };
    const options = {
      height: HEIGHT,
      scales: { x: { time: false, range: surface.x }, y: { range: surface.y } },
      axes: axes(text),
      series: [{}, { show: false }],
      hooks: { drawClear: [(plot: uPlot) => this.#paintRelief(plot)], draw: [(plot: uPlot) => this.#paintPaths(plot)] },
    };
    this.chart = new Chart(text.title, options, [surface.x, surface.y]);
  }

  /** Lengthens every path by points (x, y, x, y, ...). */
  add(points: readonly Float32Array[]): void {
    for (const [i, more] of points.entries()) this.#paths[i]?.push(...more);
    this.chart.redraw();
  }

  #paintRelief({ ctx, bbox }: uPlot): void {
    ctx.save();
    ctx.imageSmoothingEnabled = true;
    ctx.drawImage(this.#relief, bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.restore();
  }

  #paintPaths(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const unit = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineJoin = "round";
    for (const [i, path] of this.#paths.entries()) {
      ctx.strokeStyle = ctx.fillStyle = themed(runColor(i));
      ctx.lineWidth = 2 * unit;
      ctx.setLineDash(runDash(i).map((dash) => dash * unit));
      paintPath(plot, path, 4 * unit);
    }
    ctx.setLineDash([]);
    ctx.fillStyle = themed("--ink");
    ctx.font = `${18 * unit}px sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (const [x, y] of this.#surface.goals)
      ctx.fillText("★", plot.valToPos(x, "x", true), plot.valToPos(y, "y", true));
    ctx.restore();
  }
}

/** A line through all points that are finite, with a dot at the last one. */
function paintPath(plot: uPlot, path: readonly number[], radius: number): void {
  const { ctx } = plot;
  let last: [number, number] | undefined;
  ctx.beginPath();
  for (let i = 0; i + 1 < path.length; i += 2) {
    const [x, y] = [path[i]!, path[i + 1]!];
    // Far outside the frame canvases lose precision.
    if (!(Math.abs(x) < 1e3 && Math.abs(y) < 1e3)) break;
    last = [plot.valToPos(x, "x", true), plot.valToPos(y, "y", true)];
    ctx.lineTo(...last);
  }
  ctx.stroke();
  if (!last) return;
  ctx.beginPath();
  ctx.arc(...last, radius, 0, 2 * Math.PI);
  ctx.fill();
}

/** Bands of equal height on a root scale, so that the bottom of a valley shows; edges between bands are contours. */
function paintRelief({ x: [x0, x1], y: [y0, y1], height }: Surface, condition: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = CELLS;
  const context = canvas.getContext("2d")!;
  const heights = Array.from({ length: CELLS * CELLS }, (_, i) => {
    const [column, row] = [i % CELLS, Math.floor(i / CELLS)];
    return height(x0 + ((x1 - x0) * (column + 0.5)) / CELLS, y1 - ((y1 - y0) * (row + 0.5)) / CELLS, condition);
  });
  const low = heights.reduce((a, b) => Math.min(a, b));
  const high = heights.reduce((a, b) => Math.max(a, b));
  const image = context.createImageData(CELLS, CELLS);
  heights.forEach((value, i) => {
    const band = Math.floor(BANDS * ((value - low) / (high - low || 1)) ** 0.4);
    image.data.set([80, 120, 180, 10 + (band * 170) / BANDS], 4 * i);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}
