/** Results of the shader bench: a kernel's outputs and speed, and the table of the library's kernels. */
import type { BenchReport, BenchRow, Limits } from "../shared/protocol.ts";
import { el } from "./dom.ts";

type Outputs = Extract<BenchReport, { type: "outputs" }>;

export function outputs({ row, limits, outputs }: Outputs): Node[] {
  const values = outputs.map(({ name, values, mean }) =>
    el(
      "p",
      {},
      el("code", {}, `${name}: `),
      el("code", { className: "values" }, `${values.map(short).join(", ")}, …`),
      ` mean ${short(mean)}`,
    ),
  );
  const time = short(row.microseconds / row.count);
  const share = `${row.percentOfLimit.toFixed(0)} % of the ${limits.gbps.toFixed(1)} GB/s that a large copy reaches here`;
  const speed = Number.isFinite(row.microseconds)
    ? `${time} µs per run (mean of ${row.count}), ${row.gbps.toFixed(1)} GB/s of bound buffers: ${share}.`
    : "This adapter has no timestamps: no times.";
  return [...values, el("p", { className: "speed" }, speed)];
}

export function suiteTable(rows: readonly BenchRow[], limits: Limits): HTMLElement {
  const columns = ["kernel", "dispatches", "µs each", "GFLOP/s", "GB/s", "% of limit"];
  const cell = (value: number, digits: number) => (Number.isFinite(value) ? value.toFixed(digits) : "–");
  const body = rows.map((row) => {
    const cells = [
      String(row.count),
      cell(row.microseconds / row.count, 0),
      row.gflops > 0 ? cell(row.gflops, 1) : "–",
      cell(row.gbps, 1),
      cell(row.percentOfLimit, 0),
    ];
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, ...breakable(row.kernel)),
      ...cells.map((text) => el("td", {}, text)),
    );
  });
  const head = el("tr", {}, ...columns.map((text) => el("th", { scope: "col" }, text)));
  const caption = `Limits measured on this adapter: ${limits.gflops.toFixed(0)} GFLOP/s, ${limits.gbps.toFixed(1)} GB/s.`;
  const table = el("table", { className: "suite" }, el("thead", {}, head), el("tbody", {}, ...body));
  return el("div", {}, el("p", { className: "hint" }, caption), table);
}

/** A kernel's name, which may break behind its underscores. */
const breakable = (name: string): (Node | string)[] =>
  name.split(/(?<=_)/).flatMap((part, i) => (i > 0 ? [el("wbr"), part] : [part]));

const short = (value: number): string => String(Number(value.toPrecision(5)));
