/** Checks that layers share. All throw before anything is made on the GPU. */
import { ArgumentError, check, expected } from "../errors.ts";
import type { Shape } from "../tensor/shape.ts";

/** A whole number of at least 1: features, channels, heads. */
export function checkCount(layer: string, argument: string, value: unknown): void {
  check(Number.isSafeInteger(value) && (value as number) >= 1, ArgumentError, () =>
    expected(layer, argument, "a whole number >= 1", value),
  );
}

export function checkFlag(layer: string, argument: string, value: unknown): void {
  check(typeof value === "boolean", ArgumentError, () => expected(layer, argument, "true or false", value));
}

/** The dims that a norm goes over: a number stands for one dim. */
export function normDims(layer: string, normalizedShape: number | Shape): readonly number[] {
  const dims = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
  check(Array.isArray(dims) && dims.length > 0, ArgumentError, () =>
    expected(layer, "normalizedShape", "a number or a list of at least one dim", normalizedShape),
  );
  for (const dim of dims) checkCount(layer, "normalizedShape", dim);
  return [...dims];
}
