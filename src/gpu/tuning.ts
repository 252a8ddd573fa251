/** The fastest of several kernels for a shape on one adapter, as tune() measured it. */
import { load, save } from "#adapter";
import { VERSION } from "./version.ts";

/** A kernel by its name in the table of its family, and into how many parts it cuts the sum. */
export interface Choice {
  readonly variant: string;
  readonly splits?: number;
}

export class Tuning {
  /** Keyed by operation and shape. */
  readonly choices = new Map<string, Choice>();
  /** While tune() watches a program: the shapes that it asks for. */
  asked: Map<string, unknown> | undefined;
  readonly #adapter: string;

  /** `adapter` names it with its driver's version, where the platform tells. */
  constructor(adapter: string) {
    this.#adapter = `gradwell ${VERSION}, ${adapter}`;
  }

  /** True if there is anything to look up or to write down. */
  get isActive(): boolean {
    return this.choices.size > 0 || this.asked !== undefined;
  }

  /** Takes what earlier runs measured on this adapter with this version. */
  async load(): Promise<void> {
    const text = await load(this.#adapter).catch(() => undefined);
    for (const [shape, choice] of parsed(text)) this.choices.set(shape, choice);
  }

  /** Keeps the choices for later runs; false where nothing can be written. */
  save(): Promise<boolean> {
    const text = JSON.stringify(Object.fromEntries(this.choices));
    return save(this.#adapter, text).then(
      () => true,
      () => false,
    );
  }
}

/** Reads saved choices; what is no choice, such as a file that was cut off, counts as nothing. */
function parsed(text: string | undefined): [string, Choice][] {
  try {
    const read: unknown = JSON.parse(text ?? "{}");
    return typeof read === "object" && read !== null ? Object.entries(read).filter(isEntry) : [];
  } catch {
    return [];
  }
}

const isEntry = (entry: [string, unknown]): entry is [string, Choice] => {
  const [, choice] = entry;
  if (typeof choice !== "object" || choice === null) return false;
  const { variant, splits } = choice as Record<string, unknown>;
  return typeof variant === "string" && (splits === undefined || (Number.isSafeInteger(splits) && Number(splits) > 0));
};
