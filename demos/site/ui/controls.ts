/** Settings as a form of native controls. They start from the page's URL and are kept in it, so that a link holds them. */
import { el } from "./dom.ts";

export type Options = readonly (readonly [value: string, text: string])[];

export interface Choice {
  name: string;
  label: string;
  /** Values and what is shown for them. */
  options: Options;
  value: string;
}

export class Controls {
  readonly form: HTMLFormElement;
  readonly #selects = new Map<string, HTMLSelectElement>();

  constructor(choices: readonly Choice[], onChange: () => void) {
    const given = new URLSearchParams(location.search);
    const fields = choices.map((choice) => this.#field(choice, given.get(choice.name)));
    this.form = el("form", { className: "controls" }, ...fields);
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", () => {
      history.replaceState(null, "", `?${new URLSearchParams(this.values)}`);
      onChange();
    });
  }

  get values(): Record<string, string> {
    return Object.fromEntries([...this.#selects].map(([name, select]) => [name, select.value]));
  }

  value(name: string): string {
    const select = this.#selects.get(name);
    if (!select) throw new Error(`there is no control '${name}'`);
    return select.value;
  }

  number(name: string): number {
    return Number(this.value(name));
  }

  /** Chooses a value, unless the person or the link has chosen one. */
  suggest(name: string, value: string): void {
    const select = this.#selects.get(name);
    if (select && !new URLSearchParams(location.search).has(name)) select.value = value;
  }

  /** Takes values away that are not there. */
  limit(name: string, values: readonly string[]): void {
    for (const option of [...(this.#selects.get(name)?.options ?? [])]) {
      if (!values.includes(option.value)) option.remove();
    }
  }

  #field({ name, label, options, value }: Choice, given: string | null): HTMLElement {
    const entries = options.map(([value, text]) => el("option", { value }, text));
    const select = el("select", { name }, ...entries);
    select.value = options.some(([known]) => known === given) ? given! : value;
    this.#selects.set(name, select);
    return el("label", {}, el("span", {}, label), select);
  }
}

/** Options that show themselves. */
export function same(values: readonly (string | number)[], unit = ""): Options {
  return values.map((value) => [String(value), `${value}${unit}`] as const);
}

/** Options with names. */
export const named = (names: Readonly<Record<string, string>>): Options => Object.entries(names);

export const LEARNING_RATES = same([0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3]);
export const BATCH_SIZES = same([2, 4, 8, 16, 32, 64, 128, 256]);
