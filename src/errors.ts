/** Error classes and the message grammar: every message names the op, the argument, what was expected and what came. */

import { elementAt } from "./elements.ts";
import { isPlainObject } from "./plain-object.ts";

/** Base of every error that gradwell throws on purpose. */
export class GradwellError extends Error {
  // Written out in each class, since minifiers shorten the names of classes.
  override name = "GradwellError";
}
/** Shapes that do not fit each other or the op. */
export class ShapeError extends GradwellError {
  override name = "ShapeError";
}
/** An element type that the op does not take. */
export class DtypeError extends GradwellError {
  override name = "DtypeError";
}
/** An argument outside its domain: a negative rate, an unknown option key, a dim out of range. */
export class ArgumentError extends GradwellError {
  override name = "ArgumentError";
}
/** A tensor used after it was freed, or anything used after `device.close()`. */
export class DisposedError extends GradwellError {
  override name = "DisposedError";
}
/** The GPU device was lost; everything pending is rejected with this. */
export class DeviceLostError extends GradwellError {
  override name = "DeviceLostError";
}
/** No WebGPU adapter; the message lists what was tried and the fix. */
export class NoAdapterError extends GradwellError {
  override name = "NoAdapterError";
}
/** A buffer above the adapter's limit, or the GPU ran out of memory. */
export class OutOfMemoryError extends GradwellError {
  override name = "OutOfMemoryError";
}
/** WebGPU or the shader compiler refused something; carries the kernel's label and the shader's line. */
export class ValidationError extends GradwellError {
  override name = "ValidationError";
}
/** Something inside `capture(fn)` that cannot be replayed. */
export class CaptureError extends GradwellError {
  override name = "CaptureError";
}
/** A file that is not what it should be: the message has the byte offset. */
export class DataError extends GradwellError {
  override name = "DataError";
}
/** `detectAnomaly` found a value that is not finite. */
export class AnomalyError extends GradwellError {
  override name = "AnomalyError";
}

type ErrorClass = new (message: string) => GradwellError;

/** Throws `Class(message())` unless `condition`; the message is only built when it is needed. */
export function check(condition: unknown, Class: ErrorClass, message: () => string): asserts condition {
  if (!condition) throw new Class(message());
}

/** The one sentence form of all argument errors: `op: argument 'name' expected X, got Y`. */
export function expected(op: string, argument: string, want: string, got: unknown): string {
  return `${op}: argument '${argument}' expected ${want}, got ${show(got)}`;
}

/** The most elements of a list that a message shows. */
const MAX_SHOWN = 16;

/** A value as it should read inside a message: short, unambiguous, whatever the value does when it is looked at. */
export function show(value: unknown): string {
  try {
    return describe(value, 0);
  } catch {
    return "an unreadable object";
  }
}

function describe(value: unknown, depth: number): string {
  if (Array.isArray(value)) {
    const shown = depth > 2 ? [] : value.slice(0, MAX_SHOWN).map((one) => describe(one, depth + 1));
    return `[${shown.join(", ")}${value.length > shown.length ? ", …" : ""}]`;
  }
  if (typeof value === "string") return `'${value}'`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return value.name ? `the function ${value.name}` : "a function";
  if (typeof value === "object" && value !== null) {
    const shape = (value as { shape?: unknown }).shape;
    if (Array.isArray(shape)) return `a tensor of shape [${shape.join(", ")}]`;
    return value.constructor?.name ?? "an object";
  }
  return String(value);
}

/** Refuses what is no object of options, and unknown keys in one, naming the nearest known key. */
export function checkKeys(op: string, options: object, known: readonly string[]): void {
  check(isPlainObject(options), ArgumentError, () =>
    expected(op, "options", `an object such as { ${known[0]}: … }`, options),
  );
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    const hint = near ? `; did you mean '${near}'?` : "";
    throw new ArgumentError(`${op}: unknown option '${key}'${hint} (known: ${known.join(", ")})`);
  }
}

/** A finite number within [low, high], or an ArgumentError. */
export function checkNumber(op: string, argument: string, value: unknown, low = -Infinity, high = Infinity): void {
  const fits = typeof value === "number" && Number.isFinite(value) && value >= low && value <= high;
  check(fits, ArgumentError, () => {
    const above = Number.isFinite(low) ? ` >= ${low}` : "";
    const below = Number.isFinite(high) ? ` <= ${high}` : "";
    return expected(op, argument, `a finite number${above}${above && below ? " and" : ""}${below}`, value);
  });
}

/** The known word closest to `word` by edit distance, when it is close enough to be a likely slip. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = elementAt(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(elementAt(row, j) + 1, elementAt(next, j - 1) + 1, substitute));
    }
    row = next;
  }
  return elementAt(row, b.length);
}
