/** Options of init(), checked before any reaches WebGPU: Dawn aborts the process at values that it does not expect. */
import { ArgumentError, check, checkKeys, expected, show } from "../errors.ts";
import type { DebugLevel } from "./debug.ts";
import type { TuningMode } from "./tuning.ts";

export interface InitOptions {
  /** `"auto"` (default) takes a GPU, else a software adapter; the others force one. */
  adapter?: "auto" | "gpu" | "software";
  /** A GPUDevice that the page already has; it is not destroyed by `close()`. */
  device?: GPUDevice;
  powerPreference?: "low-power" | "high-performance";
  /** True to make new tensors on the device from now on. Default: true where no other device is the default. */
  default?: boolean;
  /** Seed of the random numbers; also `manualSeed(n)`. Default 0. */
  seed?: number;
  /** Submits every dispatch alone, so that a WebGPU error names its operation and shapes. Slow. Default false. */
  validation?: boolean;
  /**
   * Writes to the console what the runtime does: 1 each submit with its dispatches and the host's time, 2 also each
   * dispatch with kernel, workgroups, operation and shapes, 3 also the WGSL of each pipeline when it is made.
   * Default in Node: the environment variable GRADWELL_DEBUG, else 0.
   */
  debug?: DebugLevel;
  /**
   * The way kernels are chosen where several can do the same work. `"table"` (default): what was measured on this adapter,
   * driver and version, by `tune()` or in the background of an earlier run, else the built-in table. `"auto"`: as
   * `"table"`, and what captured functions ask for and nobody measured yet is measured between their replays, at most 30 ms
   * at a time and 2 s in all; a faster kernel is kept if the whole replay gets faster by 3 %. Another kernel may sum in
   * another order, so the last bits can differ from those of a run before. `false`: the built-in table alone, the same
   * bits in every run.
   */
  tuning?: TuningMode;
}

/** Rules for what each option may be, in words and as a test. */
const rules: { readonly [K in keyof InitOptions]-?: readonly [string, (value: unknown) => boolean] } = {
  adapter: ["'auto', 'gpu' or 'software'", (value) => ["auto", "gpu", "software"].includes(value as string)],
  device: ["a GPUDevice", isGpuDevice],
  powerPreference: [
    "'low-power' or 'high-performance'",
    (value) => ["low-power", "high-performance"].includes(value as string),
  ],
  default: ["true or false", isBoolean],
  seed: ["an integer", Number.isSafeInteger],
  validation: ["true or false", isBoolean],
  debug: ["0, 1, 2 or 3", isLevel],
  tuning: ["'auto', 'table' or false", (value) => value === "auto" || value === "table" || value === false],
};
const names = Object.keys(rules) as (keyof InitOptions)[];

/** The options that are set, each read once. */
export function checkedOptions(options: unknown): InitOptions {
  const read = plainCopy(options);
  if (!read) throw refusal("options", "an object such as { adapter: 'gpu' }", options);
  checkKeys("init", read, names);
  const set: Record<string, unknown> = {};
  for (const name of names) {
    const value = read[name];
    if (value === undefined) continue;
    const [words, fits] = rules[name];
    if (!fits(value)) throw refusal(name, words, value);
    set[name] = value;
  }
  return set;
}

/** The level that the environment asks for. */
export function checkLevel(argument: string, value: unknown): DebugLevel {
  check(isLevel(value), ArgumentError, () => expected("init", argument, rules.debug[0], value));
  return value;
}

/** Returns what an options object has, or undefined for anything else: getters and proxies may throw at every look. */
function plainCopy(options: unknown): Record<string, unknown> | undefined {
  try {
    if (typeof options !== "object" || options === null || Array.isArray(options)) return undefined;
    const prototype: unknown = Object.getPrototypeOf(options);
    // An object literal of any realm, not an instance: a GPUDevice in this place would have no option to refuse.
    const isPlain = prototype === null || Object.hasOwn(prototype as object, "isPrototypeOf");
    return isPlain ? { ...options } : undefined;
  } catch {
    return undefined;
  }
}

function refusal(argument: string, words: string, got: unknown): ArgumentError {
  try {
    show(got);
    return new ArgumentError(expected("init", argument, words, got));
  } catch {
    return new ArgumentError(`init: argument '${argument}' expected ${words}, got an unreadable object`);
  }
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function isLevel(value: unknown): value is DebugLevel {
  return value === 0 || value === 1 || value === 2 || value === 3;
}

/** Checks its parts, since Node has no class of that name: methods of a native object throw on anything else. */
function isGpuDevice(value: unknown): boolean {
  try {
    const gpu = value as GPUDevice;
    const methods = [
      gpu.createBuffer,
      gpu.createComputePipeline,
      gpu.pushErrorScope,
      gpu.addEventListener,
      gpu.destroy,
    ];
    const parts = [gpu.limits, gpu.features, gpu.queue];
    return (
      methods.every((method) => typeof method === "function") &&
      parts.every((part) => typeof part === "object" && part !== null) &&
      typeof gpu.lost.then === "function"
    );
  } catch {
    return false;
  }
}
