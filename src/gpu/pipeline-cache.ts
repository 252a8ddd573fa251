/** The kernels of a device: each shader with its overrides is compiled once. */

import { ComputeKernel, type OverrideValues } from "./compute-kernel.ts";
import type { Debug, Operation } from "./debug.ts";
import { type ErrorScopes, formatOperation, shaderError } from "./error-scopes.ts";
import type { Shader } from "./shader.ts";

/** The part of a device that is needed when a kernel is made. */
interface Owner {
  readonly gpu: GPUDevice;
  readonly operation: Operation | undefined;
  readonly recorder: { readonly debug: Debug | undefined };
}

export class PipelineCache {
  readonly #owner: Owner;
  readonly #errorScopes: ErrorScopes;
  readonly #made = new Map<Shader, Map<string, ComputeKernel>>();

  constructor(owner: Owner, errorScopes: ErrorScopes) {
    this.#owner = owner;
    this.#errorScopes = errorScopes;
  }

  of(shader: Shader, overrides: OverrideValues): ComputeKernel {
    const variants = this.#made.get(shader) ?? new Map<string, ComputeKernel>();
    if (variants.size === 0) this.#made.set(shader, variants);
    let key = "";
    for (const name in overrides) key += `${name}=${overrides[name]},`;
    const known = variants.get(key);
    if (known) return known;
    const kernel = this.#make(shader, overrides);
    variants.set(key, kernel);
    return kernel;
  }

  #make(shader: Shader, overrides: OverrideValues): ComputeKernel {
    const { gpu, operation, recorder } = this.#owner;
    const where = formatOperation(operation);
    let module: GPUShaderModule;
    const kernel = this.#errorScopes.check(
      () => {
        module = gpu.createShaderModule({ label: shader.name, code: shader.code });
        const made = new ComputeKernel(gpu, shader, overrides, module);
        void made.pipeline;
        return made;
      },
      (message) => shaderError(shader, module, message, where),
      // What WebGPU says of commands with a broken pipeline only follows from this.
      true,
    );
    recorder.debug?.pipeline(kernel, overrides);
    return kernel;
  }
}
