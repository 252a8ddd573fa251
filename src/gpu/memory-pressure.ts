/**
 * When garbage is worth collecting. V8 does not see the bytes that tensors hold on the GPU, and a tensor without a graph
 * is freed by the collector alone: it is asked for whenever the live bytes have doubled since it last freed something.
 * Finalizers run when the event loop turns, so a loop without an await frees nothing, whoever asks.
 */
import { garbageCollector } from "#adapter";

const MiB = 2 ** 20;

/**
 * Bytes of garbage that are let be: at first, and at most, where collecting takes much of the program's time; `most` is
 * for small adapters, and for large ones a quarter of their largest buffer.
 */
const ALLOWANCE = { first: 128 * MiB, most: 256 * MiB };
/** Live bytes are doubled up to here, then added to. */
const LARGEST_STEP = 2048 * MiB;
/** The time that collecting may take, as a share of the time between collections, before more garbage is let be. */
const BUSY = 0.5;
/** Growth without a read that is warned of; more where the adapter's buffers may be larger. */
const WARN_BYTES = 1024 * MiB;

export const RECIPE =
  "wrap a step in scope(() => ...), dispose() of what is no longer needed, await a read now and then (the garbage collector frees tensors only when the event loop turns), or give host arrays to a captured function";

export class MemoryPressure {
  /** Live bytes beyond which `relieve` is to be called. */
  limit = ALLOWANCE.first;
  #allowance = ALLOWANCE.first;
  #lastCollection = performance.now();
  /** Averages of the milliseconds that collections took, and of those from one to the next. */
  #collecting = 0;
  #between = 0;
  #liveAtRead = 0;
  #warned = false;
  readonly #bytes: { readonly live: number };
  readonly #mostAllowed: number;
  readonly #warnBytes: number;

  constructor(bytes: { readonly live: number }, largestBuffer: number) {
    this.#bytes = bytes;
    this.#mostAllowed = Math.max(ALLOWANCE.most, Math.min(largestBuffer / 4, LARGEST_STEP));
    this.#warnBytes = Math.max(WARN_BYTES, largestBuffer);
  }

  /** Collects garbage; what it held comes back at the next turn of the event loop. */
  relieve(): void {
    this.#warn();
    const collect = garbageCollector();
    if (collect) {
      const start = performance.now();
      collect();
      const end = performance.now();
      // Averaged, since one collection may have waited for a core.
      this.#collecting = (this.#collecting + end - start) / 2;
      this.#between = (this.#between + start - this.#lastCollection) / 2;
      const isBusy = this.#collecting > BUSY * this.#between;
      this.#allowance = isBusy
        ? Math.min(2 * this.#allowance, this.#mostAllowed)
        : Math.max(this.#allowance / 2, ALLOWANCE.first);
      this.#lastCollection = end;
    }
    this.settle();
  }

  /** Sets the limit anew: after a collection, and whenever the collector has freed a tensor. */
  settle(): void {
    const { live } = this.#bytes;
    const next = live + Math.max(this.#allowance, Math.min(live, LARGEST_STEP));
    const warnAt = this.#liveAtRead + this.#warnBytes + 1;
    this.limit = this.#warned || live >= warnAt ? next : Math.min(next, warnAt);
  }

  /** A read is done: the event loop has turned. */
  turned(): void {
    this.#liveAtRead = this.#bytes.live;
  }

  #warn(): void {
    const grown = this.#bytes.live - this.#liveAtRead;
    if (this.#warned || grown <= this.#warnBytes) return;
    this.#warned = true;
    const [now, more] = [this.#bytes.live, grown].map((bytes) => `${Math.round(bytes / MiB)} MiB`);
    console.warn(
      `gradwell: tensors hold ${now} on the GPU, ${more} of it made since the last read. If they are not all needed: ${RECIPE}.`,
    );
  }
}
