/** The modules whose forward is running, outermost first, and the check that each of them is known to one above it. */
import { isGradEnabled } from "../autograd/modes.ts";
import { ArgumentError, check } from "../errors.ts";
import { isModule, leavesIn, type ModuleLike } from "./nested-entries.ts";

interface Frame {
  readonly module: ModuleLike;
  readonly inputs: readonly unknown[];
  /** The module above that `eval()` was called on, and that does not reach this one. */
  readonly unreachedFrom: ModuleLike | undefined;
}

const frames: Frame[] = [];
let unreached = 0;

/** The modules below each one, as they were when last looked up. */
const below = new WeakMap<ModuleLike, ReadonlySet<ModuleLike>>();
const foreign = new WeakMap<ModuleLike, Set<ModuleLike>>();

/** Lets `holder` run `module` though it does not hold it. */
export function allow(holder: ModuleLike, module: ModuleLike): void {
  foreign.set(holder, (foreign.get(holder) ?? new Set()).add(module));
}

/**
 * Begins the forward of `module`. Throws if it runs below a module that does not know it and would leave it untrained or
 * unsaved: that is decided by what would go wrong, so that a frozen network may be called from anywhere.
 */
export function enter(module: ModuleLike, inputs: readonly unknown[]): void {
  const parent = frames[frames.length - 1];
  let unreachedFrom: ModuleLike | undefined;
  if (parent && !isKnown(module) && !isGiven(module)) {
    check(!isTrained(module), ArgumentError, () => unregistered(parent.module, module, "is neither trained nor saved"));
    if (module.training && !parent.module.training) unreachedFrom = parent.module;
  }
  frames.push({ module, inputs, unreachedFrom });
  if (unreachedFrom) unreached++;
}

/** Ends the innermost forward. */
export function leave(): void {
  if (frames.pop()?.unreachedFrom) unreached--;
}

/** Called where a module is asked for its mode: one that `eval()` of the module above did not reach must not behave as in training. */
export function checkMode(module: ModuleLike, training: boolean): void {
  if (unreached === 0 || !training || frames[frames.length - 1]?.module !== module) return;
  const holder = frames.findLast(({ unreachedFrom }) => unreachedFrom)?.unreachedFrom as ModuleLike;
  throw new ArgumentError(unregistered(holder, module, "is not reached by eval()"));
}

const nameOf = (module: ModuleLike): string => module.constructor.name;

function unregistered(holder: ModuleLike, module: ModuleLike, consequence: string): string {
  const [above, name] = [nameOf(holder), nameOf(module)];
  return (
    `${above}: its forward ran ${name}, which is not registered and so ${consequence}: hold it in a public property, array, ` +
    `plain object or Map of ${above}; if it is meant to be apart (a teacher, say), call registerForeign(it) in ${above}, ` +
    "freeze it, or pass it to forward"
  );
}

/** Returns true if a running module holds it. Looks into their properties anew only where it was not found before. */
function isKnown(module: ModuleLike): boolean {
  for (let i = frames.length - 1; i >= 0; i--) if (below.get((frames[i] as Frame).module)?.has(module)) return true;
  return frames.findLast(({ module: holder }) => lookUp(holder).has(module)) !== undefined;
}

function lookUp(holder: ModuleLike): ReadonlySet<ModuleLike> {
  const found = new Set(holder.namedModules().map(([, module]) => module));
  below.set(holder, found);
  return found;
}

/** Returns true if it, or a module that it is part of, was passed to a running forward or declared foreign. */
function isGiven(module: ModuleLike): boolean {
  return frames.some(({ module: holder, inputs }) =>
    [...(foreign.get(holder) ?? []), ...leavesIn(inputs, isModule).map(([, one]) => one)].some(
      (one) => one === module || lookUp(one).has(module),
    ),
  );
}

/**
 * Returns true if running it now would change its state, or should: what is frozen, evaluated or without gradients
 * would not.
 */
function isTrained(module: ModuleLike): boolean {
  if (!isGradEnabled()) return false;
  if (module.namedParameters().some(([, parameter]) => parameter.requiresGrad)) return true;
  return module.namedModules().some(([, one]) => one.training && one.namedBuffers().length > 0);
}
