import { describe, expect, test } from "vitest";
import { barChart, contourChart, heatMap, histogram, lineChart } from "../../demos/support/chart.ts";
import { bin, thin, windowFor } from "../../demos/support/charts/series.ts";
import { wellFormed } from "./xml.ts";

const axes = { xTitle: "step (thousands)", yTitle: "loss (nats)" };
const line = (length: number, name = "a") => ({
  name,
  x: Array.from({ length }, (_, i) => i),
  y: Array.from({ length }, (_, i) => Math.exp(-i / 50)),
});

describe("every kind of figure is a well-formed SVG with its titles", () => {
  const figures: Record<string, { svg: () => Promise<string>; texts: string[] }> = {
    line: {
      svg: () => lineChart({ title: "Loss & more", ...axes, series: [line(9, "first <b>"), line(9, "second")] }),
      texts: ["Loss &amp; more", "step (thousands)", "loss (nats)", "first &lt;b&gt;", "second"],
    },
    "line on log axes": {
      svg: () =>
        lineChart({ title: "t", ...axes, logX: true, logY: true, series: [line(400)], rule: { y: 0.1, name: "aim" } }),
      texts: ["step (thousands)", "mean of every 2", "aim"],
    },
    histogram: {
      svg: () => histogram({ title: "t", xTitle: "weight", series: [{ name: "he", values: [1, 2, 2, 3] }] }),
      texts: ["weight", "share of values per bin (%)", "he"],
    },
    "histogram in rows": {
      svg: () =>
        histogram({
          title: "t",
          xTitle: "weight",
          layout: "rows",
          series: [
            { name: "he", values: [1, 2, 2, 3] },
            { name: "zeros", values: [0, 0] },
          ],
        }),
      texts: ["weight", "share (%)", "he", "zeros"],
    },
    bar: {
      svg: () =>
        barChart({
          title: "t",
          xTitle: "ratio",
          log: true,
          rule: 1,
          bars: [
            { name: "matmul", value: 6.25, low: 6, high: 7, group: "lavapipe" },
            { name: "matmul", value: 0.5, group: "SwiftShader" },
          ],
        }),
      texts: ["ratio", "matmul", "6.25", "0.5", "lavapipe", "SwiftShader"],
    },
    "heat map": {
      svg: () =>
        heatMap({ title: "t", ...axes, valueTitle: "accuracy (%)", xs: [1, 2], ys: ["a"], values: [[93, Number.NaN]] }),
      texts: ["step (thousands)", "loss (nats)", "accuracy (%)", "93", "–"],
    },
    contour: {
      svg: () =>
        contourChart({
          title: "t",
          ...axes,
          f: (x, y) => x * x + 9 * y * y,
          xDomain: [-2, 2],
          yDomain: [-1, 1],
          levels: [1, 4],
          paths: [
            {
              name: "descent",
              points: [
                [1, 1],
                [0.5, 0.1],
              ],
            },
          ],
        }),
      texts: ["step (thousands)", "loss (nats)", "descent"],
    },
  };
  for (const [name, { svg, texts }] of Object.entries(figures)) {
    test(name, async () => {
      const figure = await svg();
      expect(wellFormed(figure)).toBe(true);
      expect(figure).toMatch(/^<svg /);
      expect(figure).not.toMatch(/NaN|undefined|Infinity/);
      for (const text of texts) expect(figure).toContain(text);
      expect(figure.match(/<path /g)!.length).toBeGreaterThan(1);
    });
  }
});

test("the levels of a contour chart lie where the function has them", async () => {
  const svg = await contourChart({
    title: "t",
    xTitle: "x",
    yTitle: "y",
    f: (x, y) => Math.hypot(x, y),
    xDomain: [-2, 2],
    yDomain: [-2, 2],
    levels: [1],
  });
  // The circle of radius 1 in a frame of 420 x 300 that is 4 wide. The frame itself bounds the level's outside.
  const points = [...svg.matchAll(/[ML](-?[\d.]+),(-?[\d.]+)/g)].map(
    (match) => [Number(match[1]), Number(match[2])] as const,
  );
  const inside = points.filter(([x, y]) => x > 5 && x < 415 && y > 5 && y < 295);
  expect(inside.length).toBeGreaterThan(50);
  for (const [x, y] of inside) expect(Math.hypot((x - 210) / 105, (y - 150) / 75)).toBeCloseTo(1, 1);
});

test("long lines are thinned, so that a figure stays small", async () => {
  const svg = await lineChart({ title: "t", ...axes, series: [line(100_000)] });
  expect(svg).toContain("mean of every 334");
  expect(svg.length).toBeLessThan(20_000);
});

test("a figure without anything to draw is refused", () => {
  const series = [{ name: "diverged", x: [1, 2], y: [Number.NaN, Number.POSITIVE_INFINITY] }];
  expect(() => lineChart({ title: "t", ...axes, series })).toThrow("lineChart 't': expected at least one finite value");
  expect(() => barChart({ title: "t", xTitle: "x", bars: [] })).toThrow("barChart");
});

test("windows average points and bands, and leave out values that are not finite", () => {
  const series = {
    name: "a",
    x: [1, 2, 3, 4, 5],
    y: [2, 4, Number.NaN, 1, 7],
    low: [1, 1, 1, 1, 1],
    high: [3, 5, 5, 5, 9],
  };
  expect(windowFor([series], 3)).toBe(2);
  expect(thin(series, 2)).toEqual([
    { x: 1.5, y: 3, low: 1, high: 4 },
    { x: 5, y: 7, low: 1, high: 9 },
  ]);
});

test("bins of a histogram count every value once", () => {
  expect(bin([0, 0.5, 1, 1.5, 2], 0, 2, 2)).toEqual({ edges: [0, 1, 2], counts: [2, 3] });
});
