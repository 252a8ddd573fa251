/** Matrix products with an epilogue, one element at a time in float64. */
import type { Activation } from "../../src/activations.ts";

export interface Product {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly strideA?: number;
  readonly strideB?: number;
  readonly alpha?: number;
  /** The values of C that the result is added to. */
  readonly before?: Float32Array;
  readonly bias?: Float32Array;
  readonly activation?: Activation;
  readonly derivative?: Activation;
  readonly saved?: Float32Array;
  readonly slope?: number;
}

/** Element (row, col) of matrix `z` of the batch. */
export function productAt(product: Product, z: number, row: number, col: number): number {
  const { a, b, M, N, K, transA, transB, strideA = M * K, strideB = K * N, alpha = 1, slope = 0.01 } = product;
  let sum = 0;
  for (let k = 0; k < K; k++) {
    const left = a[z * strideA + (transA ? k * M + row : row * K + k)] as number;
    const right = b[z * strideB + (transB ? col * K + k : k * N + col)] as number;
    sum += left * right;
  }
  const i = (z * M + row) * N + col;
  const x = alpha * sum + (product.before?.[i] ?? 0) + (product.bias?.[col] ?? 0);
  if (product.derivative) return x * derivative(product.derivative, product.saved?.[i] as number, slope);
  return activate(product.activation ?? "none", x, slope);
}

/** Sum over k of op(A)[row][k]. */
export function rowSumAt({ a, M, K, transA, alpha = 1 }: Product, row: number): number {
  let sum = 0;
  for (let k = 0; k < K; k++) sum += a[transA ? k * M + row : row * K + k] as number;
  return alpha * sum;
}

function activate(activation: Activation, x: number, slope: number): number {
  switch (activation) {
    case "none":
      return x;
    case "relu":
      return Math.max(x, 0);
    case "leakyRelu":
      return x < 0 ? slope * x : x;
    case "tanh":
      return Math.tanh(x);
    case "sigmoid":
      return 1 / (1 + Math.exp(-x));
    case "silu":
      return x / (1 + Math.exp(-x));
    case "gelu":
      return x * normalCdf(x);
  }
}

/** From the output y, or for gelu and silu from the input. */
function derivative(activation: Activation, y: number, slope: number): number {
  switch (activation) {
    case "none":
      return 1;
    case "relu":
      return y > 0 ? 1 : 0;
    case "leakyRelu":
      return y > 0 ? 1 : slope;
    case "tanh":
      return 1 - y * y;
    case "sigmoid":
      return y * (1 - y);
    case "silu": {
      const s = 1 / (1 + Math.exp(-y));
      return s * (1 + y * (1 - s));
    }
    case "gelu":
      return normalCdf(y) + (y * Math.exp((-y * y) / 2)) / Math.sqrt(2 * Math.PI);
  }
}

/** Phi(x) for |x| < 8 by the series of Marsaglia 2004, which has no cancellation. */
function normalCdf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 3; n < 200; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
