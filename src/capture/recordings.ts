/** The recordings of one captured function, the one not used for longest first. */
import type { Call, Recording } from "./recording.ts";

/** Consecutive calls that record, in multiples of what is kept, after which a warning is printed. */
const CHURN = 2;

export class Recordings {
  readonly #most: number;
  #list: Recording[] = [];
  /** The parts of the key of the last call that was recorded, and how many were in a row. */
  #last: readonly string[] = [];
  #inRow = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#list.length;
  }

  /** The recording of such a call, if all that it depends on is as it was. */
  find({ key, device }: Call): Recording | undefined {
    this.#dropStale();
    for (let i = this.#list.length - 1; i >= 0; i--) {
      const one = this.#list[i] as Recording;
      if (one.key !== key || one.device !== device || !one.tape.guardsPass()) continue;
      if (i < this.#list.length - 1) this.#list.push(...this.#list.splice(i, 1));
      this.#inRow = 0;
      return one;
    }
    return undefined;
  }

  /** Frees what must go for one more. */
  makeRoom(call: Call): void {
    this.#noteChurn(call);
    while (this.#list.length > this.#most - 1) this.#list.shift()?.free();
  }

  add(recording: Recording): void {
    this.#list.push(recording);
  }

  clear(): void {
    for (const one of this.#list) one.free();
    this.#list = [];
  }

  /** Frees what no call can find again. */
  #dropStale(): void {
    if (this.#list.every((one) => one.isFresh)) return;
    for (const one of this.#list) if (!one.isFresh) one.free();
    this.#list = this.#list.filter((one) => one.isFresh);
  }

  #noteChurn({ parts }: Call): void {
    const changed = parts.flatMap((part, i) => (part === this.#last[i] ? [] : [describe(part, i)]));
    this.#last = parts;
    if (++this.#inRow !== Math.max(8, CHURN * this.#most)) return;
    const why =
      changed.length > 0 ? changed.join(", ") : "something that fn reads (a property of a module, requiresGrad)";
    console.warn(
      `capture: the last ${this.#inRow} calls of a captured function were all recorded anew, which is slower than eager: ${why} was another one each time`,
    );
  }
}

function describe(part: string, i: number): string {
  const what =
    part[0] === "F"
      ? "a function, made anew in each call (make it once, outside)"
      : part[0] === "T" || part[0] === "H"
        ? "a tensor's shape or dtype (pad to a few shapes, or raise maxRecordings)"
        : "a value (pass numbers that vary as a typed array or a tensor)";
  return `arguments[${i}], ${what},`;
}
