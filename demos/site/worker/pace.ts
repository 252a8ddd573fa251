/** Number of steps between two reads, chosen so that reports come several times a second on any adapter. */

/** Milliseconds. */
const WANTED = 150;

export class Pace {
  steps = 1;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** The first steps of a new run compile kernels: slowly on. */
  reset(): void {
    this.steps = 1;
  }

  took(steps: number, milliseconds: number): void {
    const fitting = Math.floor((steps * WANTED) / Math.max(1, milliseconds));
    this.steps = Math.max(1, Math.min(fitting, 2 * this.steps, this.#most));
  }
}
