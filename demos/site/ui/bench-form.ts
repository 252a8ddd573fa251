/** Arguments of a kernel: a row for each buffer it binds, a field for each param, and the workgroups. */
import type { Example } from "../shared/examples.ts";
import type { BenchBuffer, BenchReport, Fill } from "../shared/protocol.ts";
import { el } from "./dom.ts";

type Interface = Extract<BenchReport, { type: "interface" }>;

const FILLS: Record<Fill, string> = {
  random: "random in [0, 1)",
  zeros: "zeros",
  ones: "ones",
  counting: "0, 1, 2, …",
};
const ELEMENTS = 1 << 20;

export class BenchForm {
  readonly element = el("div", { className: "inputs" });
  #given: Pick<Example, "buffers" | "params" | "workgroups">;
  readonly #buffers = new Map<string, { elements: HTMLInputElement; fill: HTMLSelectElement }>();
  readonly #params = new Map<string, HTMLInputElement>();
  #workgroups: HTMLInputElement[] = [];

  constructor(given: Example) {
    this.#given = given;
  }

  /** The initial values of the fields the next time they are shown. */
  set given(example: Example) {
    this.#given = example;
    this.#buffers.clear();
    this.#params.clear();
    this.#workgroups = [];
  }

  /** Shows a field for all that the kernel binds; what was there under the same name keeps its value. */
  show({ bindings, params }: Interface): void {
    const kept = this.values();
    this.#buffers.clear();
    this.#params.clear();
    const rows = bindings.map(({ name, type, writable }) => {
      const before = kept.buffers.find((one) => one.name === name);
      const [elements = ELEMENTS, fill = "random"] = before
        ? [before.elements, before.fill]
        : (this.#given.buffers[name] ?? []);
      return this.#bufferRow(name, `${type}${writable ? ", written" : ""}`, elements, fill);
    });
    const fields = params.map((name) => {
      const input = number(kept.params[name] ?? this.#given.params[name] ?? 0, `param ${name}`);
      this.#params.set(name, input);
      return field(name, input);
    });
    const counts = this.#workgroups.length > 0 ? kept.workgroups : this.#given.workgroups;
    this.#workgroups = ["x", "y", "z"].map((dim, i) => number(counts[i] ?? 1, `workgroups ${dim}`));
    this.element.replaceChildren(
      ...rows,
      el("div", { className: "fields" }, ...fields),
      el("div", { className: "fields" }, ...this.#workgroups.map((input) => field(input.ariaLabel!, input))),
    );
  }

  values(): { buffers: BenchBuffer[]; params: Record<string, number>; workgroups: number[] } {
    const buffers = [...this.#buffers].map(([name, { elements, fill }]) => ({
      name,
      elements: Number(elements.value),
      fill: fill.value as Fill,
    }));
    const params = Object.fromEntries([...this.#params].map(([name, input]) => [name, Number(input.value)]));
    return { buffers, params, workgroups: this.#workgroups.map((input) => Number(input.value)) };
  }

  #bufferRow(name: string, type: string, count: number, chosen: Fill): HTMLElement {
    const elements = number(count, `elements of ${name}`);
    const options = Object.entries(FILLS).map(([value, text]) => el("option", { value }, text));
    const fill = el("select", { ariaLabel: `content of ${name}` }, ...options);
    fill.value = chosen;
    this.#buffers.set(name, { elements, fill });
    const title = el("div", { className: "name" }, el("code", {}, name), el("span", { className: "hint" }, ` ${type}`));
    return el("div", { className: "fields" }, title, field("elements", elements), field("content", fill));
  }
}

const field = (label: string, control: HTMLElement): HTMLElement => el("label", {}, el("span", {}, label), control);

const number = (value: number, name: string): HTMLInputElement =>
  el("input", { type: "number", value: String(value), step: "any", ariaLabel: name });
