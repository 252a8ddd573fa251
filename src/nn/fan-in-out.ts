/** How many inputs and outputs a weight connects, and the gains of activations: what initialisers scale by. */
import { ArgumentError, check, checkNumber, expected, nearest, ShapeError } from "../errors.ts";
import { checkShape, type Shape, sizeOf } from "../tensor/shape.ts";

const GAINS = {
  linear: () => 1,
  conv1d: () => 1,
  conv2d: () => 1,
  conv3d: () => 1,
  sigmoid: () => 1,
  tanh: () => 5 / 3,
  relu: () => Math.SQRT2,
  leakyRelu: (slope = 0.01) => Math.sqrt(2 / (1 + slope * slope)),
  selu: () => 3 / 4,
} satisfies Record<string, (a?: number) => number>;

export type Nonlinearity = keyof typeof GAINS;

/** The factor by which a weight's std must exceed sqrt(1 / fan) to keep the variance through an activation. `a`: leakyRelu's slope. */
export function calculateGain(nonlinearity: Nonlinearity, a?: number): number {
  const gain: ((a?: number) => number) | undefined = Object.hasOwn(GAINS, nonlinearity)
    ? GAINS[nonlinearity]
    : undefined;
  const known = Object.keys(GAINS);
  check(gain, ArgumentError, () => {
    const near = nearest(String(nonlinearity), known);
    const hint = near ? ` (did you mean '${near}'?)` : "";
    return expected("calculateGain", "nonlinearity", `one of ${known.join(", ")}${hint}`, nonlinearity);
  });
  if (a !== undefined) checkNumber("calculateGain", "a", a);
  return gain(a);
}

export interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/** Of a weight (out, in) or (out, in, ...kernel): inputs per output and outputs per input, kernel places counted. */
export function fans(shape: Shape): Fans {
  checkShape("fans", shape);
  check(shape.length >= 2, ShapeError, () => expected("fans", "shape", "at least 2 dims (out, in, ...kernel)", shape));
  const [outputs, inputs, ...kernel] = shape as [number, number, ...number[]];
  const places = sizeOf(kernel);
  return { fanIn: inputs * places, fanOut: outputs * places };
}
