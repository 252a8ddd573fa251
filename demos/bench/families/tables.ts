/** The families' results as tables and as a chart. */
import { barChart } from "../../support/chart.ts";
import { markdownTable, type Table, textTable } from "../../support/table.ts";
import { brief, type Spread } from "../stats.ts";
import { INFERENCE_BATCHES } from "./families.ts";
import { FAMILY_LIBRARIES, type FamilyLibraryName } from "./library.ts";
import {
  type FamiliesResult,
  type FamilyResult,
  type Measured,
  measuredIn,
  type Ratio,
  ratioTo,
  verdictsOf,
  WEBGPU_PEERS,
} from "./results.ts";

const librariesIn = (result: FamiliesResult): FamilyLibraryName[] =>
  FAMILY_LIBRARIES.filter((name) => result.families.some(({ outcomes }) => outcomes[name]));

const spread = (of: Spread | undefined): string =>
  of ? `${brief(of.median)} (${brief(of.low)}..${brief(of.high)})` : "–";
const ratio = (of: Ratio | undefined): string => (of ? brief(of.value) : "–");

/** A row per family, a column per library. */
function byLibrary(result: FamiliesResult, caption: string, cell: (measured: Measured) => string): Table {
  const names = librariesIn(result);
  const rows = result.families.map(({ name, outcomes }) => [
    name,
    ...names.map((library) => {
      const measured = measuredIn(outcomes[library]);
      if (measured) return cell(measured);
      return outcomes[library] ? "failed" : "–";
    }),
  ]);
  return { caption, columns: ["family", ...names], rows };
}

function ratiosTable(result: FamiliesResult): Table {
  const rows = result.families.map((family) => {
    const { name, outcomes } = family;
    const ours = measuredIn(outcomes.gradwell);
    const [webgpu, counts] = [ratioTo(outcomes, WEBGPU_PEERS), ours?.counts];
    return [
      name,
      ours ? brief(ours.step.median) : "failed",
      ratio(webgpu),
      webgpu?.peer ?? "–",
      ratio(ratioTo(outcomes, ["jax-wasm"])),
      ratio(ratioTo(outcomes, ["torch-cpu"])),
      counts ? counts.dispatches : "–",
      counts?.bytes ? brief(counts.bytes / 1e6) : "–",
      verdictsOf(family, result.kind).join("; ") || "–",
    ];
  });
  const columns = ["family", "step ms", "WebGPU", "best peer", "jax-wasm", "PyTorch CPU", "dispatches", "MB", "aims"];
  return { caption: "Captured training steps of gradwell, and how many times longer the others take", columns, rows };
}

function inferenceTable(result: FamiliesResult): Table {
  return byLibrary(result, "Inference with a read, ms at batch 1 / 64", ({ infer }) =>
    INFERENCE_BATCHES.map((batch) => brief(infer[batch]?.median ?? Number.NaN)).join(" / "),
  );
}

function startsTable(result: FamiliesResult): Table | undefined {
  if (!result.families.some(({ outcomes }) => measuredIn(outcomes.gradwell)?.cold)) return undefined;
  return byLibrary(result, "First step in a fresh process, s, and its peak memory, MiB", ({ cold, memory }) =>
    cold && memory ? `${brief(cold.median / 1000)}, ${memory.median.toFixed(0)}` : "–",
  );
}

function countsTable(result: FamiliesResult): Table {
  return byLibrary(result, "Dispatches and submits per step", ({ counts }) =>
    counts && counts.dispatches > 0 ? `${counts.dispatches}, ${counts.submits}` : "–",
  );
}

/** The table that docs/benchmarks.md shows comes first. */
export function tables(result: FamiliesResult): Table[] {
  const starts = startsTable(result);
  return [
    ratiosTable(result),
    byLibrary(result, "Training step, ms: medians with quartiles", ({ step }) => spread(step)),
    inferenceTable(result),
    ...(starts ? [starts] : []),
    countsTable(result),
  ];
}

export function heading(result: FamiliesResult): string {
  const versions = Object.entries(result.versions).map(([name, version]) => `${name} ${version}`);
  const machine = `${result.date}, ${result.adapter}, ${result.machine}, Node ${result.node}`;
  return versions.length ? `${machine}; ${versions.join(", ")}` : machine;
}

/** The libraries that did not take part or failed, a line each. */
export function remarks(result: FamiliesResult): string[] {
  const failed = result.families.flatMap(({ name, outcomes }: FamilyResult) =>
    Object.entries(outcomes).flatMap(([library, outcome]) =>
      "failed" in outcome ? [`${name}, ${library}: ${outcome.failed}`] : [],
    ),
  );
  return [...result.skipped, ...failed];
}

export function text(result: FamiliesResult): string {
  return [heading(result), ...tables(result).map(textTable), remarks(result).join("\n")].filter(Boolean).join("\n\n");
}

function legend(result: FamiliesResult): string {
  return result.families
    .map(({ name, title, tolerance }) => `- ${name}: ${title}. First losses agree within ${tolerance} of themselves.`)
    .join("\n");
}

export function markdown(result: FamiliesResult): string {
  const parts = tables(result).map((table) => `${table.caption}:\n\n${markdownTable(table)}`);
  const said = remarks(result).map((line) => `- ${line}`);
  return ["# Families", heading(result), legend(result), ...parts, ...(said.length ? [said.join("\n")] : []), ""].join(
    "\n\n",
  );
}

/** Undefined when no WebGPU peer took part. */
export async function chart(result: FamiliesResult): Promise<string | undefined> {
  const bars = result.families.flatMap(({ name, outcomes }) => {
    const found = ratioTo(outcomes, WEBGPU_PEERS);
    return found ? [{ name, value: found.value, low: found.low, high: found.high }] : [];
  });
  if (bars.length === 0) return undefined;
  const title = `Training steps: how many times faster than the best WebGPU peer, on ${result.adapter}`;
  return barChart({ title, xTitle: "time of the best peer / time of gradwell", bars, log: true, rule: 1 });
}
