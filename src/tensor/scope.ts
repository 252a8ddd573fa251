/** Scopes: what is made inside and not returned is freed at the end. */
import { type Free, type Owned, type Reason, takeReachable, tensorsIn } from "./reachable.ts";

export { type Free, type Owned, type Reason, tensorsIn };

/** The tensors of a scope, each with the function that frees it. */
type OwnedTensors = Map<Owned, Free>;

/** Those that are running, innermost last. */
const stack: OwnedTensors[] = [];
/** Those of async functions, which other tasks run beside: they own nothing new, but what they own can be kept. */
const pending = new Set<OwnedTensors>();
const watchers = new Set<(tensor: Owned) => void>();

/** Every new tensor passes here; the innermost scope owns it. */
export function trackInScope(tensor: Owned, free: Free): void {
  stack[stack.length - 1]?.set(tensor, free);
  if (watchers.size > 0) for (const watcher of watchers) watcher(tensor);
}

/** Calls `watcher` with every tensor that is made until the returned function is called. */
export function watch(watcher: (tensor: Owned) => void): () => void {
  watchers.add(watcher);
  return () => void watchers.delete(watcher);
}

/**
 * Takes a tensor out of every open scope, and of every module whose `forward` is running: it lives on until it is
 * disposed or collected. For what goes into a cache or a list that outlives the scope.
 */
export function keep<T extends Owned>(tensor: T): T {
  for (const owned of stack) owned.delete(tensor);
  if (pending.size > 0) for (const owned of pending) owned.delete(tensor);
  return tensor;
}

const SCOPE_ENDED = "the scope() that it was made in has ended; return it from there, or call keep(x) on it";

/**
 * Runs `fn` and frees every tensor made in it, but for those that its result leads to (a tensor, or arrays, objects, Maps
 * and Sets of them) and those that `keep` was called for. Scopes nest. With an async `fn` the scope covers what is made
 * before its first await, until its promise settles.
 */
export function scope<T>(fn: () => T): T {
  return scopeKeeping(fn, nothing, SCOPE_ENDED);
}

const nothing = (): unknown => undefined;

/** The limit of the search of `alsoKept` for tensors, in objects; what a larger structure may hold is not freed. */
const SEARCH_EFFORT = 4096;

/** Like `scope`, and also keeps what `alsoKept()` leads to at the end. `why` stands in the errors about what it freed. */
export function scopeKeeping<T>(fn: () => T, alsoKept: () => unknown, why: Reason = SCOPE_ENDED): T {
  const owned: OwnedTensors = new Map();
  stack.push(owned);
  let result: T | undefined;
  try {
    result = fn();
    return result;
  } finally {
    stack.splice(stack.lastIndexOf(owned), 1);
    const outer = stack[stack.length - 1];
    if (isPromise(result)) {
      pending.add(owned);
      const settle = (value: unknown) => {
        pending.delete(owned);
        end(owned, value, alsoKept, why, undefined);
      };
      void result.then(settle, () => settle(undefined));
    } else if (owned.size > 0) end(owned, result, alsoKept, why, outer);
  }
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";

/** Hands what is kept to the scope around it, and frees the rest. */
function end(
  owned: OwnedTensors,
  result: unknown,
  alsoKept: () => unknown,
  why: Reason,
  outer: OwnedTensors | undefined,
): void {
  const hand = (tensor: Owned, free: Free) => void outer?.set(tensor, free);
  takeReachable(owned, result, hand);
  const isSearched = owned.size === 0 || takeReachable(owned, alsoKept(), hand, SEARCH_EFFORT);
  for (const [tensor, free] of owned) {
    if (!isSearched) hand(tensor, free);
    else if (!tensor.disposed) free(tensor, why);
  }
}
