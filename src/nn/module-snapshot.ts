/**
 * A snapshot of what a module can read of itself and of the modules below it, as it was when a capture was recorded: a
 * replay is right only while all of that is the same. Primitives are compared by value, tensors and functions by
 * identity, containers and objects by their entries.
 */

import { elementAt, isTypedArray } from "../elements.ts";
import type { GpuBuffer } from "../gpu/buffer-pool.ts";
import type { Tape } from "../gpu/command-recorder.ts";
import { Device } from "../gpu/device.ts";
import { sameShape } from "../tensor/shape.ts";
import { storageOf, Tensor } from "../tensor/tensor.ts";
import { isModule, type ModuleLike } from "./nested-entries.ts";

/** The state of one object, compared in every replay: nothing is allocated there. */
interface Entry {
  holds(): boolean;
  /** The values in it, to be looked through too. */
  readonly values: readonly unknown[];
  /** Takes note of what the forward itself has written. */
  settle?(): void;
}

/** As Object.is, and faster for what is mostly equal. */
const isSame = (a: unknown, b: unknown): boolean => (a === b ? a !== 0 || Object.is(a, b) : Object.is(a, b));

type Bag = Record<string, unknown>;

/** A value that a forward has put in place of tensors, and the memory of those. */
interface Written {
  readonly value: unknown;
  readonly replaced: readonly GpuBuffer[];
}

/** Own properties in their order. */
class Properties implements Entry {
  readonly keys: readonly string[];
  readonly values: readonly unknown[];
  readonly #target: Bag;
  /** Tensors that nothing can have read: they were gone already. */
  readonly #gone: ReadonlySet<unknown>;
  /** Keyed by index. */
  readonly #written = new Map<number, Written>();

  constructor(target: object) {
    this.#target = target as Bag;
    const keys: string[] = [];
    for (const key in target) keys.push(key);
    this.keys = keys;
    this.values = keys.map((key) => this.#target[key]);
    this.#gone = new Set(this.values.flatMap(tensorsOf).filter(({ disposed }) => disposed));
  }

  holds(): boolean {
    const target = this.#target;
    const { keys, values } = this;
    let i = 0;
    for (const key in target) {
      const value = target[key];
      if (key !== keys[i] || (!isSame(value, values[i]) && !this.#isOwnDoing(i, value))) return false;
      i++;
    }
    return i === keys.length;
  }

  settle(): void {
    this.keys.forEach((key, i) => {
      const [before, value] = [this.values[i], this.#target[key]];
      this.#written.delete(i);
      if (Object.is(before, value) || !isAlike(before, value)) return;
      const read = tensorsOf(before).filter((one) => !this.#gone.has(one));
      if (read.some(({ disposed }) => disposed)) return;
      this.#written.set(i, { value, replaced: read.map((one) => storageOf(one).buffer) });
    });
  }

  /**
   * Returns true if the forward left `value` there for others to look at: recordings pin the memory that they read, and
   * read none of the old.
   */
  #isOwnDoing(i: number, value: unknown): boolean {
    const written = this.#written.get(i);
    return written !== undefined && Object.is(written.value, value) && written.replaced.every(({ pins }) => pins === 0);
  }
}

/** A tensor, or the tensors in a list. */
const tensorsOf = (value: unknown): Tensor[] =>
  (Array.isArray(value) ? value : [value]).filter((one): one is Tensor => one instanceof Tensor);

/** Returns true if both are tensors of one shape, or lists of such. */
function isAlike(before: unknown, after: unknown): boolean {
  const [olds, news] = [tensorsOf(before), tensorsOf(after)];
  const count = (value: unknown) => (Array.isArray(value) ? value.length : undefined);
  const areTensors = count(before) === count(after) && olds.length === (count(before) ?? 1);
  return (
    areTensors &&
    olds.length === news.length &&
    olds.every((old, i) => old.dtype === news[i]?.dtype && sameShape(old.shape, elementAt(news, i).shape))
  );
}

class ModuleState extends Properties {
  readonly #module: ModuleLike;
  readonly #training: boolean;
  readonly #forward: ModuleLike["forward"];
  readonly #accessors: readonly (readonly [string, unknown])[];

  constructor(module: ModuleLike) {
    super(module);
    this.#module = module;
    this.#training = module.training;
    this.#forward = module.forward;
    this.#accessors = accessorsOf(module);
  }

  override holds(): boolean {
    const module = this.#module;
    if (module.training !== this.#training || module.forward !== this.#forward) return false;
    for (const [name, value] of this.#accessors) if (!Object.is(Reflect.get(module, name), value)) return false;
    return super.holds();
  }
}

/** Properties of the class that can be read and written: private state shows there. One that never gives the same is left out. */
function accessorsOf(module: ModuleLike): (readonly [string, unknown])[] {
  const found: (readonly [string, unknown])[] = [];
  for (
    let kind = Object.getPrototypeOf(module);
    kind && kind !== Object.prototype;
    kind = Object.getPrototypeOf(kind)
  ) {
    for (const [name, { get, set }] of Object.entries(Object.getOwnPropertyDescriptors(kind))) {
      if (!get || !set || name === "__proto__") continue;
      const value: unknown = get.call(module);
      if (Object.is(get.call(module), value)) found.push([name, value]);
    }
  }
  return found;
}

/** Arrays and typed arrays. */
class List implements Entry {
  readonly values: readonly unknown[];
  readonly #target: ArrayLike<unknown>;

  constructor(target: ArrayLike<unknown>) {
    this.#target = target;
    this.values = Array.from(target);
  }

  holds(): boolean {
    const target = this.#target;
    const { values } = this;
    if (target.length !== values.length) return false;
    for (let i = 0; i < values.length; i++) if (!isSame(target[i], values[i])) return false;
    return true;
  }
}

/** Maps, and Sets as Maps to nothing: the order counts too. */
class Collection implements Entry {
  readonly values: readonly unknown[];
  readonly #keys: readonly unknown[];
  readonly #target: Map<unknown, unknown> | Set<unknown>;

  constructor(target: Map<unknown, unknown> | Set<unknown>) {
    this.#target = target;
    this.#keys = [...target.keys()];
    this.values = target instanceof Map ? [...target.values()] : this.#keys;
  }

  holds(): boolean {
    const target = this.#target;
    if (target.size !== this.#keys.length) return false;
    let i = 0;
    for (const key of target.keys()) {
      if (!Object.is(key, this.#keys[i])) return false;
      if (target instanceof Map && !Object.is(target.get(key), this.values[i])) return false;
      i++;
    }
    return true;
  }
}

/** Longer typed arrays are data rather than settings: they count by identity. */
const MAX_COMPARED = 65_536;

/** Objects whose changes reach replays in other ways, or do not matter to them. */
const isLeftOut = (value: object): boolean =>
  value instanceof Tensor || value instanceof Device || value instanceof Promise || "paramGroups" in value;

function entryOf(value: unknown): Entry | undefined {
  if (typeof value !== "object" || value === null || isLeftOut(value)) return undefined;
  if (isModule(value)) return new ModuleState(value);
  if (Array.isArray(value)) return new List(value);
  if (isTypedArray(value)) return value.length <= MAX_COMPARED ? new List(value) : undefined;
  if (ArrayBuffer.isView(value)) return undefined;
  if (value instanceof Map || value instanceof Set) return new Collection(value);
  return hasOwnOnly(value) ? new Properties(value) : undefined;
}

/** Host objects, such as elements of a page, inherit properties that lead everywhere. */
function hasOwnOnly(value: object): boolean {
  for (const key in value) if (!Object.hasOwn(value, key)) return false;
  return true;
}

/** The state of all that can be reached from one module. */
class Snapshot {
  readonly #entries: Entry[] = [];

  /** `seen`: what other snapshots of the recording hold already. */
  constructor(root: ModuleLike, seen: Set<unknown>) {
    const waiting: unknown[] = [root];
    for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
      if (seen.has(value)) continue;
      const entry = entryOf(value);
      if (!entry) continue;
      seen.add(value);
      this.#entries.push(entry);
      for (const inner of entry.values) if (typeof inner === "object" && inner !== null) waiting.push(inner);
    }
  }

  holds(): boolean {
    for (const entry of this.#entries) if (!entry.holds()) return false;
    return true;
  }

  settle(): void {
    for (const entry of this.#entries) entry.settle?.();
  }
}

interface Recorded {
  readonly seen: Set<unknown>;
  readonly snapshots: Map<ModuleLike, Snapshot>;
}

const recorded = new WeakMap<Tape, Recorded>();

/** Makes what `tape` records valid only while `module` and all below it are as they are now. */
export function guardModule(tape: Tape, module: ModuleLike): void {
  const known = recorded.get(tape) ?? { seen: new Set(), snapshots: new Map() };
  recorded.set(tape, known);
  if (known.seen.has(module)) return;
  const snapshot = new Snapshot(module, known.seen);
  known.snapshots.set(module, snapshot);
  tape.addCaptureGuard(() => snapshot.holds());
}

/** To be called when a forward has ended: what it wrote into properties only for others to look at does not count. */
export const settleModule = (tape: Tape, module: ModuleLike): void =>
  recorded.get(tape)?.snapshots.get(module)?.settle();
