/** A matrix product as work that can be measured: every kernel that can do it, and its float64 value. */

import type { Device } from "../../gpu/device.ts";
import { bindingOf } from "../../tensor/binding.ts";

import { type Expected, GuardedResult, operand, type Trial, type Workload } from "../tuning/workload.ts";
import type { Product } from "./product.ts";
import { runMatmul } from "./run.ts";
import { candidates, type MatmulChoice, matmulShapeKey, tableChoice } from "./select.ts";

export function matmulWorkload(device: Device, product: Product): Workload {
  const { M, N, K, batch = 1 } = product;
  return {
    key: matmulShapeKey(product),
    usual: tableChoice(device, product),
    choices: candidates(device, product),
    elements: batch * (M * K + K * N + M * N),
    makeTrial: () => new MatmulTrial(device, product),
  };
}

class MatmulTrial implements Trial {
  readonly result: GuardedResult;
  readonly #device: Device;
  readonly #product: Product;
  readonly #a;
  readonly #b;

  constructor(device: Device, product: Product) {
    const { M, N, K, batch = 1, strideA = M * K, strideB = K * N } = product;
    this.#device = device;
    this.#product = product;
    this.#a = operand(device, strideA * (batch - 1) + M * K, 1);
    this.#b = operand(device, strideB * (batch - 1) + K * N, 2);
    this.result = new GuardedResult(device, [batch, M, N]);
  }

  run(choice: MatmulChoice): void {
    const operands = { a: bindingOf(this.#a.tensor), b: bindingOf(this.#b.tensor) };
    runMatmul(this.#device, { ...this.#product, ...choice, ...operands, c: bindingOf(this.result.tensor) });
  }

  /** Sums of K products of f32 are off by a few eps * sqrt(K) of the sum of magnitudes (Higham and Mary 2019). */
  expected(index: number): Expected {
    const { M, N, K, transA, transB, strideA = M * K, strideB = K * N } = this.#product;
    const [n, m, matrix] = [index % N, Math.floor(index / N) % M, Math.floor(index / (M * N))];
    let [value, magnitude] = [0, 0];
    for (let k = 0; k < K; k++) {
      const a = this.#a.values[matrix * strideA + (transA ? k * M + m : m * K + k)] ?? 0;
      const b = this.#b.values[matrix * strideB + (transB ? n * K + k : k * N + n)] ?? 0;
      value += a * b;
      magnitude += Math.abs(a * b);
    }
    return { value, bound: 8 * 2 ** -24 * Math.sqrt(K) * magnitude };
  }

  dispose(): void {
    this.#a.tensor.dispose();
    this.#b.tensor.dispose();
    this.result.dispose();
  }
}
