/** Initializers as users make them: their arguments are checked at once, not when a tensor is filled. */
import { anything, checked, checkedAsync, finite, maybe, numberIn, oneOf, options, text } from "../arguments.ts";
import * as init from "./init.ts";

export type { Described } from "./describe.ts";
export type { Fans, HeOptions, Initializer, Nonlinearity, WeightRow, XavierOptions } from "./init.ts";

const gain = { options: /* @__PURE__ */ options({ gain: /* @__PURE__ */ numberIn(0) }) };
const he = {
  options: /* @__PURE__ */ options({ mode: /* @__PURE__ */ oneOf("fanIn", "fanOut"), nonlinearity: text, a: finite }),
};
const nothing = {};

export const xavierUniform = /* @__PURE__ */ checked("xavierUniform", () => gain, init.xavierUniform);
export const xavierNormal = /* @__PURE__ */ checked("xavierNormal", () => gain, init.xavierNormal);
export const heUniform = /* @__PURE__ */ checked("heUniform", () => he, init.heUniform);
export const heNormal = /* @__PURE__ */ checked("heNormal", () => he, init.heNormal);
export { heNormal as kaimingNormal, heUniform as kaimingUniform };
export const lecunNormal = /* @__PURE__ */ checked("lecunNormal", () => nothing, init.lecunNormal);
export const torchDefault = /* @__PURE__ */ checked("torchDefault", () => nothing, init.torchDefault);
export const orthogonal = /* @__PURE__ */ checked(
  "orthogonal",
  () => ({ options: options({ gain: finite }) }),
  init.orthogonal,
);
export const uniform = /* @__PURE__ */ checked("uniform", () => ({ a: maybe(finite), b: maybe(finite) }), init.uniform);
export const normal = /* @__PURE__ */ checked(
  "normal",
  () => ({ mean: maybe(finite), std: maybe(numberIn(0)) }),
  init.normal,
);
export const truncNormal = /* @__PURE__ */ checked(
  "truncNormal",
  () => ({ mean: maybe(finite), std: maybe(numberIn(Number.MIN_VALUE)), a: maybe(finite), b: maybe(finite) }),
  init.truncNormal,
);
export const constant = /* @__PURE__ */ checked("constant", () => ({ c: finite }), init.constant);
export const zeros = /* @__PURE__ */ checked("zeros", () => nothing, init.zeros);
export const ones = /* @__PURE__ */ checked("ones", () => nothing, init.ones);
export const calculateGain = /* @__PURE__ */ checked(
  "calculateGain",
  () => ({ nonlinearity: text, a: maybe(finite) }),
  init.calculateGain,
);
export const fans = /* @__PURE__ */ checked("fans", () => ({ shape: anything }), init.fans);
export const describe = /* @__PURE__ */ checkedAsync("describe", () => ({ model: anything }), init.describe);
