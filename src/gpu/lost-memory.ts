/**
 * Memory that is lost when the driver refuses some. WebGPU tells so late: commands with the refused buffer, and all
 * others of their submit, did nothing, and later ones may have read what those should have written. So everything that
 * was written between the request and the answer counts as lost until it is written anew, and using it throws.
 */
import { OutOfMemoryError } from "../errors.ts";

/** The submits that a refusal made doubtful. */
interface Loss {
  readonly from: number;
  readonly to: number;
}

/** The part of a buffer's record that says whether its content is lost. */
export interface Written {
  /** Tells whether the driver refused its memory; shared by all records of the same buffer. */
  readonly creation: { refused: boolean };
  /** The submit that last wrote it; 0 when nothing has since it was handed out. */
  lastWrite: number;
  /** The number of the last loss that met it, counted from 1. */
  lost: number;
  /** The number of losses that have been looked at. */
  lossesSeen: number;
}

export class Losses {
  readonly #all: Loss[] = [];

  get count(): number {
    return this.#all.length;
  }

  add(loss: Loss): void {
    this.#all.push(loss);
  }

  /** Notes that a buffer is written in a submit. */
  wrote(buffer: Written, submit: number): void {
    if (buffer.lossesSeen < this.#all.length) this.#settle(buffer);
    buffer.lastWrite = Math.max(buffer.lastWrite, submit);
  }

  /** Returns true if a buffer's content was lost later than the first `restored` losses. */
  met(buffer: Written, restored: number): boolean {
    if (buffer.lossesSeen < this.#all.length) this.#settle(buffer);
    return buffer.creation.refused || buffer.lost > restored;
  }

  #settle(buffer: Written): void {
    for (let i = buffer.lossesSeen; i < this.#all.length; i++) {
      const { from, to } = this.#all[i] as Loss;
      if (buffer.lastWrite >= from && buffer.lastWrite <= to) buffer.lost = i + 1;
    }
    buffer.lossesSeen = this.#all.length;
  }
}

/** The error of something that uses lost content. */
export const lostError = (what: string): OutOfMemoryError =>
  new OutOfMemoryError(
    `${what} was written while the GPU ran out of memory, and its values are lost: compute it anew, or copy or load values into it (loadStateDict, loadCheckpoint, copy_)`,
  );
