/**
 * Arguments, declared and checked: a small vocabulary of what a value may be, and the signatures made of it. What users
 * call checks its arguments by a signature before it does anything; inside the library functions trust each other.
 */
import { ArgumentError, checkKeys, expected, GradwellError, show } from "./errors.ts";
import { isPlainObject } from "./plain-object.ts";

/** Throws an error that names `op` and `argument` unless the value is one that it takes. */
export type Validator = (op: string, argument: string, value: unknown) => void;

/** Accepts the values for which `fits` holds; `want` names them in messages. */
/* @__NO_SIDE_EFFECTS__ */
export function must(
  want: string,
  fits: (value: unknown) => boolean,
  ErrorClass: new (message: string) => GradwellError = ArgumentError,
): Validator {
  return (op, argument, value) => {
    if (!fits(value)) throw new ErrorClass(expected(op, argument, want, value));
  };
}

/** Any value that can be inspected: no revoked proxy. */
export const anything: Validator = (_op, _argument, value) => void Array.isArray(value);
export const flag = /* @__PURE__ */ must("true or false", (value) => typeof value === "boolean");
export const text = /* @__PURE__ */ must("a string", (value) => typeof value === "string");
export const callable = /* @__PURE__ */ must("a function", (value) => typeof value === "function");
/** A number, infinities and NaN among them. */
export const number = /* @__PURE__ */ must("a number", (value) => typeof value === "number");
export const finite = /* @__PURE__ */ must("a finite number", Number.isFinite);
export const integer = /* @__PURE__ */ must("an integer", Number.isSafeInteger);
export const object = /* @__PURE__ */ must(
  "an object",
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
);

/** A finite number in [low, high]. */
/* @__NO_SIDE_EFFECTS__ */
export const numberIn = (low: number, high = Infinity): Validator =>
  must(
    `a finite number >= ${low}${high < Infinity ? ` and <= ${high}` : ""}`,
    (value) => typeof value === "number" && Number.isFinite(value) && value >= low && value <= high,
  );

/** An integer in [low, high]. */
/* @__NO_SIDE_EFFECTS__ */
export const integerIn = (low: number, high = Number.MAX_SAFE_INTEGER): Validator =>
  must(
    `an integer >= ${low}${high < Number.MAX_SAFE_INTEGER ? ` and <= ${high}` : ""}`,
    (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= low && value <= high,
  );

/** Features, channels, heads: an integer of at least 1. */
export const count = /* @__PURE__ */ integerIn(1);
export const probability = /* @__PURE__ */ numberIn(0, 1);

/** One of a few words. */
/* @__NO_SIDE_EFFECTS__ */
export const oneOf = (...words: readonly string[]): Validator =>
  must(words.length > 2 ? `one of ${words.join(", ")}` : words.map((word) => `'${word}'`).join(" or "), (value) =>
    words.includes(value as string),
  );

/** Accepts undefined besides what another validator accepts. */
/* @__NO_SIDE_EFFECTS__ */
export const maybe =
  (validate: Validator): Validator =>
  (op, argument, value) => {
    if (value !== undefined) validate(op, argument, value);
  };

/** Accepts null and undefined besides what another validator accepts. */
/* @__NO_SIDE_EFFECTS__ */
export const orNull =
  (validate: Validator): Validator =>
  (op, argument, value) => {
    if (value !== undefined && value !== null) validate(op, argument, value);
  };

/** Accepts what either validator accepts; the second one reports the others. */
/* @__NO_SIDE_EFFECTS__ */
export const either =
  (first: Validator, second: Validator): Validator =>
  (op, argument, value) => {
    if (!accepts(first, value)) second(op, argument, value);
  };

/** A list whose entries another validator takes. */
/* @__NO_SIDE_EFFECTS__ */
export const listOf = (want: string, validate: Validator, least = 0): Validator => {
  const isList = must(want, (value) => Array.isArray(value) && value.length >= least);
  return (op, argument, value) => {
    isList(op, argument, value);
    (value as unknown[]).forEach((one, i) => {
      validate(op, `${argument}[${i}]`, one);
    });
  };
};

/** Validators by argument or option, in PyTorch's order of them. */
export type Parameters = Readonly<Record<string, Validator>>;

/**
 * An object of options; undefined too where none is `required`. What is no object is refused with the option that was
 * probably meant: the first, in PyTorch's order, that takes the value.
 */
/* @__NO_SIDE_EFFECTS__ */
export function options(known: Parameters, required: readonly string[] = []): Validator {
  const names = Object.keys(known);
  return (op, argument, value) => {
    if (value === undefined && required.length === 0) return;
    if (!isPlainObject(value)) {
      const meant = names.find((name) => accepts(known[name] as Validator, value)) ?? names[0];
      const example = meant === undefined ? "{}" : `{ ${meant}: ${isShown(value) ? show(value) : "…"} }`;
      throw new ArgumentError(expected(op, argument, `an object such as ${example}`, value));
    }
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(known, name)) checkKeys(op, value, names);
      const given = value[name];
      if (given !== undefined) (known[name] as Validator)(op, name, given);
    }
    for (const name of required) (known[name] as Validator)(op, name, value[name]);
  };
}

const isShown = (value: unknown): boolean => ["number", "boolean", "string"].includes(typeof value);

function accepts(validate: Validator, value: unknown): boolean {
  try {
    validate("", "", value);
    return true;
  } catch {
    return false;
  }
}

/** Wraps what a getter or a proxy of the user threw. */
function unreadable(op: string, argument: string, cause: unknown): GradwellError {
  const error = new ArgumentError(`${op}: argument '${argument}' cannot be read`);
  error.cause = cause;
  return error;
}

/** Throws unless the arguments are valid, and no more than declared. */
export type Signature = (given: ArrayLike<unknown>) => void;

/**
 * The check of a function's arguments, by name and in order; with `rest`, any number of further ones. `declare` runs at the
 * first call, so that importing a function makes no tables, and a bundler may drop what is never called.
 */
/* @__NO_SIDE_EFFECTS__ */
export function signature(op: string, declare: () => Parameters, rest?: Validator): Signature {
  let names: readonly string[] | undefined;
  let validators: readonly Validator[] = [];
  return (given) => {
    if (!names) {
      const parameters = declare();
      names = Object.keys(parameters);
      validators = Object.values(parameters);
    }
    const most = rest ? Math.max(given.length, validators.length) : validators.length;
    let i = 0;
    try {
      for (; i < most; i++) (validators[i] ?? (rest as Validator))(op, names[i] ?? `arguments[${i}]`, given[i]);
    } catch (cause) {
      throw cause instanceof GradwellError ? cause : unreadable(op, names[i] ?? `arguments[${i}]`, cause);
    }
    if (given.length > most) throw new ArgumentError(surplus(op, names, given));
  };
}

function surplus(op: string, names: readonly string[], given: ArrayLike<unknown>): string {
  const known =
    names.length === 0
      ? "no arguments"
      : `at most ${names.length} ${names.length === 1 ? "argument" : "arguments"} (${names.join(", ")})`;
  const isMap = given.length === 3 && Number.isInteger(given[1]) && Array.isArray(given[2]);
  const hint = isMap ? `; in map() write (x) => ${op}(x)` : "";
  return `${op}: expected ${known}, got ${given.length}: surplus ${show(given[names.length])}${hint}`;
}

/** `run` behind a check of its arguments. */
/* @__NO_SIDE_EFFECTS__ */
export function checked<F extends (...given: never[]) => unknown>(
  op: string,
  declare: () => Parameters,
  run: F,
  rest?: Validator,
): F {
  const check = signature(op, declare, rest);
  return ((...given: never[]) => {
    check(given);
    return run(...given);
  }) as F;
}

/** Like `checked`, for what gives a promise: wrong arguments reject it. */
/* @__NO_SIDE_EFFECTS__ */
export function checkedAsync<A extends unknown[], R>(
  op: string,
  declare: () => Parameters,
  run: (...given: A) => Promise<R>,
): (...given: A) => Promise<R> {
  const check = signature(op, declare);
  return async (...given) => {
    check(given);
    return run(...given);
  };
}
