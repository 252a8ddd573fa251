/** Lists and dictionaries of modules: names in state dicts are PyTorch's (`blocks.0.weight`, `heads.left.weight`). */
import { maybe, must, signature } from "../arguments.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import { isInstanceOf, isPlainObject } from "../plain-object.ts";
import { Module } from "./module.ts";

function checkModule(op: string, argument: string, value: unknown): void {
  check(isInstanceOf(value, Module), ArgumentError, () => expected(op, argument, "a module", value));
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.iterator in value;

const checkList = /* @__PURE__ */ signature("ModuleList", () => ({
  modules: /* @__PURE__ */ maybe(/* @__PURE__ */ must("a list of modules", isIterable)),
}));
const checkDict = /* @__PURE__ */ signature("ModuleDict", () => ({
  modules: /* @__PURE__ */ maybe(
    /* @__PURE__ */ must(
      "an object of modules by name",
      (value) => isPlainObject(value) || (isIterable(value) && !ArrayBuffer.isView(value)),
    ),
  ),
}));

/** A list of modules, by index: `list[0]`, `for (const layer of list)`. It has no forward. */
export class ModuleList<M extends Module = Module> extends Module {
  [index: number]: M;

  constructor(modules: Iterable<M> = []) {
    checkList(arguments);
    const list = [...modules];
    for (const [i, module] of list.entries()) checkModule("ModuleList", `module ${i}`, module);
    super();
    this.push(...list);
  }

  get length(): number {
    let length = 0;
    while (Object.hasOwn(this, length)) length++;
    return length;
  }

  *[Symbol.iterator](): Generator<M, void, undefined> {
    for (let i = 0; i < this.length; i++) yield this[i] as M;
  }

  /** The module at `index`; a negative one counts from the end. */
  at(index: number): M | undefined {
    return this[index < 0 ? this.length + index : index];
  }

  /** Adds modules at the end and returns the new length. */
  push(...modules: M[]): number {
    for (const [i, module] of modules.entries()) checkModule("ModuleList.push", `module ${i}`, module);
    const { length } = this;
    for (const [i, module] of modules.entries()) this[length + i] = module;
    return length + modules.length;
  }

  /** Adds a module at the end. */
  append(module: M): this {
    this.push(module);
    return this;
  }

  override forward(): never {
    throw new ArgumentError(
      "ModuleList: a list has no forward; iterate over it: for (const layer of list) x = layer.forward(x)",
    );
  }
}

/** Modules by name, in order of insertion. `dict.get("left")` is `dict.left` too. It has no forward. */
export class ModuleDict<M extends Module = Module> extends Module {
  /** Looked through by the module's state: the names are the keys alone. */
  protected readonly modules = new Map<string, M>();

  constructor(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]> = {}) {
    checkDict(arguments);
    super();
    const entries = Symbol.iterator in modules ? modules : Object.entries(modules);
    for (const entry of entries) {
      check(Array.isArray(entry), ArgumentError, () =>
        expected("ModuleDict", "modules", "[name, module] pairs", entry),
      );
      this.set(entry[0], entry[1]);
    }
  }

  get size(): number {
    return this.modules.size;
  }

  get(key: string): M | undefined {
    return this.modules.get(key);
  }

  has(key: string): boolean {
    return this.modules.has(key);
  }

  /** Puts a module under a name that is a part of a path: without a dot, and none of the class's own. */
  set(key: string, module: M): this {
    checkModule("ModuleDict", String(key), module);
    const isPart = typeof key === "string" && key !== "" && !key.includes(".");
    check(isPart, ArgumentError, () => expected("ModuleDict", "key", "a non-empty string without a dot", key));
    if (!this.modules.has(key)) {
      check(!(key in this), ArgumentError, () =>
        expected("ModuleDict", "key", "a name that is no property of ModuleDict", key),
      );
      const accessor = { get: () => this.modules.get(key), set: (one: M) => void this.set(key, one) };
      Object.defineProperty(this, key, { ...accessor, configurable: true });
    }
    this.modules.set(key, module);
    return this;
  }

  /** Takes a module out; false where there was none. */
  delete(key: string): boolean {
    const known = this.modules.delete(key);
    if (known) delete (this as Record<string, unknown>)[key];
    return known;
  }

  keys(): IterableIterator<string> {
    return this.modules.keys();
  }

  values(): IterableIterator<M> {
    return this.modules.values();
  }

  entries(): IterableIterator<[string, M]> {
    return this.modules.entries();
  }

  [Symbol.iterator](): IterableIterator<[string, M]> {
    return this.modules.entries();
  }

  override forward(): never {
    throw new ArgumentError(
      'ModuleDict: a dictionary has no forward; take what is meant: dict.get("name").forward(x), or iterate over it',
    );
  }

  protected override stateName(property: string): string {
    return property === "modules" ? "" : super.stateName(property);
  }
}
