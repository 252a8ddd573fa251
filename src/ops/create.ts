/** The functions that make tensors, as users call them: their arguments are checked before anything happens. */
import { checked, finite, integer, must, options } from "../arguments.ts";
import { createOptions, scalar, size, sizes } from "../tensor/arguments.ts";
import * as create from "../tensor/create.ts";

const hostValues = /* @__PURE__ */ must(
  "numbers, booleans, nested arrays of them, or a typed array",
  (value) => ["number", "boolean"].includes(typeof value) || Array.isArray(value) || ArrayBuffer.isView(value),
);
const made = /* @__PURE__ */ options(createOptions);
export const zeros = /* @__PURE__ */ checked("zeros", () => ({ shape: sizes, options: made }), create.zeros);
export const ones = /* @__PURE__ */ checked("ones", () => ({ shape: sizes, options: made }), create.ones);
export const rand = /* @__PURE__ */ checked("rand", () => ({ shape: sizes, options: made }), create.rand);
export const randn = /* @__PURE__ */ checked("randn", () => ({ shape: sizes, options: made }), create.randn);
export const tensor = /* @__PURE__ */ checked(
  "tensor",
  () => ({ data: hostValues, options: options({ shape: sizes, ...createOptions }) }),
  create.tensor,
);
export const full = /* @__PURE__ */ checked(
  "full",
  () => ({ shape: sizes, value: scalar, options: made }),
  create.full,
);
export const linspace = /* @__PURE__ */ checked(
  "linspace",
  () => ({ start: finite, end: finite, steps: size, options: made }),
  create.linspace,
);
export const randint = /* @__PURE__ */ checked(
  "randint",
  () => ({ low: integer, high: integer, shape: sizes, options: made }),
  create.randint,
);
export const randperm = /* @__PURE__ */ checked("randperm", () => ({ n: size, options: made }), create.randperm);

export { arange, eye, onesLike, zerosLike } from "../tensor/create.ts";
