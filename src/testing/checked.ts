/** The helpers of tests as users call them: their arguments are checked before anything happens. */
import { anything, callable, checked, checkedAsync, flag, numberIn, object, options } from "../arguments.ts";
import { shaderText } from "../gpu/user-kernel.ts";
import { device, tensorList } from "../tensor/arguments.ts";
import { assertClose as close } from "./close.ts";
import * as gradients from "./gradcheck.ts";
import { assertNoLeak as noLeak } from "./leak.ts";
import { runShader as run } from "./run-shader.ts";

const tolerance = {
  eps: /* @__PURE__ */ numberIn(Number.MIN_VALUE),
  atol: /* @__PURE__ */ numberIn(0),
  rtol: /* @__PURE__ */ numberIn(0),
};
const differentiable = { fn: callable, inputs: tensorList, options: /* @__PURE__ */ options(tolerance) };

export const assertClose = /* @__PURE__ */ checked(
  "assertClose",
  () => ({
    actual: anything,
    expected: anything,
    options: options({ rtol: numberIn(0), atol: numberIn(0), equalNan: flag }),
  }),
  close,
);
export const assertNoLeak = /* @__PURE__ */ checkedAsync("assertNoLeak", () => ({ fn: callable }), noLeak);
export const gradcheck = /* @__PURE__ */ checkedAsync("gradcheck", () => differentiable, gradients.gradcheck);
export const gradgradcheck = /* @__PURE__ */ checkedAsync(
  "gradgradcheck",
  () => differentiable,
  gradients.gradgradcheck,
);
export const runShader = /* @__PURE__ */ checkedAsync(
  "runShader",
  () => ({
    options: options({
      wgsl: shaderText,
      bindings: object,
      overrides: object,
      params: object,
      workgroups: anything,
      device,
    }),
  }),
  run,
);
