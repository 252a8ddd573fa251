/** A device as users see it; what the library keeps for it is in runtime.ts. */
import type { Wait } from "./adapter/adapter.ts";
import type { DeviceFeatures, DeviceInfo } from "./device-info.ts";
import { printAsString } from "./inspect.ts";
import { adapterClass } from "./launch-policy.ts";
import { type MemoryUse, Runtime } from "./runtime.ts";
import { type KernelOptions, UserKernel } from "./user-kernel.ts";

/** Returns what the library keeps for a device. */
export let runtimeOf: (device: Device) => Runtime;

/** Makes a device; `wait` is how to await the GPU. */
export let makeDevice: (gpu: GPUDevice, info: DeviceInfo, ownsGpu: boolean, wait?: Wait) => Device;

/** A WebGPU device with what gradwell keeps for it. Made by `init()`. */
export class Device {
  readonly gpu: GPUDevice;
  readonly info: DeviceInfo;
  readonly features: DeviceFeatures;
  readonly limits: GPUSupportedLimits;
  /** Resolves with the reason when the device is lost. */
  readonly lost: Promise<string>;
  readonly #runtime: Runtime;

  private constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.gpu = runtime.gpu;
    this.info = runtime.info;
    this.features = runtime.features;
    this.limits = runtime.limits;
    this.lost = runtime.lost;
  }

  static {
    runtimeOf = (device) => device.#runtime;
    makeDevice = (gpu, info, ownsGpu, wait) => new Device(new Runtime(gpu, info, ownsGpu, wait));
  }

  /** Only what this class made is a device, and no proxy of one. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && #runtime in value;
  }

  /** A kernel of the program's own, from plain WGSL; `defineOp` makes a differentiable operation of it. */
  kernel(options: KernelOptions): UserKernel {
    return new UserKernel(this.#runtime, options);
  }

  /** Resolves when the GPU has done everything recorded so far. Throws what WebGPU found wrong with it. */
  sync(): Promise<void> {
    return this.#runtime.sync();
  }

  /** Tensors alive and bytes: in use, kept for reuse, and the most ever in use at once. */
  memory(): MemoryUse {
    return this.#runtime.memory();
  }

  /** Finishes what is recorded and frees the GPU; a Node process or worker can then end in any way. Safe to call twice. */
  close(): Promise<void> {
    return this.#runtime.close();
  }

  get closed(): boolean {
    return this.#runtime.closed;
  }

  toString(): string {
    const { vendor, description } = this.info;
    const { end } = this.#runtime;
    return `Device(${adapterClass(this)}, '${description || vendor}'${end ? `, ${end}` : ""})`;
  }
}
printAsString(Device);
