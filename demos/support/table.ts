/** One table, three forms: text for a terminal, Markdown for a README, HTML for a report. */
import { escapeXml } from "./charts/style.ts";

export interface Table {
  caption?: string;
  columns: string[];
  /** Cells as they should read; a column of numbers alone is set flush right. */
  rows: (string | number)[][];
}

/** Columns at equal distances, for a terminal. */
export function textTable(table: Table): string {
  const [head, ...body] = padded(table);
  const rule = head!.map((cell) => "─".repeat(cell.length));
  const lines = [head!, rule, ...body].map((cells) => cells.join("  ").trimEnd());
  return (table.caption ? [table.caption, ...lines] : lines).join("\n");
}

export function markdownTable(table: Table): string {
  const escaped = (cell: string | number) => String(cell).replaceAll("|", "\\|");
  const safe = { columns: table.columns.map(escaped), rows: table.rows.map((row) => row.map(escaped)) };
  const [head, ...body] = padded(safe);
  const right = alignRight(safe);
  const rule = head!.map((cell, i) =>
    right[i] ? `${"-".repeat(Math.max(1, cell.length - 1))}:` : "-".repeat(cell.length),
  );
  return [head!, rule, ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

export function htmlTable(table: Table): string {
  const right = alignRight(table);
  const cell = (tag: string, text: string | number, i: number) =>
    `<${tag}${right[i] ? ' class="number"' : ""}>${escapeXml(String(text))}</${tag}>`;
  const row = (tag: string, cells: (string | number)[]) =>
    `<tr>${cells.map((text, i) => cell(tag, text, i)).join("")}</tr>`;
  const caption = table.caption ? `<caption>${escapeXml(table.caption)}</caption>` : "";
  const body = table.rows.map((cells) => row("td", cells)).join("\n");
  return `<div class="wide"><table>${caption}<thead>${row("th", table.columns)}</thead><tbody>\n${body}\n</tbody></table></div>`;
}

/** Head and rows with every cell as wide as its column. */
function padded(table: Table): string[][] {
  const right = alignRight(table);
  const lines = [table.columns, ...table.rows].map((cells) => cells.map(String));
  const widths = table.columns.map((_, i) => Math.max(...lines.map((cells) => (cells[i] ?? "").length)));
  return lines.map((cells) =>
    widths.map((width, i) => (right[i] ? (cells[i] ?? "").padStart(width) : (cells[i] ?? "").padEnd(width))),
  );
}

/** A column is of numbers when each of its cells starts like one, or says that there is none ("–"). */
function alignRight(table: Table): boolean[] {
  const numeric = (cell: string | number) => typeof cell === "number" || /^([<>~≤≥]?\s?[+−-]?[\d.]|–|$)/.test(cell);
  return table.columns.map((_, i) => table.rows.length > 0 && table.rows.every((row) => numeric(row[i] ?? "")));
}
