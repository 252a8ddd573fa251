/**
 * A log of what the runtime does, line by line: 1 each submit with its dispatches and the host's time, 2 also each
 * dispatch with its operation, 3 also the WGSL of each pipeline when it is made.
 */

import type { BufferSlice } from "./buffer-pool.ts";
import type { ComputeKernel, OverrideValues } from "./compute-kernel.ts";

/** The operation that is running, as the op layer names it. */
export interface Operation {
  readonly name: string;
  readonly shapes: () => string;
}

export type DebugLevel = 0 | 1 | 2 | 3;

export class Debug {
  readonly #level: DebugLevel;
  readonly #log: (line: string) => void;
  #dispatches = 0;
  #since = 0;

  constructor(level: DebugLevel, log: (line: string) => void) {
    this.#level = level;
    this.#log = log;
  }

  /** A submit begins to be recorded. */
  begin(): void {
    this.#since = performance.now();
  }

  dispatch(
    kernel: ComputeKernel,
    slices: readonly BufferSlice[],
    groups: readonly number[],
    operation: Operation | undefined,
  ): void {
    this.#dispatches++;
    if (this.#level < 2) return;
    const { bindings } = kernel.shader;
    const bound = slices.map(({ size }, i) => `${bindings[i]?.name} ${size}`).join(", ");
    const within = operation ? ` in ${operation.name} of ${operation.shapes()}` : "";
    this.#log(`gradwell:   ${kernel.label} on ${groups.join("x")} workgroups${within}; bytes: ${bound}`);
  }

  submit(index: number): void {
    const took = Math.round(1000 * (performance.now() - this.#since));
    this.#log(`gradwell: submit ${index}: ${this.#dispatches} dispatches, ${took} us on the host`);
    this.#dispatches = 0;
  }

  pipeline({ label, shader }: ComputeKernel, overrides: OverrideValues): void {
    if (this.#level >= 3) this.#log(`gradwell: pipeline ${label} ${JSON.stringify(overrides)}\n${shader.code}`);
  }
}
