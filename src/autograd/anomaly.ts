/** Finds the first operation whose result is not finite. */

import { AnomalyError, ArgumentError, CaptureError, check, expected } from "../errors.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { finite_check } from "../gpu/shaders.generated.ts";
import { castElements } from "../kernels/elementwise/cast.ts";
import { bindingOf } from "../tensor/binding.ts";
import { contiguous, fill } from "../tensor/copy.ts";
import { readData } from "../tensor/readback.ts";
import { keep } from "../tensor/scope.ts";
import { empty, storageOf, type Tensor } from "../tensor/tensor.ts";
import { addObserver, type ObservedOp } from "./op-observer.ts";

/** Flags in one tensor. */
const PAGE = 1024;

/**
 * Runs `fn` and throws an AnomalyError that names the first operation, forward or backward, with an infinity or NaN in
 * its result, its shapes and the parameter that it read or is a gradient of. Costs a dispatch per operation and a read
 * at the end. Of a captured function only eager operations are watched: a replay runs none. With an async `fn` also what
 * other tasks run before its promise settles is watched: all of the library has one order.
 */
export async function detectAnomaly<T>(fn: () => T | Promise<T>): Promise<T> {
  check(typeof fn === "function", ArgumentError, () => expected("detectAnomaly", "fn", "a function", fn));
  const watch = new Watch();
  const stop = addObserver((seen) => watch.see(seen));
  try {
    const result = await fn();
    stop();
    await watch.throwFirst();
    return result;
  } finally {
    stop();
    watch.dispose();
  }
}

class Watch {
  readonly #pages: Tensor[] = [];
  readonly #found: string[] = [];

  see(seen: ObservedOp): void {
    seen.outputs.forEach((output, i) => {
      // A view has the values of its operation's input.
      const isNew = output && !seen.inputs.some((input) => input && storageOf(input) === storageOf(output));
      if (isNew && (output.dtype === "f32" || output.dtype === "f16") && output.size > 0)
        this.#check(output, describe(seen, output, i));
    });
  }

  #check(output: Tensor, what: string): void {
    const { device } = output;
    if (runtimeOf(device).recorder.tape)
      throw new CaptureError("detectAnomaly: a capture records here; detect without it");
    const slot = this.#found.push(what) - 1;
    const flags = this.#pages[Math.floor(slot / PAGE)] ?? this.#newPage(device);
    const x = asWords(output);
    runtimeOf(device).run(
      finite_check,
      { x: bindingOf(x), flags: bindingOf(flags), size: x.size, slot: slot % PAGE },
      strideGroups(device, x.size),
    );
    if (x !== output) x.dispose();
  }

  #newPage(device: Device): Tensor {
    const page = keep(empty(device, [PAGE], "u32"));
    fill(page, 0);
    this.#pages.push(page);
    return page;
  }

  /** Throws if any flag is up. */
  async throwFirst(): Promise<void> {
    for (const [i, page] of this.#pages.entries()) {
      const slot = (await readData(page)).indexOf(1);
      if (slot >= 0) throw new AnomalyError(`detectAnomaly: ${this.#found[i * PAGE + slot]}`);
    }
  }

  dispose(): void {
    for (const page of this.#pages) page.dispose();
  }
}

/** The values in dense f32. */
const asWords = (output: Tensor): Tensor => (output.dtype === "f32" ? contiguous(output) : castElements(output, "f32"));

const describeTensor = (tensor: Tensor): string => `${tensor.label ? `'${tensor.label}' ` : ""}[${tensor.shape}]`;

function describe({ name, direction, inputs, leaves }: ObservedOp, output: Tensor, index: number): string {
  if (direction === "forward") {
    const read = inputs.flatMap((input) => (input ? [describeTensor(input)] : [])).join(", ");
    return `the forward of '${name}' gave a value that is not finite, shape [${output.shape}], from ${read}`;
  }
  const leaf = leaves[index];
  const whose = leaf ? `: the gradient of ${describeTensor(leaf)}` : "";
  return `the backward of '${name}' gave a value that is not finite, shape [${output.shape}], for its input ${index}${whose}`;
}
