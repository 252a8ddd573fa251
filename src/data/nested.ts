/** The state of optimizers and programs as JSON, with its tensors beside it under their paths. */
import { ArgumentError, check, DataError, expected } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Levels of lists and objects inside each other: state dicts have four; JSON's own functions recurse over all of them. */
export const MAX_DEPTH = 64;

/** A state as JSON would hold it, its tensors put among `tensors` under `prefix` and their path, and replaced by that name. */
export function packState(op: string, state: unknown, prefix: string, tensors: Record<string, Tensor>): unknown {
  const pack = (value: unknown, path: readonly (string | number)[]): unknown => {
    const where = () => path.join(".") || prefix.replace(/\.$/, "");
    check(path.length <= MAX_DEPTH, ArgumentError, () =>
      expected(op, path.slice(0, 3).join("."), `at most ${MAX_DEPTH} levels of nesting`, "more"),
    );
    if (value instanceof Tensor) {
      const name = prefix + path.join(".");
      tensors[name] = value;
      return { $tensor: name };
    }
    if (Array.isArray(value)) return value.map((one, i) => pack(one, [...path, i]));
    if (typeof value === "object" && value !== null) {
      const prototype = Object.getPrototypeOf(value);
      const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
      check(isPlain && !("$tensor" in value), ArgumentError, () =>
        expected(op, where(), "a tensor, list, plain object without the key '$tensor', string or finite number", value),
      );
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, pack(one, [...path, key])]));
    }
    const isValue = value === null || ["boolean", "string", "undefined"].includes(typeof value);
    check(isValue || Number.isFinite(value), ArgumentError, () =>
      expected(op, where(), "a tensor, list, object, string or finite number", value),
    );
    return value;
  };
  return pack(state, []);
}

/** The state again, with the tensors of those names in it. */
export function unpackState(op: string, packed: unknown, tensors: Readonly<Record<string, Tensor>>): unknown {
  if (Array.isArray(packed)) return packed.map((one) => unpackState(op, one, tensors));
  if (typeof packed !== "object" || packed === null) return packed;
  if ("$tensor" in packed) {
    const name = String(packed.$tensor);
    const found = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
    check(found, DataError, () => `${op}: the tensor '${name}' is missing in the file`);
    return found;
  }
  return Object.fromEntries(Object.entries(packed).map(([key, one]) => [key, unpackState(op, one, tensors)]));
}

/** Parses a file's JSON text; DataError if it is invalid, or nests deeper than any state does. */
export function parseState(op: string, name: string, json: string): unknown {
  check(depthOf(json) <= MAX_DEPTH + 2, DataError, () => `${op}: '${name}' nests deeper than ${MAX_DEPTH} levels`);
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new DataError(`${op}: '${name}' is not JSON`, { cause });
  }
}

/** The deepest nesting of a JSON text, without recursion. */
export function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const letter = json[i];
    if (inString) {
      if (letter === "\\") i++;
      else if (letter === '"') inString = false;
    } else if (letter === '"') inString = true;
    else if (letter === "[" || letter === "{") deepest = Math.max(deepest, ++depth);
    else if (letter === "]" || letter === "}") depth--;
  }
  return deepest;
}
