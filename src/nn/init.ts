/**
 * Initializers: each function returns `(tensor) => void`, which fills a tensor in place, outside every graph. Random ones
 * draw from the device's seeded counter: the same seed gives the same bits.
 */

import { noGrad } from "../autograd/modes.ts";
import { cast } from "../autograd/op.ts";
import { check, checkNumber, DtypeError, expected, ShapeError } from "../errors.ts";
import { runtimeOf } from "../gpu/device.ts";
import { isFloat } from "../kernels/promotion.ts";
import { copyInto, fill, upload } from "../tensor/copy.ts";
import { fillRandom } from "../tensor/random.ts";
import { type Shape, sizeAt } from "../tensor/shape.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { calculateGain, fans, type Nonlinearity } from "./fan-in-out.ts";
import { recordOrigin } from "./init-provenance.ts";
import { orthonormal } from "./random-orthogonal.ts";

export { describe, type WeightRow } from "./describe.ts";
export { calculateGain, type Fans, fans, type Nonlinearity } from "./fan-in-out.ts";

/** Fills a tensor in place. */
export type Initializer = (tensor: Tensor) => void;

interface Draw {
  /** Standard deviation of what is written. */
  readonly std: number;
  /** Writes into a contiguous f32 tensor. */
  write(tensor: Tensor): void;
}

function initializer(name: string, drawFor: (shape: Shape, tensor: Tensor) => Draw): Initializer {
  return (tensor) => {
    check(tensor instanceof Tensor, DtypeError, () => expected(name, "tensor", "a tensor", tensor));
    tensor.assertLive(name);
    runtimeOf(tensor.device).assertOpen(name);
    check(isFloat(tensor.dtype), DtypeError, () => expected(name, "tensor", "a float tensor", tensor.dtype));
    const { std, write } = drawFor(tensor.shape, tensor);
    if (tensor.size > 0) writeThrough(tensor, write);
    recordOrigin(tensor, { initializer: name, std });
  };
}

/** Kernels write dense f32: views and halves are drawn beside and copied. */
function writeThrough(tensor: Tensor, write: (dense: Tensor) => void): void {
  if (tensor.isContiguous && tensor.dtype === "f32") {
    write(tensor);
    return;
  }
  const dense = empty(tensor.device, tensor.shape);
  write(dense);
  const converted = noGrad(() => cast(dense, tensor.dtype));
  copyInto(tensor, converted);
  converted.dispose();
  dense.dispose();
}

const uniformly = (bound: number): Draw => ({
  std: bound / Math.sqrt(3),
  write: (tensor) => fillRandom(tensor, "uniform", -bound, bound),
});
const normally = (std: number): Draw => ({ std, write: (tensor) => fillRandom(tensor, "normal", 0, std) });
const filled = (value: number): Draw => ({ std: 0, write: (tensor) => fill(tensor, value) });

/** The fans of a weight; an error names the initializer. */
function fansOf(op: string, shape: Shape): { fanIn: number; fanOut: number } {
  check(shape.length >= 2, ShapeError, () => expected(op, "tensor", "at least 2 dims (out, in, ...kernel)", { shape }));
  return fans(shape);
}

export interface XavierOptions {
  /** Default 1. */
  gain?: number;
}

function xavier(name: string, options: XavierOptions, draw: (std: number) => Draw): Initializer {
  const { gain = 1 } = options;
  return initializer(name, (shape) => {
    const { fanIn, fanOut } = fansOf(name, shape);
    return draw(gain * Math.sqrt(2 / (fanIn + fanOut)));
  });
}

/** U(-b, b), b = gain sqrt(6 / (fanIn + fanOut)): keeps the variance forward and backward. Glorot and Bengio 2010. */
export const xavierUniform = (options: XavierOptions = {}): Initializer =>
  xavier("xavierUniform", options, (std) => uniformly(std * Math.sqrt(3)));

/** N(0, s), s = gain sqrt(2 / (fanIn + fanOut)). Glorot and Bengio 2010. */
export const xavierNormal = (options: XavierOptions = {}): Initializer => xavier("xavierNormal", options, normally);

export interface HeOptions {
  /** Keeps the variance of the values ("fanIn", default) or of the gradients ("fanOut"). */
  mode?: "fanIn" | "fanOut";
  /** The activation that follows the weight. Default "leakyRelu" with `a` = 0, which is ReLU. */
  nonlinearity?: Nonlinearity;
  /** The slope of leakyRelu below 0. Default 0. */
  a?: number;
}

function he(name: string, options: HeOptions, draw: (std: number) => Draw): Initializer {
  const { mode = "fanIn", nonlinearity = "leakyRelu", a = 0 } = options;
  const gain = calculateGain(nonlinearity, a);
  return initializer(name, (shape) => draw(gain / Math.sqrt(fansOf(name, shape)[mode])));
}

/** U(-b, b), b = gain sqrt(3 / fan): keeps the variance through ReLUs. He, Zhang, Ren, Sun 2015. */
export const heUniform = (options: HeOptions = {}): Initializer =>
  he("heUniform", options, (std) => uniformly(std * Math.sqrt(3)));

/** N(0, s), s = gain / sqrt(fan). He, Zhang, Ren, Sun 2015. */
export const heNormal = (options: HeOptions = {}): Initializer => he("heNormal", options, normally);

export { heNormal as kaimingNormal, heUniform as kaimingUniform };

/** N(0, s), s = 1 / sqrt(fanIn). LeCun, Bottou, Orr, Müller 1998. */
export const lecunNormal = (): Initializer =>
  initializer("lecunNormal", (shape) => normally(1 / Math.sqrt(fansOf("lecunNormal", shape).fanIn)));

/** U(-b, b), b = 1 / sqrt(fanIn): what PyTorch's Linear and Conv2d draw their weights from. */
export const torchDefault = (): Initializer =>
  initializer("torchDefault", (shape) => uniformly(1 / Math.sqrt(fansOf("torchDefault", shape).fanIn)));

/** A (half-)orthogonal matrix times `gain`, the dims after the first counted as one. Saxe, McClelland, Ganguli 2014. */
export function orthogonal(options: XavierOptions = {}): Initializer {
  const { gain = 1 } = options;
  return initializer("orthogonal", (shape) => {
    const { fanIn } = fansOf("orthogonal", shape);
    const rows = sizeAt(shape, 0);
    return {
      std: Math.abs(gain) / Math.sqrt(Math.max(rows, fanIn)),
      write: (tensor) => upload(tensor, orthonormal(tensor.device, rows, fanIn, gain)),
    };
  });
}

/** U(a, b). Default [0, 1). */
export function uniform(a = 0, b = 1): Initializer {
  checkNumber("uniform", "b", b, a);
  return initializer("uniform", () => ({
    std: (b - a) / Math.sqrt(12),
    write: (tensor) => fillRandom(tensor, "uniform", a, b),
  }));
}

/** N(mean, std). Default the standard normal distribution. */
export function normal(mean = 0, std = 1): Initializer {
  return initializer("normal", () => ({ std, write: (tensor) => fillRandom(tensor, "normal", mean, std) }));
}

/** N(mean, std) within [a, b], which are values and not multiples of `std`. */
export function truncNormal(mean = 0, std = 1, a = -2, b = 2): Initializer {
  checkNumber("truncNormal", "b", b, a);
  return initializer("truncNormal", () => ({
    std: truncatedStd(mean, std, a, b),
    write: (tensor) => fillRandom(tensor, "truncNormal", mean, std, [a, b]),
  }));
}

/** The standard deviation of a truncated normal distribution, by Simpson's rule. */
function truncatedStd(mean: number, std: number, a: number, b: number): number {
  const [low, high] = [Math.max((a - mean) / std, -9), Math.min((b - mean) / std, 9)];
  const steps = 2000;
  const moments = [0, 0, 0] as [number, number, number];
  for (let i = 0; i <= steps; i++) {
    const z = low + ((high - low) * i) / steps;
    const weight = (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp((-z * z) / 2);
    moments[0] += weight;
    moments[1] += weight * z;
    moments[2] += weight * z * z;
  }
  const [mass, first, second] = moments;
  return std * Math.sqrt(Math.max(0, second / mass - (first / mass) ** 2));
}

/** One value everywhere. */
export function constant(c: number): Initializer {
  return initializer("constant", () => filled(c));
}

export const zeros = (): Initializer => initializer("zeros", () => filled(0));
export const ones = (): Initializer => initializer("ones", () => filled(1));
