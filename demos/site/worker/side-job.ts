/** Something done now and then beside training: never more often than wanted, never for more than its share of the time. */
export class SideJob {
  readonly #interval: number;
  readonly #share: number;
  #next = 0;

  /** `interval` in milliseconds, `share` of all time. */
  constructor(interval: number, share: number) {
    this.#interval = interval;
    this.#share = share;
  }

  /** Due at once. */
  reset(): void {
    this.#next = 0;
  }

  /** Does it if it is due, or `now` in any case. */
  async maybe(now: boolean, work: () => Promise<void>): Promise<void> {
    const start = performance.now();
    if (!now && start < this.#next) return;
    await work();
    const end = performance.now();
    this.#next = end + Math.max(this.#interval, (end - start) * (1 / this.#share - 1));
  }
}
