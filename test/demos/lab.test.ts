import { describe, expect, it } from "vitest";
import { judge } from "../../demos/lab/experiment.ts";
import { init } from "../../demos/lab/init.ts";
import { parseOptions } from "../../demos/lab/options.ts";
import { descend, makeQuadratic, sketchedSteps, theory } from "../../demos/lab/quadratic.ts";
import { factorOf, forwardTheory, signals } from "../../demos/lab/signals.ts";
import { median, pm, std, stepsTo } from "../../demos/lab/stats.ts";
import { htmlReport } from "../../demos/support/report.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const KNOWN = ["precondition", "init"];

describe("the command line", () => {
  it("lists without a name, runs one or all, and has fewer seeds when quick", () => {
    expect(parseOptions([], KNOWN)).toMatchObject({ names: undefined, seeds: 3, quick: false, out: "out/lab" });
    expect(parseOptions(["init", "--quick"], KNOWN)).toMatchObject({ names: ["init"], seeds: 1, quick: true });
    expect(parseOptions(["all", "--seeds", "5", "--out", "x"], KNOWN)).toMatchObject({
      names: KNOWN,
      seeds: 5,
      out: "x",
    });
  });

  it.each([
    [["inti"], "did you mean 'init'?"],
    [["init", "--seeds", "0"], "--seeds"],
    [["init", "precondition"], "one experiment at a time"],
    [["init", "--fast"], "--fast"],
    [["init", "--adapter", "cpu"], "auto, gpu, software"],
  ])("refuses %j", (argv, message) => {
    expect(() => parseOptions(argv, KNOWN)).toThrow(message);
  });
});

it("numbers over seeds are summarized and judged", () => {
  expect(std([1, 3])).toBeCloseTo(Math.SQRT2);
  expect(median([3, 1, 2])).toBe(2);
  expect(pm([0.5])).toBe("0.5");
  expect(pm([1, Number.NaN])).toBe("– (1 diverged)");
  expect(stepsTo([3, 2, 1, 1, 1], 1.4, 2)).toBe(4);
  expect(stepsTo([3], 1, 2)).toBe(Number.POSITIVE_INFINITY);
  expect([judge([true, true]), judge([true, false]), judge([false])]).toEqual([
    "reproduced",
    "partly",
    "not reproduced",
  ]);
});

describe("quadratics", () => {
  it("take about as many steps as theory says, and one with the inverse diagonal", async () => {
    const problem = makeQuadratic(100, 0);
    const steps = await descend(problem, false, 1, 4000);
    expect(steps / theory(100)).toBeGreaterThan(0.5);
    expect(steps / theory(100)).toBeLessThan(1.2);
    expect(await descend(problem, true, 1, 100)).toBeLessThanOrEqual(2);
    expect(await descend(problem, false, 1, 20)).toBe(Number.POSITIVE_INFINITY);
  });

  it("gain nothing from their diagonal when rotated by 45 degrees", () => {
    const [low, high] = makeQuadratic(100, 45).preconditioned;
    expect(high / low).toBeCloseTo(100, 6);
  });

  it("do not trouble a sketched Newton step", async () => {
    const [mild, bad] = [await sketchedSteps(10, "gaussian", 1), await sketchedSteps(1e4, "gaussian", 1)];
    expect(Math.abs(mild - bad)).toBeLessThanOrEqual(3);
  });
});

it("variances per layer follow theory", async () => {
  const { forward } = await signals("heNormal", "relu", 10, 1);
  expect(factorOf(forward) / forwardTheory("heNormal", "relu")!).toBeCloseTo(1, 0.7);
});

it("an experiment runs from data to report", async () => {
  const lines: string[] = [];
  const outcome = await init.run({ quick: true, seeds: 1, log: (line) => lines.push(line) });
  expect(outcome.findings).toHaveLength(6);
  expect(lines.length).toBeGreaterThan(5);
  const page = htmlReport({ title: init.title, intro: init.claim, sections: outcome.sections, meta: {} });
  expect(page.match(/<figure>/g)).toHaveLength(4);
});
