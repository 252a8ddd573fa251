/** The fastest of several kernels for a shape on one adapter, as measured there: by tune(), or in the background of captures. */
import { load, save } from "#adapter";
import { SHADERS } from "./shaders.generated.ts";
import { VERSION } from "./version.ts";

/** A kernel by its name in the table of its family, and into how many parts it cuts the sum. */
export interface Choice {
  readonly variant: string;
  readonly splits?: number;
}

export const choiceName = ({ variant, splits }: Choice): string => (splits ? `${variant}/${splits}` : variant);

/** `"auto"` measures in the background what is not known yet; `"table"` takes what is known; false the built-in table alone. */
export type TuningMode = "auto" | "table" | false;

/** The shapes that were asked for, by key: the family that a key begins with knows how to read its shape. */
export type Asked = Map<string, unknown>;

/** The record of a shape: the kernel that measured fastest, and those that gave wrong results. */
interface Entry {
  readonly choice?: Choice;
  readonly barred?: readonly string[];
}

export class Tuning {
  mode: TuningMode = "table";
  /** Keyed by operation and shape. */
  readonly choices = new Map<string, Choice>();
  /** Names of the choices that failed their check on this adapter, by the same keys. */
  readonly barred = new Map<string, Set<string>>();
  /** While a program is watched: the work that it asks for. */
  asked: Asked | undefined;
  /** Milliseconds that measuring in the background may still take. */
  budget = 2000;
  /** Counts the changes of `choices`, so that a recording made before one can be told from one made after it. */
  epoch = 0;
  readonly #adapter: string;

  /** `adapter` names it with its driver's version, where the platform tells. */
  constructor(adapter: string) {
    this.#adapter = `gradwell ${VERSION}, shaders ${SHADERS}, ${adapter}`;
  }

  /** True if there is anything to look up or to write down. */
  get isActive(): boolean {
    return this.choices.size > 0 || this.asked !== undefined;
  }

  /** The measured choice for `key`, if there is one. While a program is watched, `shape` is noted. */
  lookUp(key: string, shape: () => unknown): Choice | undefined {
    this.asked?.set(key, shape());
    return this.choices.get(key);
  }

  set(key: string, choice: Choice | undefined): void {
    if (choice) this.choices.set(key, choice);
    else this.choices.delete(key);
    this.epoch++;
  }

  bar(key: string, choice: Choice): void {
    this.barred.set(key, (this.barred.get(key) ?? new Set()).add(choiceName(choice)));
    if (choiceName(this.choices.get(key) ?? { variant: "" }) === choiceName(choice)) this.set(key, undefined);
  }

  isBarred(key: string, choice: Choice): boolean {
    return this.barred.get(key)?.has(choiceName(choice)) === true;
  }

  /** Sets the mode of `init()`; what earlier runs measured on this adapter with these shaders is taken, or forgotten. */
  async use(mode: TuningMode): Promise<void> {
    this.mode = mode;
    if (mode === false) {
      this.choices.clear();
      this.barred.clear();
      this.epoch++;
    } else await this.load();
  }

  /** Takes what earlier runs measured on this adapter with these shaders. */
  async load(): Promise<void> {
    const text = await load(this.#adapter).catch(() => undefined);
    for (const [key, { choice, barred = [] }] of parsed(text)) {
      if (choice) this.set(key, choice);
      if (barred.length > 0) this.barred.set(key, new Set(barred));
    }
  }

  /** Keeps what was measured for later runs; false where nothing can be written. */
  save(): Promise<boolean> {
    const keys = new Set([...this.choices.keys(), ...this.barred.keys()]);
    const entryOf = (key: string): Entry => {
      const [choice, barred] = [this.choices.get(key), this.barred.get(key)];
      return { ...(choice && { choice }), ...(barred && { barred: [...barred] }) };
    };
    const text = JSON.stringify(Object.fromEntries([...keys].map((key) => [key, entryOf(key)])));
    return save(this.#adapter, text).then(
      () => true,
      () => false,
    );
  }
}

/** Reads saved entries; what is none, such as a file that was cut off, counts as nothing. */
function parsed(text: string | undefined): [string, Entry][] {
  try {
    const read: unknown = JSON.parse(text ?? "{}");
    return isObject(read) ? Object.entries(read).filter(isEntry) : [];
  } catch {
    return [];
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

const isEntry = (entry: [string, unknown]): entry is [string, Entry] => {
  const [, value] = entry;
  if (!isObject(value)) return false;
  const { choice, barred } = value;
  const isList = Array.isArray(barred) && barred.every((name) => typeof name === "string");
  return (choice === undefined || isChoice(choice)) && (barred === undefined || isList);
};

function isChoice(value: unknown): value is Choice {
  if (!isObject(value)) return false;
  const { variant, splits } = value;
  return typeof variant === "string" && (splits === undefined || (Number.isSafeInteger(splits) && Number(splits) > 0));
}
