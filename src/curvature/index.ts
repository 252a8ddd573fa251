/** The namespace `curvature`: second derivatives, and what preconditioning is about. */
export {
  bartlettDiagonal,
  conditionNumber,
  gaussNewtonProduct,
  hessianDiagonal,
  hessianExtremes,
  hessianVectorProduct,
  internalCovariateShift,
  lossSmoothness,
  newtonSketch,
} from "./checked.ts";
export type { DiagonalOptions } from "./diagonal.ts";
export type { Extremes, ExtremesOptions } from "./lanczos.ts";
export type { NewtonSketchOptions, NewtonSketchResult, NewtonSketchStep } from "./newton-sketch.ts";
export type { Sketch } from "./random-sketches.ts";
export type { LayerShift, LossSmoothness, SmoothnessOptions } from "./smoothness.ts";
export type { LossFn } from "./vectors.ts";
