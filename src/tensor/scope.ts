/** Scopes: what is made inside and not returned is freed at the end. */

/** What a scope owns: tensors, known by their shape since tensor.ts imports this file. */
export interface Owned {
  dispose(): void;
  assertLive(op: string): void;
}

const stack: Set<Owned>[] = [];
const watchers = new Set<(tensor: Owned) => void>();

/** Every new tensor passes here; the innermost scope owns it. */
export function trackInScope(tensor: Owned): void {
  stack[stack.length - 1]?.add(tensor);
  if (watchers.size > 0) for (const watcher of watchers) watcher(tensor);
}

/** Calls `watcher` with every tensor that is made until the returned function is called. */
export function watch(watcher: (tensor: Owned) => void): () => void {
  watchers.add(watcher);
  return () => void watchers.delete(watcher);
}

/** Takes a tensor out of every open scope: somebody else owns it now (a parameter's gradient, a cache). */
export function keep<T extends Owned>(tensor: T): T {
  for (const owned of stack) owned.delete(tensor);
  return tensor;
}

/**
 * Runs `fn` and frees every tensor made in it, but for those in its result (a tensor, or arrays and plain objects of
 * them). Scopes nest. With an async `fn` the scope covers what is made before its first await.
 */
export function scope<T>(fn: () => T): T {
  return scopeKeeping(fn, () => []);
}

/** Like `scope`, and also keeps what `alsoKept()` names at the end. */
export function scopeKeeping<T>(fn: () => T, alsoKept: () => unknown): T {
  const owned = new Set<Owned>();
  stack.push(owned);
  let result: T | undefined;
  try {
    result = fn();
    return result;
  } finally {
    stack.splice(stack.indexOf(owned), 1);
    const outer = stack[stack.length - 1];
    for (const tensor of [...tensorsIn(result), ...tensorsIn(alsoKept())]) if (owned.delete(tensor)) outer?.add(tensor);
    if (result instanceof Promise)
      void result.then(
        (value) => freeAllBut(owned, value),
        () => freeAllBut(owned, []),
      );
    else for (const tensor of owned) tensor.dispose();
  }
}

function freeAllBut(owned: Set<Owned>, value: unknown): void {
  for (const tensor of tensorsIn(value)) owned.delete(tensor);
  for (const tensor of owned) tensor.dispose();
}

/** The tensors in a value: itself, or those in arrays and plain objects. */
export function tensorsIn(value: unknown, found: Owned[] = []): Owned[] {
  if (typeof value !== "object" || value === null) return found;
  if (isTensor(value)) found.push(value);
  else if (Array.isArray(value)) for (const one of value) tensorsIn(one, found);
  else if (Object.getPrototypeOf(value) === Object.prototype)
    for (const one of Object.values(value)) tensorsIn(one, found);
  return found;
}

const isTensor = (value: object): value is Owned => "assertLive" in value;
