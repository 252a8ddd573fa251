/** Work that several kernels can do, in a form that can be measured: every family with variants describes its work like this. */
import type { Device } from "../../gpu/device.ts";
import type { Choice } from "../../gpu/tuning.ts";
import { fill } from "../../tensor/copy.ts";
import { tensor } from "../../tensor/create.ts";
import { type Shape, sizeOf } from "../../tensor/shape.ts";
import { empty, type Tensor, view } from "../../tensor/tensor.ts";

export interface Workload {
  /** Operation and shape, such as `matmul 128x784x256 nt`. */
  readonly key: string;
  /** The kernel that the built-in table takes. */
  readonly usual: Choice;
  /** All kernels that can do the work on this device, the usual one among them. */
  readonly choices: readonly Choice[];
  /** f32 elements of all operands and results together, which bounds the memory that measuring takes. */
  readonly elements: number;
  /** Operands with random values, and a result to write to. */
  makeTrial(): Trial;
}

/** The expected value of one element, and the largest error that is allowed. */
export interface Expected {
  readonly value: number;
  readonly bound: number;
}

export interface Trial {
  /** The result as one dense tensor, f32. */
  readonly result: GuardedResult;
  /** Records the work with one of the choices. */
  run(choice: Choice): void;
  /** The float64 value of an element of the result. */
  expected(index: number): Expected;
  dispose(): void;
}

/** Elements behind the result that no kernel may touch; up to the next vec4 it may. */
const CANARIES = 64;
const CANARY = 12345.678;
const ofFour = (size: number): number => Math.ceil(size / 4) * 4;

/** A dense f32 result with canaries behind it. */
export class GuardedResult {
  readonly tensor: Tensor;
  readonly size: number;
  readonly #whole: Tensor;

  constructor(device: Device, shape: Shape) {
    this.size = sizeOf(shape);
    this.#whole = empty(device, [ofFour(this.size) + CANARIES]);
    const strides = shape.map((_, i) => sizeOf(shape.slice(i + 1)));
    this.tensor = view(this.#whole, shape, strides, 0);
  }

  /** Fills the result with NaN, and what is behind it with canaries. */
  reset(): void {
    fill(this.#whole, CANARY);
    fill(this.tensor, Number.NaN);
  }

  /** The values, and whether the canaries are as they were. */
  async read(): Promise<{ values: Float32Array; isIntact: boolean }> {
    const all = (await this.#whole.data()) as Float32Array;
    const isIntact = all.subarray(ofFour(this.size)).every((value) => value === Math.fround(CANARY));
    return { values: all.subarray(0, this.size), isIntact };
  }

  dispose(): void {
    this.tensor.dispose();
    this.#whole.dispose();
  }
}

/** Numbers in [-1, 1), the same for the same seed, on the host and on the device. */
export function operand(device: Device, size: number, seed: number): { values: Float32Array; tensor: Tensor } {
  const values = new Float32Array(size);
  let state = seed;
  for (let i = 0; i < size; i++) {
    // A linear congruential generator (Numerical Recipes): fast, and random enough for sums.
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = state / 2 ** 31;
  }
  return { values, tensor: tensor(values, { device }) };
}
