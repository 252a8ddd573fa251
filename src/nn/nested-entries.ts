/** Looks through containers (arrays, plain objects, Maps, Sets) at any depth, without recursion. */
import type { Named } from "./forward-trace.ts";

/** The part of a module that the rest of `nn` needs to know, for files that `module.ts` imports. */
export interface ModuleLike {
  readonly training: boolean;
  forward(...inputs: unknown[]): unknown;
  namedModules(): Named<ModuleLike>[];
  namedParameters(): Named[];
  namedBuffers(): Named[];
}

export const isModule = (value: unknown): value is ModuleLike =>
  typeof value === "object" && value !== null && "namedModules" in value && "namedBuffers" in value;

export const join = (path: string, name: string): string =>
  path === "" || name === "" ? path + name : `${path}.${name}`;

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The contents of a container by key; undefined for what is none. A Set's keys are the order of insertion. */
function contentsOf(value: object): (readonly [key: unknown, value: unknown])[] | undefined {
  if (Array.isArray(value)) return value.map((one, i) => [i, one]);
  if (value instanceof Map) return [...value];
  if (value instanceof Set) return Array.from(value, (one, i) => [i, one]);
  return isPlainObject(value) ? Object.entries(value) : undefined;
}

const isNamable = (key: unknown): key is string | number => typeof key === "string" || typeof key === "number";

/** An object in a container, by its path from there; undefined below a Map's key that is neither a string nor a number. */
export type Leaf<T> = readonly [path: string | undefined, value: T];

/**
 * The objects in `value` that are `wanted`, depth first and in order, by their path from there: "" for `value` itself,
 * `0.left` for the entry `left` of the first entry. A container that is met again is passed over: cycles end.
 */
export function leavesIn<T extends object>(value: unknown, wanted: (one: object) => one is T): Leaf<T>[] {
  if (!isObject(value)) return [];
  if (wanted(value)) return [["", value]];
  const found: Leaf<T>[] = [];
  const seen = new Set<object>();
  const stack: Leaf<object>[] = [["", value]];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const [path, one] = next;
    if (wanted(one)) found.push([path, one]);
    else if (!seen.has(one)) {
      seen.add(one);
      for (const [key, inner] of contentsOf(one)?.reverse() ?? []) {
        const hasName = path !== undefined && isNamable(key);
        if (isObject(inner)) stack.push([hasName ? join(path, String(key)) : undefined, inner]);
      }
    }
  }
  return found;
}
