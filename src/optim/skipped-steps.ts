/** Steps that a gradient scaler has an optimizer skip: whether the present one is, which only the GPU knows, and how many were. */

import { type Device, runtimeOf } from "../gpu/device.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import type { RunArgs } from "../gpu/shader.ts";
import { skip_count } from "../gpu/shaders.generated.ts";
import { where } from "../ops/binary.ts";
import { bindingOf } from "../tensor/binding.ts";
import { copyInto, fill } from "../tensor/copy.ts";
import { scope } from "../tensor/scope.ts";
import { empty, type Tensor, view } from "../tensor/tensor.ts";
import { internal } from "./flat-params.ts";
import type { OptimizerShader, Plan } from "./step-plan.ts";

/** The one of a scaler's flags (u32, one per optimizer) that says that a step is to be skipped. */
export interface SkipFlag {
  readonly flags: Tensor;
  readonly index: number;
}

const element = (x: Tensor, index: number): Tensor => view(x, [], [], index);

/** The record that one optimizer has of its skipped steps. */
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
  begin({ table, chunks }: Plan): Partial<Pick<RunArgs<OptimizerShader>, "skips" | "skipping">> {
    // A recording made before there was a scaler does not look for skipped steps.
    runtimeOf(this.#device).addCaptureGuard(() => this.#words !== undefined);
    const words = this.#words;
    if (!words) return {};
    if (this.#flag) {
      const bindings = { table: bindingOf(table), flags: bindingOf(this.#flag.flags), skips: bindingOf(words) };
      const groups = Math.max(1, strideGroups(this.#device, chunks));
      runtimeOf(this.#device).run(skip_count, { ...bindings, chunks, flag: this.#flag.index }, groups);
    }
    return { skips: bindingOf(words), skipping: this.#flag ? 2 : 1 };
  }

  /** `target = value`, for what an optimizer writes by operations: nothing where the step is skipped. */
  write(target: Tensor, value: Tensor): void {
    const flag = this.#flag;
    if (!flag) copyInto(target, value);
    else scope(() => copyInto(target, where(element(flag.flags, flag.index), target, value)));
  }

  /** The number of a parameter's steps that were skipped: u32, (); undefined as long as there was no scaler. */
  of(parameter: number): Tensor | undefined {
    return this.#words && element(this.#words, 1 + parameter);
  }

  /** Forgets all counts. */
  clear(): void {
    if (this.#words) fill(this.#words, 0);
  }

  /** Sets a parameter's count: u32, (). */
  set(parameter: number, count: Tensor): void {
    const target = element(this.#made(), 1 + parameter);
    copyInto(target, count);
    target.dispose();
  }

  dispose(): void {
    this.#words?.dispose();
  }

  #made(): Tensor {
    // Outlives the capture that may be recording.
    this.#words ??= runtimeOf(this.#device).outsideCapture(() => {
      const words = internal(empty(this.#device, [1 + this.#parameters], "u32"));
      fill(words, 0);
      return words;
    });
    return this.#words;
  }
}
