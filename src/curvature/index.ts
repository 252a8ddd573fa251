/** The namespace `curvature`: second derivatives, and what preconditioning is about. */
export { conditionNumber } from "./condition.ts";
export { bartlettDiagonal, type DiagonalOptions, hessianDiagonal } from "./diagonal.ts";
export { type Extremes, type ExtremesOptions, hessianExtremes } from "./lanczos.ts";
export {
  type NewtonSketchOptions,
  type NewtonSketchResult,
  type NewtonSketchStep,
  newtonSketch,
} from "./newton-sketch.ts";
export { gaussNewtonProduct, hessianVectorProduct } from "./products.ts";
export type { Sketch } from "./random-sketches.ts";
export {
  internalCovariateShift,
  type LayerShift,
  type LossSmoothness,
  lossSmoothness,
  type SmoothnessOptions,
} from "./smoothness.ts";
export type { LossFn } from "./vectors.ts";
