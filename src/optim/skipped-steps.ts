/** Steps that a gradient scaler has an optimizer skip: whether the present one is, which only the GPU knows, and how many were. */

import type { KernelArgs } from "../gpu/compute-kernel.ts";
import type { Device } from "../gpu/device.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { skip_count } from "../gpu/shaders.generated.ts";
import { where } from "../ops/binary.ts";
import { copyInto, fill } from "../tensor/copy.ts";
import { scope } from "../tensor/scope.ts";
import { empty, type Tensor, view } from "../tensor/tensor.ts";
import { internal } from "./flat-params.ts";
import type { Plan } from "./step-plan.ts";

/** Which of a scaler's flags (u32, one per optimizer) says that a step is to be skipped. */
export interface SkipFlag {
  readonly flags: Tensor;
  readonly index: number;
}

const element = (x: Tensor, index: number): Tensor => view(x, [], [], index);

/** What one optimizer knows of its skipped steps. */
export class SkippedSteps {
  readonly #device: Device;
  readonly #parameters: number;
  /** u32, (1 + parameters): the flag of the present step, and the skipped steps of each; none before the first scaler. */
  #words: Tensor | undefined;
  #flag: SkipFlag | undefined;

  constructor(device: Device, parameters: number) {
    this.#device = device;
    this.#parameters = parameters;
  }

  /** Runs `step`, which is then skipped where the flag is up. */
  during(flag: SkipFlag, step: () => void): void {
    this.#made();
    this.#flag = flag;
    try {
      step();
    } finally {
      this.#flag = undefined;
    }
  }

  /** Counts what is about to be skipped, and gives what the optimizer's kernels have to know. */
  begin({ table, pieces }: Plan): KernelArgs {
    // A recording made before there was a scaler does not look for skipped steps.
    this.#device.addCaptureGuard(() => this.#words !== undefined);
    const words = this.#words;
    if (!words) return {};
    if (this.#flag) {
      const bindings = { table: table.binding, flags: this.#flag.flags.binding, skips: words.binding };
      const groups = Math.max(1, strideGroups(this.#device, pieces));
      this.#device.run(skip_count, { ...bindings, pieces, flag: this.#flag.index }, groups);
    }
    return { skips: words.binding, skipping: this.#flag ? 2 : 1 };
  }

  /** `target = value`, for what an optimizer writes by operations: nothing where the step is skipped. */
  write(target: Tensor, value: Tensor): void {
    const flag = this.#flag;
    if (!flag) copyInto(target, value);
    else scope(() => copyInto(target, where(element(flag.flags, flag.index), target, value)));
  }

  /** How many of a parameter's steps were skipped: u32, (); undefined as long as there was no scaler. */
  of(parameter: number): Tensor | undefined {
    return this.#words && element(this.#words, 1 + parameter);
  }

  /** Forgets all counts. */
  clear(): void {
    if (this.#words) fill(this.#words, 0);
  }

  /** Sets a parameter's count: u32, (). */
  set(parameter: number, count: Tensor): void {
    const place = element(this.#made(), 1 + parameter);
    copyInto(place, count);
    place.dispose();
  }

  dispose(): void {
    this.#words?.dispose();
  }

  #made(): Tensor {
    // Outlives the capture that may be recording.
    this.#words ??= this.#device.outsideCapture(() => {
      const words = internal(empty(this.#device, [1 + this.#parameters], "u32"));
      fill(words, 0);
      return words;
    });
    return this.#words;
  }
}
