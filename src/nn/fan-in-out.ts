/** The numbers that initializers scale by: how many inputs and outputs a weight connects, and the gains of activations. */
import { ACTIVATIONS } from "../activations.ts";
import { ArgumentError, check, expected, nearest, ShapeError } from "../errors.ts";
import { checkShape, type Shape, sizeOf } from "../tensor/shape.ts";

/** Nonlinearities that `calculateGain` knows. */
export type Nonlinearity =
  | "linear"
  | "conv1d"
  | "conv2d"
  | "conv3d"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leakyRelu"
  | "selu";

const GAINS: Readonly<Record<Nonlinearity, (a?: number) => number>> = {
  linear: ACTIVATIONS.none.gain,
  conv1d: ACTIVATIONS.none.gain,
  conv2d: ACTIVATIONS.none.gain,
  conv3d: ACTIVATIONS.none.gain,
  sigmoid: ACTIVATIONS.sigmoid.gain,
  tanh: ACTIVATIONS.tanh.gain,
  relu: ACTIVATIONS.relu.gain,
  leakyRelu: ACTIVATIONS.leakyRelu.gain,
  selu: () => 3 / 4,
};

/** The factor by which a weight's std must exceed sqrt(1 / fan) to keep the variance through an activation. `a`: leakyRelu's slope. */
export function calculateGain(nonlinearity: Nonlinearity, a?: number): number {
  const gain = Object.hasOwn(GAINS, nonlinearity) ? GAINS[nonlinearity] : undefined;
  const known = Object.keys(GAINS);
  check(gain, ArgumentError, () => {
    const near = nearest(String(nonlinearity), known);
    const hint = near ? ` (did you mean '${near}'?)` : "";
    return expected("calculateGain", "nonlinearity", `one of ${known.join(", ")}${hint}`, nonlinearity);
  });
  return gain(a);
}

export interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/** Inputs per output and outputs per input of a weight (out, in) or (out, in, ...kernel), times the kernel's positions. */
export function fans(shape: Shape): Fans {
  checkShape("fans", shape);
  check(shape.length >= 2, ShapeError, () => expected("fans", "shape", "at least 2 dims (out, in, ...kernel)", shape));
  const [outputs, inputs, ...kernel] = shape as [number, number, ...number[]];
  const positions = sizeOf(kernel);
  return { fanIn: inputs * positions, fanOut: outputs * positions };
}
