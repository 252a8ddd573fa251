/** Module: what layers and models share. Parameters, buffers and children are found by a module's own properties. */
import { ArgumentError, check, expected } from "../errors.ts";
import { keep, scopeKeeping, tensorsIn } from "../tensor/scope.ts";
import type { Shape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type Named, trace } from "./forward-trace.ts";
import { type LoadOptions, type LoadResult, load, type StateDict } from "./state-dict.ts";
import { type SummaryOptions, summarize } from "./summary.ts";

/** Paths that were given as labels: a path from further up replaces them, a label of the user's stays. */
const labels = new WeakMap<Tensor, string>();

/**
 * Base of all layers and models. A property that is a tensor with `requiresGrad` is a parameter, one that is a module a
 * child; arrays of either count as well. `forward` frees every tensor made in it but for its result, what backward
 * needs and what the module keeps in its own properties.
 */
export class Module {
  readonly #buffers = new Set<string>();
  #training = true;

  constructor() {
    // Not enumerable, so that it is no property like the others; a class that defines `forward` as a field replaces it.
    const forward = scoped(this, this.forward);
    Object.defineProperty(this, "forward", { value: forward, writable: true, configurable: true });
  }

  // biome-ignore lint/suspicious/noExplicitAny: every subclass has inputs and results of its own
  forward(..._inputs: any[]): any {
    throw new ArgumentError(`${this.constructor.name}: the class has no forward(...)`);
  }

  /** Whether the layer leaves the scale of what passes to be decided by the next one; Sequential draws weights by it. */
  get isInitTransparent(): boolean {
    return false;
  }

  /** Whether layers that behave differently while training (batch norm, dropout) do so. Default true. */
  get training(): boolean {
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
    return this.#properties().filter((entry): entry is Named<Module> => entry[1] instanceof Module);
  }

  /** This module (its name is "") and all below it, each once. */
  namedModules(): Named<Module>[] {
    const seen = new Set<Module>();
    return walk(this).filter(([, module]) => !seen.has(module) && seen.add(module));
  }

  /** All trainable or frozen parameters, each once. */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Parameters with their paths, PyTorch's names: `0.weight`. The paths become the labels that messages show. */
  namedParameters(): Named[] {
    const found = once(named(walk(this), (module) => module.#parameters()));
    for (const [path, parameter] of found) giveLabel(parameter, path);
    return found;
  }

  /** Buffers (state that is not trained) with their paths: `1.running_mean`. */
  namedBuffers(): Named[] {
    return once(named(walk(this), (module) => module.#ownBuffers()));
  }

  /** Makes a tensor part of the state, though it is not trained: `this[name]`, in state dicts under its snake_case name. */
  registerBuffer(name: string, tensor: Tensor | null): void {
    check(tensor === null || tensor instanceof Tensor, ArgumentError, () =>
      expected("registerBuffer", "tensor", "a tensor or null", tensor),
    );
    this.#buffers.add(name);
    Object.assign(this, { [name]: tensor && keep(tensor) });
  }

  /** Parameters and buffers by path: the tensors themselves, not copies. */
  stateDict(): StateDict {
    this.namedParameters();
    return Object.fromEntries(named(walk(this), (module) => [...module.#parameters(), ...module.#ownBuffers()]));
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
      const { grad } = parameter;
      parameter.grad = null;
      if (grad && grad !== parameter.gradSlot) release(grad);
    }
  }

  /** A table of the layers with their output shapes and parameter counts, for an input of this shape (batch included). */
  summary(inputShape: Shape, options: SummaryOptions = {}): string {
    return summarize(this, inputShape, options);
  }

  /** Frees all parameters and buffers; the module is not usable after it. Without it the garbage collector does. */
  dispose(): void {
    for (const tensor of Object.values(this.stateDict())) {
      if (tensor.grad && tensor.grad !== tensor.gradSlot) release(tensor.grad);
      tensor.dispose();
    }
  }

  /** A property's name in paths: its own, for buffers in snake_case. Empty for a list whose entries stand for themselves. */
  protected stateName(property: string): string {
    return this.#buffers.has(property) ? property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : property;
  }

  #parameters(): Named[] {
    return this.#properties((property) => !this.#buffers.has(property)).filter(
      (entry): entry is Named => entry[1] instanceof Tensor && entry[1].isParameter,
    );
  }

  #ownBuffers(): Named[] {
    return this.#properties((property) => this.#buffers.has(property)).filter(
      (entry): entry is Named => entry[1] instanceof Tensor,
    );
  }

  /** Own properties with their names in paths; arrays by their entries. */
  #properties(wanted: (property: string) => boolean = () => true): Named<unknown>[] {
    return Object.entries(this).flatMap(([property, value]): Named<unknown>[] => {
      if (!wanted(property)) return [];
      const name = this.stateName(property);
      return Array.isArray(value) ? value.map((one, i) => [join(name, String(i)), one]) : [[name, value]];
    });
  }
}

const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

/** A module and all below it with their paths; one that is used twice comes twice. */
function walk(module: Module, path = "", above: readonly Module[] = []): Named<Module>[] {
  check(
    !above.includes(module),
    ArgumentError,
    () => `${module.constructor.name}: the module '${path}' contains itself`,
  );
  const below = module.namedChildren().flatMap(([name, child]) => walk(child, join(path, name), [...above, module]));
  return [[path, module], ...below];
}

function named(modules: readonly Named<Module>[], entriesOf: (module: Module) => Named[]): Named[] {
  return modules.flatMap(([path, module]) =>
    entriesOf(module).map(([name, tensor]): Named => [join(path, name), tensor]),
  );
}

function once(entries: readonly Named[]): Named[] {
  const seen = new Set<Tensor>();
  return entries.filter(([, tensor]) => !seen.has(tensor) && seen.add(tensor));
}

function giveLabel(parameter: Tensor, path: string): void {
  const given = labels.get(parameter);
  if (parameter.label !== given || (given && given.length >= path.length)) return;
  parameter.label = path;
  labels.set(parameter, path);
}

/** Frees a gradient, unless a capture writes into it at every replay. */
function release(gradient: Tensor): void {
  if (gradient.disposed || gradient.storage.buffer.pins > 0) return;
  gradient.freedBy = "its parameter's model dropped it in zeroGrad()";
  gradient.dispose();
}

type Forward = Module["forward"];

const scopedForwards = new WeakSet<Forward>();

/** Whether a module's `forward` is its class's own, and not one that somebody put in its place. */
export const isPlain = (module: Module): boolean => scopedForwards.has(module.forward);

function scoped(module: Module, forward: Forward): Forward {
  const wrapped: Forward = (...inputs) => {
    // A replay is only right for the modes it was recorded in.
    const [first] = tensorsIn(inputs);
    if (first instanceof Tensor) first.device.addCaptureGuard(() => module.training);
    const output = scopeKeeping(
      () => forward.apply(module, inputs),
      () => valuesOf(module),
    );
    trace.seen?.(module, output);
    return output;
  };
  scopedForwards.add(wrapped);
  return wrapped;
}

/** What a module and all below it hold in their properties. */
function valuesOf(value: unknown, seen = new Set<Module>()): unknown[] {
  if (Array.isArray(value)) return value.flatMap((one) => valuesOf(one, seen));
  if (!(value instanceof Module)) return [value];
  if (seen.has(value)) return [];
  seen.add(value);
  return Object.values(value).flatMap((one) => valuesOf(one, seen));
}
