/** The gradients of leaves, for those who read or write them themselves. */
import { ArgumentError, check } from "../errors.ts";
import { cutOffGrad, gradientRecorders, gradOf, type Tensor } from "./tensor.ts";

/** Returns the gradient itself of a leaf that has one. */
export function presentGrad(leaf: Tensor): Tensor {
  const gradient = gradOf(leaf);
  check(gradient, ArgumentError, () => `${leaf} has no gradient`);
  return gradient;
}

/** Tells a capture being recorded that the present gradient of `leaf` decides what is recorded. */
export function guardGrad(leaf: Tensor): void {
  gradientRecorders.of(leaf.device)?.guardGrad(leaf);
}

/** Says that a gradient's memory is about to be written with other values, now and at each replay. */
export function overwritesGrad(gradient: Tensor): Tensor {
  gradientRecorders.of(gradient.device)?.overwritesGrad(gradient);
  cutOffGrad(gradient);
  return gradient;
}
