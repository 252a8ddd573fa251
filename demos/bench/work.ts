/** The kinds of work that are measured, their inputs, and the least cost of each. */

export type Work =
  | { kind: "matmul"; form: "nn" | "tn" | "nt"; m: number; n: number; k: number }
  /** Forward and backward with an upstream gradient; shape (rows, features). */
  | { kind: "layerNorm"; shape: number[] }
  /** The same with the batch's statistics per channel, dim 1 of the shape. */
  | { kind: "batchNorm"; shape: number[] }
  | { kind: "crossEntropy"; rows: number; classes: number }
  | { kind: "adam"; tensors: number; size: number }
  /** One training step: linear layers with ReLU between them, cross entropy, Adam. `tuned`: after gradwell's tune(). */
  | { kind: "mlp"; widths: number[]; batch: number; eager?: boolean; tuned?: boolean }
  /** `repeats` small additions, each on the result of the one before; `raw` by WebGPU alone, the least that it can take. */
  | { kind: "add"; size: number; repeats: number; raw?: boolean };

export type Arrays = Record<string, Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>>;

export const EPS = 1e-5;
export const ADAM = { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 };

/** The number of runs before the results are compared: optimizers are wrong in their second step, if at all. */
export function checkedRuns(work: Work): number {
  return work.kind === "adam" || work.kind === "mlp" ? 3 : 1;
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Reproducible numbers in [-1, 1). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

export function inputsOf(work: Work): Arrays {
  const next = uniform(1);
  const floats = (count: number, scale = 1, shift = 0) =>
    Float32Array.from({ length: count }, () => next() * scale + shift);
  const labels = (count: number, classes: number) =>
    Int32Array.from({ length: count }, () => Math.floor(((next() + 1) / 2) * classes));
  switch (work.kind) {
    case "matmul":
      return { a: floats(work.m * work.k), b: floats(work.k * work.n) };
    case "layerNorm":
    case "batchNorm": {
      const features = work.shape[1] as number;
      const [count, weight] = [elements(work.shape), floats(features, 0.5, 1)];
      return { x: floats(count, 2, 0.5), weight, bias: floats(features), gradY: floats(count) };
    }
    case "crossEntropy":
      return { logits: floats(work.rows * work.classes, 5), labels: labels(work.rows, work.classes) };
    case "adam":
      return { param: floats(work.tensors * work.size, 0.05), grad: floats(work.tensors * work.size) };
    case "mlp": {
      const { widths, batch } = work;
      const inputs: Arrays = {
        x: floats(batch * (widths[0] as number), 0.5, 0.5),
        labels: labels(batch, widths.at(-1) as number),
      };
      for (const [i, [fanIn, fanOut]] of layersOf(widths).entries()) {
        inputs[`weight${i}`] = floats(fanIn * fanOut, Math.sqrt(6 / fanIn));
        inputs[`bias${i}`] = floats(fanOut, 0.1);
      }
      return inputs;
    }
    case "add":
      return { a: floats(work.size), b: floats(work.size) };
  }
}

/** Inputs and outputs of each linear layer. */
export function layersOf(widths: readonly number[]): [number, number][] {
  return widths.slice(1).map((fanOut, i) => [widths[i] as number, fanOut]);
}

/** Multiplications and additions, and bytes that any implementation has to move. */
export function costOf(work: Work): { flops: number; bytes: number } {
  switch (work.kind) {
    case "matmul": {
      const { m, n, k } = work;
      return { flops: 2 * m * n * k, bytes: 4 * (m * n + m * k + k * n) };
    }
    case "layerNorm":
    case "batchNorm":
      // Forward: x in, y out. Backward: x and gradY in, gradX out.
      return { flops: 0, bytes: 5 * 4 * elements(work.shape) };
    case "crossEntropy":
      return { flops: 0, bytes: 2 * 4 * work.rows * work.classes };
    case "adam":
      // Parameter and two moments in and out, gradient in.
      return { flops: 0, bytes: 7 * 4 * work.tensors * work.size };
    case "mlp": {
      const { widths, batch } = work;
      const layers = layersOf(widths);
      const weights = layers.map(([fanIn, fanOut]) => fanIn * fanOut);
      const total = weights.reduce((sum, count) => sum + count, 0);
      // Three products per layer, but the first needs no gradient of its input.
      return { flops: 2 * batch * (3 * total - (weights[0] as number)), bytes: 28 * total };
    }
    case "add":
      return { flops: 0, bytes: 0 };
  }
}
