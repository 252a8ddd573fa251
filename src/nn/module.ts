/** Module: what layers and models share. Parameters, buffers and children are found by a module's own properties. */

import { ArgumentError, check, expected } from "../errors.ts";
import { runtimeOf } from "../gpu/device.ts";
import { printAsString } from "../gpu/inspect.ts";
import { keyedByIdentity } from "../tensor/identity.ts";
import { keep } from "../tensor/scope.ts";
import type { Shape } from "../tensor/shape.ts";
import { disposeBecause, gradOf, isOwnGrad, isParameter, putGrad, storageOf, Tensor } from "../tensor/tensor.ts";
import { type Forward, isScoped, scoped, watched } from "./forward.ts";
import type { Named } from "./forward-trace.ts";
import { guardModule } from "./module-snapshot.ts";
import { join, leavesIn } from "./nested-entries.ts";
import { allow, checkMode } from "./running-modules.ts";
import { type LoadOptions, type LoadResult, load, type StateDict } from "./state-dict.ts";
import { type SummaryOptions, summarize } from "./summary.ts";

/** Paths that were given as labels: a path from further up replaces them, a label of the user's stays. */
const labels = new WeakMap<Tensor, string>();

/** The state that lies in a module itself, and the modules directly below it, by name. */
interface Own {
  readonly parameters: Named[];
  readonly buffers: Named[];
  readonly children: Named<Module>[];
}

/** A module of a model with its path and what it holds. */
interface Visit {
  readonly path: string;
  readonly module: Module;
  readonly own: Own;
}

/**
 * Base of all layers and models. A property that is a tensor with `requiresGrad` is a parameter, one that is a module a
 * child; so is what lies in arrays, plain objects, Maps and Sets, at any depth. A layer in a private field or in a closure
 * is not seen: where its forward runs below a module that does not know it, that is an error. `forward` frees every
 * tensor made in it but for what its result, its arguments and the module's properties lead to, what backward needs, and
 * what `keep` was called for.
 */
export class Module {
  readonly #buffers = new Set<string>();
  /** Paths at which a parameter was seen: a tensor that is none may not take its place. */
  readonly #parameterPaths = new Set<string>();
  #training = true;
  #forward: Forward;

  constructor() {
    this.#forward = scoped(this, this.forward, () => this.#checkParameters());
    // Not enumerable, so that it is no property like the others.
    Object.defineProperty(this, "forward", Module.#watchedForward);
  }

  /** One for all modules, which then share their hidden class. */
  static readonly #watchedForward: PropertyDescriptor & ThisType<Module> = {
    get() {
      return this.#forward;
    },
    set(given: Forward) {
      this.#forward = isScoped(given) ? given : watched(this, given, () => this.#checkParameters());
    },
    configurable: true,
  };

  // biome-ignore lint/suspicious/noExplicitAny: every subclass has inputs and results of its own
  forward(..._inputs: any[]): any {
    throw new ArgumentError(`${this.constructor.name}: the class has no forward(...)`);
  }

  get [keyedByIdentity](): boolean {
    return true;
  }

  /** True if the layer leaves it to the next one to decide the scale of what passes; Sequential draws weights by it. */
  get isInitTransparent(): boolean {
    return false;
  }

  /** True if layers that behave differently while training (batch norm, dropout) do so. Default true. */
  get training(): boolean {
    checkMode(this, this.#training);
    return this.#training;
  }

  /** Sets this module and all below it to training (or to evaluation, with false). */
  train(mode = true): this {
    check(typeof mode === "boolean", ArgumentError, () => expected("train", "mode", "true or false", mode));
    return this.apply((module) => {
      module.#training = mode;
    });
  }

  /** Sets this module and all below it to evaluation. */
  eval(): this {
    return this.train(false);
  }

  /** Calls `fn` with every module below this one and then with this one. */
  apply(fn: (module: Module) => void): this {
    const all = this.namedModules().reverse();
    for (const [, module] of all) fn(module);
    return this;
  }

  /** The modules directly below this one. */
  namedChildren(): Named<Module>[] {
    return this.#own("").children;
  }

  /** This module (its name is "") and all below it, each once. */
  namedModules(): Named<Module>[] {
    return once(this.#walk().map(({ path, module }): Named<Module> => [path, module]));
  }

  /** All trainable or frozen parameters, each once. */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Parameters with their paths, PyTorch's names: `0.weight`. The paths become the labels that messages show. */
  namedParameters(): Named[] {
    const found = once(this.#collect(({ parameters }) => parameters));
    for (const [path, parameter] of found) giveLabel(parameter, path);
    return found;
  }

  /** Buffers (state that is not trained) with their paths: `1.running_mean`. */
  namedBuffers(): Named[] {
    return once(this.#collect(({ buffers }) => buffers));
  }

  /** Makes a tensor a parameter, `this[name]`, as assigning one that has `requiresGrad` does; null for none. */
  registerParameter(name: string, tensor: Tensor | null): void {
    const fits = tensor === null || (tensor instanceof Tensor && isParameter(tensor));
    check(fits, ArgumentError, () =>
      expected("registerParameter", "tensor", "a tensor with requiresGrad, or null", tensor),
    );
    this.#buffers.delete(name);
    this.#parameterPaths.add(name);
    Object.assign(this, { [name]: tensor && keep(tensor) });
  }

  /** Makes a tensor part of the state, though it is not trained: `this[name]`, in state dicts under its snake_case name. */
  registerBuffer(name: string, tensor: Tensor | null): void {
    check(tensor === null || tensor instanceof Tensor, ArgumentError, () =>
      expected("registerBuffer", "tensor", "a tensor or null", tensor),
    );
    this.#parameterPaths.delete(name);
    this.#buffers.add(name);
    Object.assign(this, { [name]: tensor && keep(tensor) });
  }

  /**
   * Lets `forward` run a module that is no part of this one: it is neither trained nor saved with it, and keeps its own
   * mode. For a teacher or another network that lies in a private field; a public property would register it.
   */
  registerForeign(module: Module): void {
    check(module instanceof Module, ArgumentError, () => expected("registerForeign", "module", "a module", module));
    allow(this, module);
  }

  /** Parameters and buffers by path: the tensors themselves, not copies. */
  stateDict(): StateDict {
    this.namedParameters();
    return Object.fromEntries(this.#collect(({ parameters, buffers }) => [...parameters, ...buffers]));
  }

  /**
   * Copies values into the parameters and buffers, in place. With `strict` (default true) the names must be the same.
   * Throws before anything is changed.
   */
  loadStateDict(map: StateDict, options: LoadOptions = {}): LoadResult {
    return load(this.stateDict(), map, options);
  }

  /** Sets every parameter's `grad` to null. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) {
      const grad = gradOf(parameter);
      putGrad(parameter, null);
      if (grad && isOwnGrad(grad)) release(grad);
    }
  }

  /** A table of the layers with their output shapes and parameter counts, for an input of this shape (batch included). */
  summary(inputShape: Shape, options: SummaryOptions = {}): string {
    return summarize(this, inputShape, options);
  }

  /** The tree of its modules, one on a line with the shapes of its own parameters. */
  toString(): string {
    return this.#walk().map(lineOf).join("\n");
  }

  /** Frees all parameters and buffers; the module is not usable after it. Without it the garbage collector does. */
  dispose(): void {
    for (const tensor of Object.values(this.stateDict())) {
      const grad = gradOf(tensor);
      if (grad && isOwnGrad(grad)) release(grad);
      tensor.dispose();
    }
  }

  /** A property's name in paths: its own, for buffers in snake_case. Empty for a list whose entries stand for themselves. */
  protected stateName(property: string): string {
    return this.#buffers.has(property) ? property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : property;
  }

  #own(path: string): Own {
    const own: Own = { parameters: [], buffers: [], children: [] };
    for (const [property, value] of Object.entries(this)) {
      if (property === "forward") this.#watchField(value);
      const isBuffer = this.#buffers.has(property);
      for (const [inner, one] of leavesIn(value, isStateful)) {
        if (inner === undefined) {
          this.#assertStateless(property, one);
          continue;
        }
        const name = join(this.stateName(property), inner);
        if (one instanceof Module) own.children.push([name, one]);
        else if (isBuffer) own.buffers.push([name, one]);
        else if (isParameter(one)) {
          own.parameters.push([name, one]);
          this.#parameterPaths.add(join(property, inner));
        } else this.#assertNoParameter(join(property, inner), join(path, name));
      }
    }
    return own;
  }

  /** A class that defines `forward` as a field has replaced the property that tells when it runs. */
  #watchField(forward: Forward): void {
    Object.defineProperty(this, "forward", { ...Module.#watchedForward, enumerable: false });
    this.forward = forward;
  }

  /** Throws for state that has no name. */
  #assertStateless(property: string, one: Module | Tensor): void {
    check(
      one instanceof Tensor && !isParameter(one),
      ArgumentError,
      () =>
        `${nameOf(this)}: the Map in '${property}' holds ${one instanceof Tensor ? "a parameter" : nameOf(one)} under a key ` +
        "that is neither a string nor a number, so that it has no name in the state dict",
    );
  }

  /** Throws where a tensor that is no parameter lies in the place of one: it would silently be neither trained nor saved. */
  #assertNoParameter(place: string, path: string): void {
    check(
      !this.#parameterPaths.has(place),
      ArgumentError,
      () =>
        `${nameOf(this)}: '${path}' was a parameter and is now a tensor that is none: it would be neither trained ` +
        `nor saved. Assign a tensor with requiresGrad: true, or copy values into the parameter (${place}.copy_(values)); for ` +
        `state that is not trained call registerBuffer('${place}', values)`,
    );
  }

  /** Throws for parameters that something else has taken the place of. */
  #checkParameters(): void {
    for (const name of this.#parameterPaths) {
      const value = (this as Record<string, unknown>)[name];
      if (value instanceof Tensor && !isParameter(value)) this.#assertNoParameter(name, name);
    }
  }

  /** This module and all below it; one that is used twice comes twice. */
  #walk(): Visit[] {
    const found: Visit[] = [];
    const above = new Set<Module>();
    // A module alone: all below it was visited.
    const stack: (Named<Module> | Module)[] = [["", this]];
    for (let next = stack.pop(); next; next = stack.pop()) {
      if (next instanceof Module) {
        above.delete(next);
        continue;
      }
      const [path, module] = next;
      const isInItself = above.has(module);
      check(!isInItself, ArgumentError, () => `${nameOf(module)}: the module '${path}' contains itself`);
      const own = module.#own(path);
      found.push({ path, module, own });
      above.add(module);
      stack.push(module);
      for (const [name, child] of own.children.reverse()) stack.push([join(path, name), child]);
      own.children.reverse();
    }
    return found;
  }

  /** Tensors by path. A capture that reads the list is only right while the list is the same. */
  #collect(part: (own: Own) => Named[]): Named[] {
    const found = this.#walk().flatMap(({ path, own }) =>
      part(own).map(([name, tensor]): Named => [join(path, name), tensor]),
    );
    const first = found[0]?.[1];
    const tape = first && runtimeOf(first.device).recorder.tape;
    if (tape) guardModule(tape, this);
    return distinct(nameOf(this), found);
  }
}

printAsString(Module);

function lineOf({ path, module, own }: Visit): string {
  const depth = path === "" ? 0 : path.split(".").length;
  const shapes = own.parameters.map(([name, { shape }]) => `${name} [${shape}]`);
  const name = path === "" ? "" : `(${path.split(".").pop()}) `;
  return `${"  ".repeat(depth)}${name}${nameOf(module)}${shapes.length > 0 ? `: ${shapes.join(", ")}` : ""}`;
}

const isStateful = (value: object): value is Module | Tensor => value instanceof Module || value instanceof Tensor;
const nameOf = (module: Module): string => module.constructor.name;

/** Refuses two tensors of one name: a state dict would lose one of them. */
function distinct(model: string, entries: Named[]): Named[] {
  const known = new Map<string, Tensor>();
  for (const [path, tensor] of entries) {
    check((known.get(path) ?? tensor) === tensor, ArgumentError, () => `${model}: two tensors have the name '${path}'`);
    known.set(path, tensor);
  }
  return entries;
}

function once<T>(entries: readonly Named<T>[]): Named<T>[] {
  const seen = new Set<T>();
  return entries.filter(([, one]) => !seen.has(one) && seen.add(one));
}

function giveLabel(parameter: Tensor, path: string): void {
  const given = labels.get(parameter);
  if (parameter.label !== given || (given && given.length >= path.length)) return;
  parameter.label = path;
  labels.set(parameter, path);
}

/** Frees a gradient, unless a capture writes into it at every replay. */
function release(gradient: Tensor): void {
  if (gradient.disposed || storageOf(gradient).buffer.pins > 0) return;
  disposeBecause(gradient, "its parameter's model dropped it in zeroGrad()");
}
