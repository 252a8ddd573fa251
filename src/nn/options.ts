/** Checks that layers share. All throw before anything is made on the GPU. */
import { count, must } from "../arguments.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import { tensorArgument } from "../tensor/arguments.ts";
import type { Shape } from "../tensor/shape.ts";

/** An initializer. */
export const initializer = /* @__PURE__ */ must(
  "an initializer, such as nn.init.heNormal()",
  (value) => typeof value === "function",
);

/** The arguments of a layer that has no options. */
export function takesNothing(layer: string, given: ArrayLike<unknown>): void {
  check(given.length === 0, ArgumentError, () => expected(layer, "options", "no arguments", given[0]));
}

/** The arguments of a layer's forward: one tensor. */
export function checkInput(layer: string, given: ArrayLike<unknown>): void {
  tensorArgument(layer, "x", given[0]);
  check(given.length === 1, ArgumentError, () => `${layer}: forward takes one tensor, got ${given.length} arguments`);
}

/** The dims that a norm normalizes over: a number stands for one dim. */
export function normDims(layer: string, normalizedShape: number | Shape): readonly number[] {
  const dims = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
  check(Array.isArray(dims) && dims.length > 0, ArgumentError, () =>
    expected(layer, "normalizedShape", "a number or a list of at least one dim", normalizedShape),
  );
  for (const dim of dims) count(layer, "normalizedShape", dim);
  return [...dims];
}
