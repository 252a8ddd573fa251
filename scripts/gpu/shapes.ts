/** Shapes of the sweep, frozen: results of different days and machines are compared by them. */
import type { Product } from "../../src/kernels/matmul/product.ts";

/** The three products of a linear layer: forward, gradient of the input, gradient of the weight. */
function linear(rows: number, inputs: number, outputs: number): Product[] {
  return [
    { M: rows, N: outputs, K: inputs, transB: true },
    { M: rows, N: inputs, K: outputs },
    { M: outputs, N: inputs, K: rows, transA: true },
  ];
}

/** The three products of a convolution by columns: forward, gradients of the columns and of the kernel. */
function convolution(kernels: number, window: number, pixels: number): Product[] {
  return [
    { M: kernels, N: pixels, K: window },
    { M: window, N: pixels, K: kernels, transA: true },
    { M: kernels, N: window, K: pixels, transB: true },
  ];
}

/** Scores and their use, forward, by head. */
function attention(heads: number, length: number, width: number): Product[] {
  return [
    { M: length, N: length, K: width, transB: true, batch: heads },
    { M: length, N: width, K: length, batch: heads },
    { M: length, N: width, K: length, transA: true, batch: heads },
  ];
}

const square = (size: number): Product => ({ M: size, N: size, K: size });

/** Sixty-one products: of the nine families, and squares up to what keeps a large GPU busy. */
export const MATMULS: readonly Product[] = [
  square(64),
  square(256),
  square(512),
  square(1024),
  square(2048),
  square(4096),
  { M: 535, N: 129, K: 1023 },
  ...convolution(16, 9, 64 * 784),
  ...convolution(32, 144, 64 * 196),
  ...convolution(32, 27, 32 * 1024),
  ...convolution(64, 288, 32 * 256),
  ...linear(64, 1568, 10),
  ...linear(1024, 128, 384),
  ...linear(1024, 128, 512),
  ...linear(1024, 512, 128),
  ...linear(1024, 128, 96),
  ...linear(1024, 256, 1024),
  ...linear(1024, 1024, 256),
  ...attention(64, 64, 32),
  ...attention(64, 128, 32),
  ...linear(1792, 28, 512),
  ...linear(64, 128, 512),
  ...linear(256, 784, 512),
  ...linear(128, 1024, 4096),
  ...linear(128, 784, 400),
];

/** (rows, length of a row) of softmax and layer norm. */
export const ROWS: readonly (readonly [number, number])[] = [
  [128, 10],
  [4096, 64],
  [4096, 768],
  [1024, 4096],
  [16384, 256],
  [64, 50_000],
];

/** (rows, columns) whose columns are summed. */
export const COLUMNS: readonly (readonly [number, number])[] = [
  [256, 512],
  [4096, 256],
  [65_536, 64],
  [1024, 4096],
];

/** Elements of copies and of elementwise work. */
export const SIZES: readonly number[] = [4096, 262_144, 4_194_304, 33_554_432];
