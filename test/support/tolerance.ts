/** Tolerances of f32 results against float64 ones, by kind of computation. */
import type { Tolerance } from "./close.ts";

/** Sums over rows of a few hundred, then a multiplication or two. */
export const norms: Tolerance = { rtol: 2e-5, atol: 1e-5 };

/**
 * For `terms` normalized values added up, where x has this mean and a std near 1: the mean itself is only known to its last
 * bit, and that is off from every value alike.
 */
export function around(mean: number, terms = 2): Tolerance {
  return { rtol: norms.rtol as number, atol: (norms.atol as number) + terms * mean * 2 ** -23 };
}

/** Running statistics: one mean and one update. */
export const runningStatistics: Tolerance = { rtol: 1e-5, atol: 1e-6 };

/** exp and log of f32, a few ulp each (lavapipe's exp2 is a polynomial). */
export const softmaxes: Tolerance = { rtol: 2e-5, atol: 2e-6 };

/** A logarithm near 0 is as absolute as the exp it is of. */
export const losses: Tolerance = { rtol: 2e-5, atol: 5e-6 };

/** Fused kernels against their decomposition: both are f32. */
export const decompositions: Tolerance = { rtol: 5e-5, atol: 2e-5 };

/** Elementwise functions: a few ulp; slopes such as 1 - y*y cancel to an ulp of 1. */
export const elementwise: Tolerance = { rtol: 3e-6, atol: 2e-7 };

/** WGSL's pow is exp2(y log2(x)), each inexact. */
export const powers: Tolerance = { rtol: 2e-5, atol: 2e-7 };

/** Sums of up to a hundred or so numbers near 1. */
export const sums: Tolerance = { rtol: 5e-6, atol: 1e-6 };

/** Running sums of 131 numbers, added one after the other. */
export const runningSums: Tolerance = { rtol: 5e-6, atol: 5e-6 };

/** Operations that only move numbers, or add two or three. */
export const moves: Tolerance = { rtol: 1e-6, atol: 2e-7 };

/** Matmuls of small matrices, and convolutions. */
export const products: Tolerance = { rtol: 3e-6, atol: 3e-6 };

/** Second derivatives of small networks: sums of products of first ones. */
export const secondDerivatives: Tolerance = { rtol: 1e-4, atol: 2e-5 };

/** Half of f16's last bit, of a number: what rounding to it may be off. */
export const HALF_ULP = 2 ** -11;

/**
 * f16 results beside f32 ones on the same values: an operation made of several rounds up to four times, each time by
 * HALF_ULP of numbers that may be as large as the largest result (they cancel in the others). Below 2^-14 f16 is absolute.
 */
export function halves(expected: ArrayLike<number>): Tolerance {
  const largest = Math.max(0, ...Array.from(expected, Math.abs));
  return { rtol: 4 * HALF_ULP, atol: 4 * HALF_ULP * Math.min(largest, 4) + 2 ** -24 };
}

/** Made with 3.1415 for pi: ONNX's own tolerance. */
const onnxWindow: Tolerance = { rtol: 1e-3, atol: 1e-7 };

/** ONNX's node tests by operator; f16 results, whatever the operator, to one rounding. */
export const onnx: Readonly<Record<string, Tolerance>> = {
  any: { rtol: 1e-5, atol: 1e-7 },
  f16: { rtol: HALF_ULP, atol: 2 ** -25 },
  ...{ HannWindow: onnxWindow, HammingWindow: onnxWindow, BlackmanWindow: onnxWindow },
};
