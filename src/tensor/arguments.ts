/** Rules for the arguments of operations on tensors. */
import { anything, either, flag, integerIn, must, options, type Parameters } from "../arguments.ts";
import { check, DtypeError, expected } from "../errors.ts";
import { Device } from "../gpu/device.ts";
import { isPlainObject } from "../plain-object.ts";
import { DTYPES, type Dtype, isFloat } from "./storage.ts";
import { Tensor } from "./tensor.ts";

export const tensorArgument = /* @__PURE__ */ must("a tensor", (value) => value instanceof Tensor, DtypeError);
/** An operand of elementwise operations. */
export const operand = /* @__PURE__ */ must(
  "a tensor or a number",
  (value) => typeof value === "number" || value instanceof Tensor,
  DtypeError,
);
export const tensorList = /* @__PURE__ */ must(
  "a list of tensors",
  (value) => Array.isArray(value) && value.every((one) => one instanceof Tensor),
);
export const tensors = /* @__PURE__ */ either(tensorArgument, tensorList);
export const dtype = /* @__PURE__ */ must(DTYPES.join(", "), (value) => DTYPES.includes(value as Dtype), DtypeError);
/** A dim, counted from the end when negative. */
export const dim = /* @__PURE__ */ must("an integer", Number.isSafeInteger);
export const dims = /* @__PURE__ */ must(
  "a number, a list of numbers, or undefined for all dims",
  (value) => Number.isSafeInteger(value) || (Array.isArray(value) && value.every(Number.isSafeInteger)),
);
/** An array of sizes; -1 in one, where an operation allows that, stands for what is left. */
export const sizes = /* @__PURE__ */ must(
  "an array of integers",
  (value) => Array.isArray(value) && value.every(Number.isSafeInteger),
);
export const size = /* @__PURE__ */ integerIn(0);
/** A value in any dtype. */
export const scalar = /* @__PURE__ */ must(
  "a number or a boolean",
  (value) => typeof value === "number" || typeof value === "boolean",
);
/** A number for both directions, or [vertical, horizontal]. */
export const pair = /* @__PURE__ */ must(
  "an integer or a pair of them",
  (value) =>
    Number.isSafeInteger(value) || (Array.isArray(value) && value.length === 2 && value.every(Number.isSafeInteger)),
);
/** Zeros around an image. */
export const windowPadding = /* @__PURE__ */ either(
  pair,
  /* @__PURE__ */ must(
    "an integer >= 0, a pair of them, 'same' or 'valid'",
    (value) => value === "same" || value === "valid",
  ),
);
/** A device that `init()` gave. */
export const device = /* @__PURE__ */ must("a device that init() gave", (value) => value instanceof Device);

/** The options of what makes tensors. */
export const createOptions: Parameters = { dtype, requiresGrad: flag, device };

/** The gradient argument of an output: a tensor, which the output says more of, or options in its place. */
const graph = /* @__PURE__ */ options({ retainGraph: flag, createGraph: flag });
export const backwardArguments: Parameters = {
  gradient: (op, argument, value) => (isPlainObject(value) ? graph : anything)(op, argument, value),
  options: graph,
};

/** Throws a DtypeError unless x is a float tensor or undefined. */
export function checkFloat(op: string, argument: string, x: Tensor | undefined): void {
  check(!x || isFloat(x.dtype), DtypeError, () => expected(op, argument, "a float tensor", `dtype ${x?.dtype}`));
}
