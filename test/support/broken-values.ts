/** Kinds of arguments with a right value, and wrong values for each kind. */
import { type Tensor, tensor } from "../../src/index.ts";

/** A kind of argument: a valid value, and those of the wrong values below that are valid for it after all. */
export interface Kind {
  readonly value: () => unknown;
  /** Names of `wrongValues` that this kind takes, or refuses for another reason. */
  readonly takes: readonly string[];
  readonly optional?: boolean;
  /** The options of an options object. */
  readonly options?: Readonly<Record<string, Kind>>;
}

export const x = (): Tensor =>
  tensor([
    [0.5, 1.5, -1, 2],
    [1, 2, 3, 4],
    [-3, 0.25, 0.75, 1],
  ]);

export const wrongValues: Readonly<Record<string, () => unknown>> = {
  null: () => null,
  symbol: () => Symbol("s"),
  bigint: () => 3n,
  string: () => "nonsense",
  one: () => 1,
  fraction: () => -1.5,
  huge: () => 2 ** 60,
  nan: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  boolean: () => true,
  strings: () => ["a", "b"],
  empty: () => [],
  object: () => ({}),
  unknown: () => ({ nonsense: 1 }),
  instance: () => new Date(0),
  map: () => new Map([[1, 2]]),
  proxy: () => new Proxy(x(), {}),
  fake: () => Object.create(Object.getPrototypeOf(x())),
  revoked: () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  typed: () => new Float32Array(4),
  function: () => () => 1,
  thrower: () => ({
    valueOf() {
      throw new TypeError("valueOf");
    },
    toString() {
      throw new TypeError("toString");
    },
  }),
  tensor: () => x(),
};

const numbers = ["one", "fraction", "huge", "nan", "infinity"];
const kind = (value: () => unknown, ...takes: string[]): Kind => ({ value, takes });

export const T = kind(x, "tensor");
export const operand = kind(x, "tensor", ...numbers);
export const integer = kind(() => 1, "one", "huge");
export const finite = kind(() => 0.5, "one", "fraction", "huge");
export const number = kind(() => 0.5, ...numbers);
export const flag = kind(() => true, "boolean");
export const dims = kind(() => 0, "one", "empty", "huge");
export const sizes = kind(() => [3, 4], "empty");
export const scalar = kind(() => 0.5, ...numbers, "boolean");
export const word = (value: string): Kind => kind(() => value);
export const fn = (value: () => unknown): Kind => kind(() => value, "function");
export const list = (value: () => unknown): Kind => kind(value);
export const given = (value: () => unknown, ...takes: string[]): Kind => kind(value, ...takes);
export const maybe = (one: Kind): Kind => ({ ...one, optional: true });
export const orNull = (one: Kind): Kind => ({ ...one, optional: true, takes: [...one.takes, "null"] });
/** An object of options, each optional unless `required`. */
export const bag = (options: Record<string, Kind>, required = false): Kind => ({
  value: () => Object.fromEntries(Object.entries(options).map(([name, one]) => [name, one.value()])),
  takes: required ? [] : ["object"],
  optional: !required,
  options,
});
