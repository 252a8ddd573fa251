/** The GPU day rehearsed on a software adapter, and the table that it gives held against its data. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { fitAll, tableSource } from "../../scripts/gpu/fit.ts";
import { type DataRecord, readRecords } from "../../scripts/gpu/records.ts";
import { TABLE, tableOfData } from "../../scripts/gpu/report.ts";
import { MATMULS } from "../../scripts/gpu/shapes.ts";
import { costFeatures, costOf, measuredChoice, shapeName } from "../../src/kernels/matmul/measured-costs.ts";
import { kernels, type MatmulKernel, type Variant, variants } from "../../src/kernels/matmul/select.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "gradwell-gpu-day-"));
afterAll(() => rmSync(folder, { recursive: true }));

const day = (...args: string[]): string =>
  execFileSync(process.execPath, ["--import", "tsx", "-C", "source", "scripts/gpu/main.ts", ...args, "--out", folder], {
    cwd: root,
    encoding: "utf8",
    stdio: "pipe",
  });

test("the table of costs is what the committed data gives", () => {
  expect(readFileSync(TABLE, "utf8")).toBe(tableOfData());
});

test("a sweep appends what it measured, with its origin", () => {
  const parts = ["--only", "matmul,rows,columns,copies", "--seconds", "1", "--most", "300000"];
  expect(day("sweep", "--unchecked", ...parts)).toContain("written:");
  const records = readRecords(folder);
  const samples = records.filter((record) => record.kind === "sample");
  expect(new Set(samples.map(({ family }) => family))).toEqual(
    new Set(["matmul", "softmax", "layer norm", "column sums", "copy"]),
  );
  for (const sample of samples) {
    expect(sample.microseconds).toBeGreaterThan(0);
    expect(sample).toMatchObject({ commit: expect.any(String), shaders: expect.stringMatching(/^[0-9a-f]{12}$/) });
  }
  expect(records.filter(({ kind }) => kind === "fact")).toContainEqual(expect.objectContaining({ name: "adapter" }));
  expect(day("report")).toContain("column sums");
});

const tiles = variants.filter((variant) => {
  const kernel: MatmulKernel = kernels[variant];
  return kernel.staged !== undefined;
});

/** Samples of an imaginary GPU whose kernels cost what the formula says; `slow` takes ten times as long. */
function imagined(slow?: { name: string; shape: string }): DataRecord[] {
  const origin = { run: "1", vendor: "imaginary", architecture: "one", adapter: "a", commit: "c", shaders: "s" };
  return MATMULS.flatMap((product) =>
    tiles.map((variant, i): DataRecord => {
      const [name, shape] = [`${variant}/1`, shapeName(product)];
      const cost = costOf([5, 100 * (i + 1), 2 / (i + 1)], costFeatures(kernels[variant], product, 1));
      const microseconds = slow?.name === name && slow.shape === shape ? 10 * cost : cost;
      const timing = { microseconds, least: microseconds, samples: 3, timer: "timestamp" as const };
      const what = { kind: "sample" as const, family: "matmul", shape, parameters: { kernel: name } };
      return { ...origin, rehearsal: false, ...what, ...timing };
    }),
  );
}

describe("the fit", () => {
  test("finds the costs that made the data", () => {
    const fitted = fitAll(imagined())["imaginary one"];
    tiles.forEach((variant, i) => {
      const found = fitted?.costs[`${variant}/1`] ?? [0, 0, 0];
      for (const [at, value] of [5, 100 * (i + 1), 2 / (i + 1)].entries()) expect(found[at]).toBeCloseTo(value, 1);
    });
    expect(fitted?.exceptions).toEqual({});
  });

  test("names the shapes that the costs misjudge, and the choice follows", () => {
    const product = { M: 512, N: 512, K: 512 };
    const info = { vendor: "imaginary", architecture: "one" };
    const choices = () => tiles.map((variant) => ({ variant, splits: 1 }));
    const chosenBy = (records: readonly DataRecord[]) =>
      measuredChoice<Variant>(info, product, choices, (variant) => kernels[variant], fitAll(records));
    const usual = chosenBy(imagined());
    const slow = { name: `${usual?.variant}/1`, shape: shapeName(product) };
    expect(fitAll(imagined(slow))["imaginary one"]?.exceptions).toHaveProperty([slow.shape]);
    expect(chosenBy(imagined(slow))?.variant).not.toBe(usual?.variant);
  });

  test("leaves rehearsals and unknown GPUs alone", () => {
    const rehearsed = imagined().map((record) => ({ ...record, rehearsal: true }));
    expect(fitAll(rehearsed)).toEqual({});
    expect(tableSource({})).toContain("= {};");
    const choice = measuredChoice(
      { vendor: "v", architecture: "a" },
      { M: 1, N: 1, K: 1 },
      () => [],
      () => kernels.tile32,
    );
    expect(choice).toBeUndefined();
  });
});
