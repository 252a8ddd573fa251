/** The result as tables and as a chart. */
import { barChart } from "../support/chart.ts";
import { markdownTable, type Table } from "../support/table.ts";
import type { LibraryName } from "./library.ts";
import type { Outcome } from "./measure.ts";
import { type BenchResult, type CaseResult, countsIn, spreadIn } from "./results.ts";
import { brief } from "./stats.ts";

function librariesIn(result: BenchResult): LibraryName[] {
  return [...new Set(result.cases.flatMap(({ outcomes }) => Object.keys(outcomes)))].sort(
    (a, b) => order(a) - order(b),
  ) as LibraryName[];
}

const ORDER = ["gradwell", "tfjs-webgpu", "jax-webgpu", "tfjs-wasm", "jax-wasm"];
const order = (name: string) => ORDER.indexOf(name);

/** Median and quartiles, or what went wrong. */
function cell(outcome: Outcome | undefined): string {
  const spread = spreadIn(outcome);
  if (!spread) return outcome ? "failed" : "–";
  return `${brief(spread.median)} (${brief(spread.low)}..${brief(spread.high)})`;
}

export function timesTable(result: BenchResult): Table {
  const names = librariesIn(result);
  const rows = result.cases.map((one) => [one.title, one.unit, ...names.map((name) => cell(one.outcomes[name]))]);
  return { caption: "Medians with quartiles", columns: ["case", "unit", ...names], rows };
}

export function ratiosTable(result: BenchResult): Table {
  const rows = result.cases.map((one) => [
    one.title,
    one.ratio ? brief(one.ratio.value) : "–",
    one.ratio?.peer ?? "–",
    aimsOf(one),
    brief(one.gflops ?? Number.NaN),
    brief(one.gbps ?? Number.NaN),
    one.percentOfLimit === undefined ? "–" : one.percentOfLimit.toFixed(0),
  ]);
  const { gflops, gbps } = result.limits;
  const caption = `Best WebGPU peer over gradwell; measured limits ${brief(gflops)} GFLOP/s, ${brief(gbps)} GB/s`;
  return { caption, columns: ["case", "ratio", "best peer", "aim", "GFLOP/s", "GB/s", "% of limit"], rows };
}

function aimsOf({ verdicts }: CaseResult): string {
  return verdicts.map(({ aim, met }) => `${aim} ${met ? "met" : "MISSED"}`).join("; ") || "–";
}

/** Table of the WebGPU calls of one training step. */
export function countsTable(result: BenchResult): Table | undefined {
  const rows = result.cases.flatMap(({ title, outcomes }) =>
    Object.entries(outcomes).flatMap(([name, outcome]) => {
      const counts = countsIn(outcome);
      return counts ? [[title, name, counts.dispatches, counts.submits]] : [];
    }),
  );
  return rows.length === 0
    ? undefined
    : { caption: "WebGPU commands per step", columns: ["case", "library", "dispatches", "submits"], rows };
}

export function failures(result: BenchResult): string[] {
  return result.cases.flatMap(({ title, outcomes }) =>
    Object.entries(outcomes).flatMap(([name, outcome]) =>
      "failed" in outcome ? [`${title}, ${name}: ${outcome.failed}`] : [],
    ),
  );
}

export function tables(result: BenchResult): Table[] {
  const counts = countsTable(result);
  return [timesTable(result), ratiosTable(result), ...(counts ? [counts] : [])];
}

export function heading(result: BenchResult): string {
  const versions = Object.entries(result.versions).map(([name, version]) => `${name} ${version}`);
  return `${result.date}, ${result.adapter}, ${result.machine}, Node ${result.node}${versions.length ? `; ${versions.join(", ")}` : ""}`;
}

export function markdown(result: BenchResult): string {
  const parts = tables(result).map((table) => `${table.caption}:\n\n${markdownTable(table)}`);
  const failed = failures(result).map((line) => `- ${line}`);
  return [`# Benchmark`, heading(result), ...parts, ...(failed.length ? [failed.join("\n")] : []), ""].join("\n\n");
}

/** Undefined when no peer took part. */
export async function chart(result: BenchResult): Promise<string | undefined> {
  const bars = result.cases.flatMap(({ title, ratio }) =>
    ratio ? [{ name: title, value: ratio.value, low: ratio.low, high: ratio.high }] : [],
  );
  if (bars.length === 0) return undefined;
  const title = `How many times faster than the best WebGPU peer, on ${result.adapter}`;
  return barChart({ title, xTitle: "time of the best peer / time of gradwell", bars, log: true, rule: 1 });
}
