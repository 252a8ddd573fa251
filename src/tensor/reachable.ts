/** Finds the tensors that a value leads to: with a list and not by recursion, since users nest deep, and once round a cycle. */
import { Device } from "../gpu/device.ts";

/** A tensor as scopes know it: tensor.ts imports their file. */
export interface Owned {
  readonly disposed: boolean;
  assertLive(op: string): void;
}

/** A text for errors, or a function that makes it when it is needed. */
export type Reason = string | (() => string);

/** Disposes a tensor and notes why. */
export type Free = (tensor: Owned, why: Reason) => void;

const isTensor = (value: object): value is Owned => "assertLive" in value;

/** The tensors in a value: itself, or those in arrays and plain objects, in their order. */
export function tensorsIn(value: unknown): Owned[] {
  const found: Owned[] = [];
  const seen = new Set<object>();
  const stack = [value];
  while (stack.length > 0) {
    const one = stack.pop();
    if (typeof one !== "object" || one === null) continue;
    if (seen.has(one)) continue;
    try {
      if (isTensor(one)) {
        found.push(one);
        continue;
      }
      seen.add(one);
      const inner = Array.isArray(one) ? one : isPlain(one) ? Object.values(one) : [];
      for (let i = inner.length - 1; i >= 0; i--) stack.push(inner[i]);
    } catch {
      // What cannot be looked at (a getter throws, a revoked proxy) owns nothing.
    }
  }
  return found;
}

const isPlain = (value: object): boolean => Object.getPrototypeOf(value) === Object.prototype;

/** The cost of an object or of a primitive in an array, in the effort of a search. */
const COST = { object: 1, primitive: 1 / 32 };

/**
 * Takes out of `owned` what `root` leads to, through arrays, Maps, Sets and the properties of objects of any class, and
 * calls `found` with each. False if that took more than `effort`: then some may not have been found.
 */
export function takeReachable(
  owned: Map<Owned, Free>,
  root: unknown,
  found: (tensor: Owned, free: Free) => void,
  effort = Infinity,
): boolean {
  const seen = new Set<object>();
  const stack: object[] = [];
  let visited = 0;
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) {
      visited += COST.primitive;
    } else if (isTensor(value)) {
      const free = owned.get(value);
      if (!free) return;
      owned.delete(value);
      found(value, free);
    } else if (!seen.has(value) && !isOpaque(value)) {
      visited += COST.object;
      seen.add(value);
      stack.push(value);
    }
  };
  visit(root);
  for (let one = stack.pop(); one && owned.size > 0; one = stack.pop()) {
    if (!eachInside(one, visit, () => visited <= effort)) return false;
  }
  return true;
}

/** Has no tensors inside, or only the library's own. */
const isOpaque = (value: object): boolean => ArrayBuffer.isView(value) || value instanceof Device;

/** Visits what lies directly in an object; false where it cannot be told or `goOn` ends it. */
function eachInside(value: object, visit: (inner: unknown) => void, goOn: () => boolean): boolean {
  if (Array.isArray(value)) return every(value, visit, goOn);
  try {
    if (value instanceof Map && !every(value.keys(), visit, goOn)) return false;
    if ((value instanceof Map || value instanceof Set) && !every(value.values(), visit, goOn)) return false;
    return every(Object.values(value), visit, goOn);
  } catch {
    // A getter or a proxy of the user's.
    return false;
  }
}

function every(values: Iterable<unknown>, visit: (inner: unknown) => void, goOn: () => boolean): boolean {
  for (const one of values) {
    visit(one);
    if (!goOn()) return false;
  }
  return true;
}
