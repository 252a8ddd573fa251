/** Measures of curvature as users call them: their arguments are checked before anything happens. */
import { callable, checked, checkedAsync, finite, integerIn, listOf, numberIn, oneOf, options } from "../arguments.ts";
import { tensorList, tensorArgument as x } from "../tensor/arguments.ts";
import { conditionNumber as condition } from "./condition.ts";
import * as diagonal from "./diagonal.ts";
import { hessianExtremes as extremes } from "./lanczos.ts";
import { newtonSketch as newton } from "./newton-sketch.ts";
import * as products from "./products.ts";
import * as smoothness from "./smoothness.ts";

/** Each step or sample is work for the GPU: more of them are a mistake that would look like a program that hangs. */
const turns = /* @__PURE__ */ integerIn(1, 2 ** 20);
const of = { lossFn: callable, params: tensorList };
const spectrum = { steps: turns, preconditioner: tensorList, damping: /* @__PURE__ */ numberIn(0), operator: callable };

export const hessianVectorProduct = /* @__PURE__ */ checked(
  "hessianVectorProduct",
  () => ({ ...of, v: tensorList }),
  products.hessianVectorProduct,
);
export const gaussNewtonProduct = /* @__PURE__ */ checked(
  "gaussNewtonProduct",
  () => ({ outputFn: callable, lossOf: callable, params: tensorList, v: tensorList }),
  products.gaussNewtonProduct,
);
export const hessianDiagonal = /* @__PURE__ */ checked(
  "hessianDiagonal",
  () => ({ ...of, options: options({ samples: turns }) }),
  diagonal.hessianDiagonal,
);
export const bartlettDiagonal = /* @__PURE__ */ checked(
  "bartlettDiagonal",
  () => ({ logitsFn: callable, params: tensorList }),
  diagonal.bartlettDiagonal,
);
export const hessianExtremes = /* @__PURE__ */ checkedAsync(
  "hessianExtremes",
  () => ({ ...of, options: options(spectrum) }),
  extremes,
);
export const conditionNumber = /* @__PURE__ */ checkedAsync(
  "conditionNumber",
  () => ({ ...of, options: options(spectrum) }),
  condition,
);
export const lossSmoothness = /* @__PURE__ */ checkedAsync(
  "lossSmoothness",
  () => ({
    ...of,
    options: options({ stepSizes: listOf("a list of numbers", finite, 1), direction: tensorList }, ["stepSizes"]),
  }),
  smoothness.lossSmoothness,
);
export const internalCovariateShift = /* @__PURE__ */ checkedAsync(
  "internalCovariateShift",
  () => ({
    lossFn: callable,
    layers: listOf("a list of the parameters of at least two layers", tensorList),
    options: options({ lr: numberIn(0) }, ["lr"]),
  }),
  smoothness.internalCovariateShift,
);
export const newtonSketch = /* @__PURE__ */ checkedAsync(
  "newtonSketch",
  () => ({
    options: options(
      {
        x,
        y: x,
        model: oneOf("linear", "logistic"),
        sketch: oneOf("gaussian", "srht", "sparse", "none"),
        sketchSize: turns,
        ridge: numberIn(0),
        maxIterations: turns,
        tolerance: numberIn(0),
        solver: oneOf("cholesky", "cg"),
        initial: x,
      },
      ["x", "y", "model"],
    ),
  }),
  newton,
);
