/** The table of runs: legend of the charts and their latest numbers. */
import { el } from "./dom.ts";
import { runColor } from "./theme.ts";

export class Results {
  readonly table: HTMLTableElement;
  readonly #cells: HTMLTableCellElement[][];

  constructor(names: readonly string[], columns: readonly string[]) {
    const head = [el("td"), ...columns.map((text) => el("th", { scope: "col" }, text))];
    this.#cells = names.map(() => columns.map(() => el("td", {}, "–")));
    const rows = names.map((name, i) => {
      const swatch = el("span", { className: "swatch" });
      swatch.style.background = `var(${runColor(i)})`;
      return el("tr", {}, el("th", { scope: "row" }, swatch, name), ...this.#cells[i]!);
    });
    this.table = el(
      "table",
      { className: "results" },
      el("thead", {}, el("tr", {}, ...head)),
      el("tbody", {}, ...rows),
    );
  }

  set(column: number, texts: readonly string[]): void {
    texts.forEach((text, i) => {
      const cell = this.#cells[i]?.[column];
      if (cell && cell.textContent !== text) cell.textContent = text;
    });
  }
}
