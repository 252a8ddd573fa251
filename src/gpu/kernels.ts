/** The kernels of a device: each shader with its overrides is compiled once. */
import type { Debug, Operation } from "./debug.ts";
import { Kernel, type Overrides } from "./kernel.ts";
import type { Shader } from "./shader.ts";
import { shaderError, type Verdicts, whereIs } from "./verdicts.ts";

/** What a device tells of itself when a kernel is made. */
interface Owner {
  readonly gpu: GPUDevice;
  readonly operation: Operation | undefined;
  readonly recorder: { readonly debug: Debug | undefined };
}

export class Kernels {
  readonly #owner: Owner;
  readonly #verdicts: Verdicts;
  readonly #made = new Map<Shader, Map<string, Kernel>>();

  constructor(owner: Owner, verdicts: Verdicts) {
    this.#owner = owner;
    this.#verdicts = verdicts;
  }

  of(shader: Shader, overrides: Overrides): Kernel {
    const variants = this.#made.get(shader) ?? new Map<string, Kernel>();
    if (variants.size === 0) this.#made.set(shader, variants);
    let key = "";
    for (const name in overrides) key += `${name}=${overrides[name]},`;
    const known = variants.get(key);
    if (known) return known;
    const kernel = this.#make(shader, overrides);
    variants.set(key, kernel);
    return kernel;
  }

  #make(shader: Shader, overrides: Overrides): Kernel {
    const { gpu, operation, recorder } = this.#owner;
    const where = whereIs(operation);
    let module: GPUShaderModule;
    const kernel = this.#verdicts.check(
      () => {
        module = gpu.createShaderModule({ label: shader.name, code: shader.code });
        const made = new Kernel(gpu, shader, overrides, module);
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
