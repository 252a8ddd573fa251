/** Plain data (arrays, plain objects, Map, Set, Date and RegExp): recognized, walked and copied. */
import { CaptureError, check } from "../errors.ts";

/** Recognizes, copies and walks one kind of plain data. */
interface Plain {
  /** Throws where an object has only the prototype of this kind (a Proxy, `Object.create(Map.prototype)`). */
  readonly probe: (value: never) => unknown;
  readonly blank: (value: never) => object;
  /** Gives `copy` the content of `value`, each part passed through `part`. */
  readonly fill: (copy: never, value: never, part: (value: unknown) => unknown) => void;
  /** The parts with how a path goes on to them. */
  readonly children: (value: never) => [string, unknown][];
}

const none = () => undefined;

const plainObject: Plain = {
  probe: none,
  blank: (value: object) => Object.create(Object.getPrototypeOf(value)),
  // By descriptors: an own property '__proto__' stays one, a getter is not called.
  fill: (copy: object, value: object, part) => {
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
      if ("value" in descriptor) descriptor.value = part(descriptor.value);
      Object.defineProperty(copy, key, descriptor);
    }
  },
  children: (value: object) =>
    Reflect.ownKeys(value).map((key) => [
      pathOf(key),
      (Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor).value,
    ]),
};

const PLAIN = new Map<object | null, Plain>([
  [null, plainObject],
  [Object.prototype, plainObject],
  [
    Array.prototype,
    {
      probe: (value: unknown) => {
        if (!Array.isArray(value)) throw new TypeError();
      },
      blank: (value: unknown[]) => new Array(value.length),
      fill: (copy: unknown[], value: unknown[], part) => {
        for (let i = 0; i < value.length; i++) if (i in value) copy[i] = part(value[i]);
      },
      children: (value: unknown[]) => Array.from(value, (one, i) => [`[${i}]`, one]),
    },
  ],
  [
    Map.prototype,
    {
      probe: (value: object) => Map.prototype.has.call(value, 0),
      blank: () => new Map(),
      fill: (copy: Map<unknown, unknown>, value: Map<unknown, unknown>, part) => {
        for (const [key, one] of value) copy.set(part(key), part(one));
      },
      children: (value: Map<unknown, unknown>) =>
        [...value].flatMap(([key, one], i): [string, unknown][] => [
          [`.keys()[${i}]`, key],
          [`.get(${typeof key === "string" ? `'${key}'` : typeof key === "object" ? `key ${i}` : String(key)})`, one],
        ]),
    },
  ],
  [
    Set.prototype,
    {
      probe: (value: object) => Set.prototype.has.call(value, 0),
      blank: () => new Set(),
      fill: (copy: Set<unknown>, value: Set<unknown>, part) => {
        for (const one of value) copy.add(part(one));
      },
      children: (value: Set<unknown>) => [...value].map((one, i) => [`.values()[${i}]`, one]),
    },
  ],
  [
    Date.prototype,
    {
      probe: (value: object) => Date.prototype.getTime.call(value),
      blank: (value: Date) => new Date(value.getTime()),
      fill: none,
      children: () => [],
    },
  ],
  [
    RegExp.prototype,
    {
      probe: (value: RegExp) => value.source,
      blank: (value: RegExp) => {
        const copy = new RegExp(value.source, value.flags);
        copy.lastIndex = value.lastIndex;
        return copy;
      },
      fill: none,
      children: () => [],
    },
  ],
]);

function plainOf(value: object): Plain | undefined {
  const plain = PLAIN.get(Object.getPrototypeOf(value));
  if (!plain || plain.probe === none) return plain;
  try {
    plain.probe(value as never);
    return plain;
  } catch {
    return undefined;
  }
}

/** The parts of plain data, each with how a path goes on to it; undefined for anything else. */
export const partsOf = (value: unknown): [string, unknown][] | undefined =>
  typeof value === "object" && value !== null ? plainOf(value)?.children(value as never) : undefined;

/** True if the class of an object is one of plain data. */
export const isPlain = (value: object): boolean => plainOf(value) !== undefined;

/** The step of a path that leads to a property. */
export const pathOf = (key: string | symbol): string =>
  typeof key === "string" && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
    ? `.${key}`
    : `[${typeof key === "string" ? `'${key}'` : String(key)}]`;

/**
 * A copy of plain data in which what `swap` gives replaces an object, where it gives something. Parts that are shared or
 * contain themselves stay so; instances of other classes stay themselves.
 */
export function rebuild(value: unknown, swap: (one: object) => unknown, copies = new Map<object, unknown>()): unknown {
  if (typeof value !== "object" || value === null) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  const swapped = swap(value);
  const plain = swapped === undefined ? plainOf(value) : undefined;
  const copy = swapped ?? plain?.blank(value as never) ?? value;
  copies.set(value, copy);
  if (!plain) return copy;
  plain.fill(copy as never, value as never, (part) => rebuild(part, swap, copies));
  return copy;
}

/** Calls `visit` with every object in plain data and its path; parts of it are visited where `visit` gives true. */
export function walkPlain(
  value: unknown,
  path: string,
  visit: (one: object, path: string) => boolean,
  seen = new Set<object>(),
  depth = 0,
): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  checkDepth(depth, path);
  if (!visit(value, path)) return;
  for (const [step, part] of partsOf(value) ?? []) walkPlain(part, path + step, visit, seen, depth + 1);
}

/** Recursion depth that any stack allows. */
const MAX_DEPTH = 200;

/** Refuses data that is nested too deeply to be walked by recursion. */
export function checkDepth(depth: number, path: string): void {
  check(
    depth <= MAX_DEPTH,
    CaptureError,
    () => `capture: ${path.slice(0, 40)}... is nested more than ${MAX_DEPTH} levels deep; pass it flat`,
  );
}
