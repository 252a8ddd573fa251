/** Loading a state dict: every name, shape and dtype is checked before the first value is copied. */

import { noGrad } from "../autograd/modes.ts";
import { cast } from "../autograd/op.ts";
import { ArgumentError, check, checkKeys, DtypeError, expected, nearest, ShapeError, show } from "../errors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { copyInto } from "../tensor/copy.ts";
import { scope } from "../tensor/scope.ts";
import { sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Tensors by path: `0.weight`, `1.running_mean`. */
export type StateDict = Record<string, Tensor>;

export interface LoadOptions {
  /** Missing and unexpected names are errors. Default true. */
  strict?: boolean;
}

/** The names that did not match; both empty after a strict load. */
export interface LoadResult {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
}

const OP = "loadStateDict";

/** Copies `map` into the tensors of `own`, in place: captures and optimizers keep pointing at the right memory. */
export function load(own: StateDict, map: StateDict, options: LoadOptions): LoadResult {
  checkKeys(OP, options, ["strict"]);
  check(isPlainMap(map), ArgumentError, () => expected(OP, "map", "an object of tensors by name", map));
  const missingKeys = Object.keys(own).filter((name) => !(name in map));
  const unexpectedKeys = Object.keys(map).filter((name) => !(name in own));
  if (options.strict ?? true) checkNames(own, missingKeys, unexpectedKeys);
  const pairs = Object.entries(own).flatMap(([name, target]) =>
    name in map ? [[target, checked(name, target, map[name])] as const] : [],
  );
  noGrad(() =>
    scope(() => {
      for (const [target, source] of pairs) copyInto(target, cast(source, target.dtype));
    }),
  );
  return { missingKeys, unexpectedKeys };
}

const isPlainMap = (map: unknown): boolean =>
  typeof map === "object" && map !== null && !(map instanceof Tensor) && !Array.isArray(map) && !(map instanceof Map);

function checkNames(own: StateDict, missing: readonly string[], unexpected: readonly string[]): void {
  const near = unexpected[0] === undefined ? undefined : nearest(unexpected[0], missing);
  check(missing.length + unexpected.length === 0, ArgumentError, () =>
    [
      `${OP}: the names do not match the model's ${Object.keys(own).length}`,
      ...(missing.length > 0 ? [`missing: ${list(missing)}`] : []),
      ...(unexpected.length > 0 ? [`unexpected: ${list(unexpected)}${near ? ` (did you mean '${near}'?)` : ""}`] : []),
      "pass { strict: false } to load what matches",
    ].join("; "),
  );
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 8).map(show).join(", ");
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}

/** The tensor to load into `target`, checked. */
function checked(name: string, target: Tensor, source: unknown): Tensor {
  check(source instanceof Tensor, ArgumentError, () => expected(OP, name, "a tensor", source));
  source.assertLive(OP);
  target.assertLive(OP);
  check(sameShape(source.shape, target.shape), ShapeError, () => expected(OP, name, `shape [${target.shape}]`, source));
  check(source.device === target.device, ArgumentError, () => `${OP}: the tensor '${name}' is on another device`);
  check(isFloat(source.dtype) === isFloat(target.dtype), DtypeError, () =>
    expected(OP, name, `dtype ${target.dtype}`, source.dtype),
  );
  return source;
}
