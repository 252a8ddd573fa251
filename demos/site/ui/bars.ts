/** Ten bars: how probable each digit is to the network. */
import { el } from "./dom.ts";

export class Bars {
  readonly element: HTMLElement;
  readonly #best = el("p", { className: "best", attributes: { role: "status" } });
  readonly #rows = Array.from({ length: 10 }, (_, digit) => {
    const fill = el("div", { className: "fill" });
    const percent = el("span", { className: "percent" }, "–");
    const row = el("li", {}, el("span", {}, String(digit)), el("div", { className: "track" }, fill), percent);
    return { row, fill, percent };
  });

  constructor() {
    const list = el("ol", { className: "bars", attributes: { "aria-label": "probability of each digit, percent" } });
    list.append(...this.#rows.map(({ row }) => row));
    this.element = el("div", {}, this.#best, list);
    this.clear("Draw a digit from 0 to 9.");
  }

  clear(text: string): void {
    this.#best.textContent = text;
    for (const { row, fill, percent } of this.#rows) {
      row.className = "";
      fill.style.width = "0";
      percent.textContent = "–";
    }
  }

  show(probabilities: Float32Array): void {
    const best = probabilities.indexOf(Math.max(...probabilities));
    const sure = (100 * probabilities[best]!).toFixed(0);
    this.#best.textContent = `Looks like a ${best} (${sure} %)`;
    for (const [digit, { row, fill, percent }] of this.#rows.entries()) {
      const share = 100 * probabilities[digit]!;
      row.className = digit === best ? "chosen" : "";
      fill.style.width = `${share}%`;
      percent.textContent = `${share.toFixed(1)} %`;
    }
  }
}
