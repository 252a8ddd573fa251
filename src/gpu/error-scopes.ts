/** Errors that WebGPU finds. It reports them late: reads wait for pending reports, and throw them. */
import { ValidationError } from "../errors.ts";
import type { Wait } from "./adapter/adapter.ts";
import type { Operation } from "./debug.ts";
import type { Shader } from "./shader.ts";

export class ErrorScopes {
  readonly #gpu: GPUDevice;
  readonly #wait: Wait;
  readonly #outOfMemory: () => Error;
  /** Compilations and checked dispatches whose outcome is not known yet. */
  readonly #pending = new Set<Promise<void>>();
  #errors: Error[] = [];

  /** `outOfMemory` makes the error of an allocation that nothing was reported of. */
  constructor(gpu: GPUDevice, wait: Wait, outOfMemory: () => Error) {
    this.#gpu = gpu;
    this.#wait = wait;
    this.#outOfMemory = outOfMemory;
    gpu.addEventListener("uncapturederror", this.#onUncaptured);
  }

  /** Runs `fn`; if WebGPU objects to it, `describe` makes the error, which comes before all others where it is their cause. */
  check<T>(fn: () => T, describe: (message: string) => Error | Promise<Error>, isCause = false): T {
    this.#gpu.pushErrorScope("validation");
    const result = fn();
    this.#await(
      this.#gpu.popErrorScope().then(async (error) => {
        if (!error) return;
        const described = await describe(error.message);
        if (isCause) this.#errors.unshift(described);
        else this.#errors.push(described);
      }),
    );
    return result;
  }

  /** Makes a buffer; if the driver refuses it, `refused` makes the error, which is the cause of all that follow. */
  allocate(make: () => GPUBuffer, refused: () => Error): GPUBuffer {
    this.#gpu.pushErrorScope("validation");
    this.#gpu.pushErrorScope("out-of-memory");
    const buffer = make();
    const outcomes = [this.#gpu.popErrorScope(), this.#gpu.popErrorScope()];
    this.#await(
      Promise.all(outcomes).then((errors) => {
        if (errors.some((error) => error)) this.#errors.unshift(refused());
      }),
    );
    return buffer;
  }

  #await(report: Promise<void>): void {
    const settled = report.catch(() => undefined).finally(() => this.#pending.delete(settled));
    this.#pending.add(settled);
  }

  /** The errors that nothing has thrown yet; the list is then empty. */
  take(): Error[] {
    const errors = this.#errors;
    this.#errors = [];
    return errors;
  }

  /** Throws the first error of what was recorded so far, if there is one. */
  async throwFirst(): Promise<void> {
    if (this.#pending.size > 0) await this.settled();
    const [first] = this.take();
    if (!first) return;
    // One mistake has several reports (the pipeline, the pass, the submit): those still under way belong to this one.
    await this.#wait(this.#gpu.queue.onSubmittedWorkDone());
    this.take();
    throw first;
  }

  /** Resolves when everything checked so far was reported. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  close(): void {
    this.#gpu.removeEventListener("uncapturederror", this.#onUncaptured);
  }

  readonly #onUncaptured = (event: Event): void => {
    const { error } = event as GPUUncapturedErrorEvent;
    event.preventDefault();
    if (error.constructor.name === "GPUOutOfMemoryError") this.#errors.unshift(this.#outOfMemory());
    else this.#errors.push(new ValidationError(error.message));
  };
}

/** ` (in add of [2, 3], [3])`, or nothing. */
export function formatOperation(operation: Operation | undefined): string {
  if (!operation) return "";
  const shapes = operation.shapes();
  return ` (in ${operation.name}${shapes ? ` of ${shapes}` : ""})`;
}

/** The compiler's messages with the lines that they are about. */
export async function shaderError(
  shader: Shader,
  module: GPUShaderModule,
  message: string,
  where: string,
): Promise<ValidationError> {
  const { messages } = await module.getCompilationInfo();
  const lines = messages
    .filter((one) => one.type === "error")
    .map((one) => {
      const line = shader.code.split("\n")[one.lineNum - 1] ?? "";
      return `\n  ${shader.name}.wgsl:${one.lineNum}:${one.linePos} ${one.message}\n    ${line.trim()}`;
    });
  return new ValidationError(`kernel '${shader.name}'${where}: ${message}${lines.join("")}`);
}
