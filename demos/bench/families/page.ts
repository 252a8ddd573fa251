/** The section about families in docs/benchmarks.md, made of the newest full results in results/. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { markdownTable } from "../../support/table.ts";
import type { FamiliesResult } from "./results.ts";
import { heading, remarks, tables } from "./tables.ts";

const [BEGIN, END] = ["<!-- families: written by npm run docs -->", "<!-- /families -->"];

/** `page` with its section written anew. */
export function withFamilies(page: string, results: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/benchmarks.md has no section '${BEGIN}' to '${END}'`);
  const sections = newest(results).map(sectionOf);
  return [page.slice(0, begin + BEGIN.length), ...sections, page.slice(end)].join("\n\n");
}

/** One result per kind of adapter: the last one. */
function newest(folder: string): { name: string; result: FamiliesResult }[] {
  const byKind = new Map<string, { name: string; result: FamiliesResult }>();
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith("-families.json")) continue;
    const result = JSON.parse(readFileSync(join(folder, file), "utf8")) as FamiliesResult;
    if (!result.quick) byKind.set(result.kind, { name: file.replace(/\.json$/, ""), result });
  }
  return [...byKind.values()];
}

function sectionOf({ name, result }: { name: string; result: FamiliesResult }): string {
  const all = tables(result).filter(({ caption }) => !caption?.startsWith("Training step"));
  const parts = all.map((table) => `${table.caption}:\n\n${markdownTable(table)}`);
  const said = remarks(result).map((line) => `- ${line}`);
  const source = `Medians with quartiles: [${result.kind}](../demos/bench/results/${name}.md).`;
  return [heading(result), ...parts, ...(said.length ? [said.join("\n")] : []), source].join("\n\n");
}
