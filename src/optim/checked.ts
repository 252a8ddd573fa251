/** Clipping and grouping as users call them: their arguments are checked before anything happens. */
import { anything, checked, must, numberIn, options } from "../arguments.ts";
import * as clipping from "./clip.ts";
import * as groups from "./groups.ts";

const positive = /* @__PURE__ */ must("a number > 0", (value) => typeof value === "number" && value > 0);

// `denseGradients` checks the parameters, which may be any iterable.
export const clipGradNorm = /* @__PURE__ */ checked(
  "clipGradNorm",
  () => ({ params: anything, maxNorm: positive, options: options({ normType: positive }) }),
  clipping.clipGradNorm,
);
export const clipGradValue = /* @__PURE__ */ checked(
  "clipGradValue",
  () => ({ params: anything, clipValue: positive }),
  clipping.clipGradValue,
);
export const decayGroups = /* @__PURE__ */ checked(
  "decayGroups",
  () => ({ model: anything, weightDecay: numberIn(0) }),
  groups.decayGroups,
);
