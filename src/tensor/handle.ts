/**
 * A tensor's hold on its memory and its graph: released once, by `dispose`, a scope, the release queue or, when nobody
 * holds the tensor any more, by the garbage collector. See docs/lifetime.md.
 */
import { runtimeOf } from "../gpu/device.ts";
import type { Storage } from "./storage.ts";

/** The edge of the graph that leads to a tensor's node; autograd implements it. */
export interface GraphLink {
  retain(): void;
  release(): void;
}

const finalizers = new FinalizationRegistry<Handle>((handle) => {
  handle.release();
  runtimeOf(handle.storage.device).collected();
});

/** Apart from the tensor, so that a finalizer can hold this and not the tensor. */
export class Handle {
  readonly storage: Storage;
  link: GraphLink | undefined;
  #live = true;
  #counted = true;
  #spent = false;

  constructor(owner: object, storage: Storage) {
    this.storage = storage;
    storage.retain();
    runtimeOf(storage.device).tensorCount++;
    finalizers.register(owner, this);
  }

  get live(): boolean {
    return this.#live;
  }

  /** True if device.tensorCount includes it: neither released nor uncounted. */
  get counted(): boolean {
    return this.#live && this.#counted;
  }

  /** Leaves the count of live tensors: the library keeps it readable for a while, but nobody owns it any more. */
  uncount(): void {
    if (!this.counted) return;
    this.#counted = false;
    runtimeOf(this.storage.device).tensorCount--;
  }

  /** Marks it as used up by backward(): neither it nor, with its last handle, its memory counts as live. */
  spend(): void {
    if (!this.#live || this.#spent) return;
    this.uncount();
    this.#spent = true;
    this.storage.spend();
  }

  /** Safe to call twice. */
  release(): void {
    if (!this.#live) return;
    this.uncount();
    this.#live = false;
    this.link?.release();
    this.link = undefined;
    this.storage.release(this.#spent);
  }
}
