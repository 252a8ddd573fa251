/** Which of several kernels is fastest for a shape on one adapter, as tune() measured it. */
import { load, save } from "#adapter";
import { VERSION } from "./version.ts";

/** A kernel by its name in the table of its family, and into how many parts it cuts the sum. */
export interface Choice {
  readonly variant: string;
  readonly splits?: number;
}

export class Tuning {
  /** By operation and shape. */
  readonly choices = new Map<string, Choice>();
  /** While tune() watches a program: the shapes that it asks for. */
  asked: Map<string, unknown> | undefined;
  readonly #adapter: string;

  /** `adapter` names it with its driver's version, where the platform tells. */
  constructor(adapter: string) {
    this.#adapter = `gradwell ${VERSION}, ${adapter}`;
  }

  /** Whether there is anything to look up or to write down. */
  get isActive(): boolean {
    return this.choices.size > 0 || this.asked !== undefined;
  }

  /** Takes what earlier runs measured on this adapter with this version. */
  async load(): Promise<void> {
    const text = await load(this.#adapter).catch(() => undefined);
    for (const [shape, choice] of Object.entries(parsed(text))) this.choices.set(shape, choice);
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

/** What was written by somebody else, or cut off, counts as nothing. */
function parsed(text: string | undefined): Record<string, Choice> {
  try {
    const read: unknown = JSON.parse(text ?? "{}");
    return typeof read === "object" && read !== null ? (read as Record<string, Choice>) : {};
  } catch {
    return {};
  }
}
