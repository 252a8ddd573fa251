/** Writes the table of costs that select.ts uses, and says what the data holds. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { textTable } from "../../demos/support/table.ts";
import { fitAll, tableSource } from "./fit.ts";
import { type DataRecord, readRecords } from "./records.ts";

export const DATA = fileURLToPath(new URL("data", import.meta.url));
export const TABLE = fileURLToPath(new URL("../../src/kernels/matmul/gpu-costs.generated.ts", import.meta.url));

export const tableOfData = (): string => tableSource(fitAll(readRecords(DATA)));

export function report(folder: string): string {
  const records = readRecords(folder);
  if (folder === DATA) writeFileSync(TABLE, tableOfData());
  return [...matmulLines(records), ...familyLines(records)].join("\n\n");
}

function matmulLines(records: readonly DataRecord[]): string[] {
  return [false, true].flatMap((rehearsals) =>
    Object.entries(fitAll(records, rehearsals)).map(([architecture, { outcomes, exceptions, costs }]) => {
      const share = outcomes.reduce((sum, { least, taken }) => sum + least / taken, 0) / Math.max(outcomes.length, 1);
      const name = `${architecture}${rehearsals ? " (rehearsal: not in the table)" : ""}`;
      const counts = `${Object.keys(costs).length} kernels with splits, ${Object.keys(exceptions).length} exceptions`;
      return `matmuls on ${name}: ${outcomes.length} shapes, on average ${(100 * share).toFixed(0)} % of the sweep's best; ${counts}`;
    }),
  );
}

/** The last run's fastest beside the current choice, by family and shape. */
function familyLines(records: readonly DataRecord[]): string[] {
  const rows = new Map<string, { best: string; least: number; chosen: number }>();
  for (const record of records) {
    if (record.kind !== "sample" || record.family === "matmul") continue;
    const key = `${record.adapter}|${record.family}|${record.shape}`;
    const row = rows.get(key) ?? { best: "", least: Infinity, chosen: Number.NaN };
    const parameters = Object.entries(record.parameters).map(([name, value]) => `${name} ${value}`);
    if (record.microseconds < row.least) [row.least, row.best] = [record.microseconds, parameters.join(", ")];
    if (record.chosen) row.chosen = record.microseconds;
    rows.set(key, row);
  }
  if (rows.size === 0) return [];
  const cells = [...rows].map(([key, { best, least, chosen }]) => {
    const [, family = "", shape = ""] = key.split("|");
    return [family, shape, least.toFixed(1), best || "-", Number.isNaN(chosen) ? "-" : chosen.toFixed(1)];
  });
  return [textTable({ columns: ["family", "shape", "least us", "by", "as chosen us"], rows: cells })];
}
