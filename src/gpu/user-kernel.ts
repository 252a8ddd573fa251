/** Kernels of the program's own: plain WGSL in, something to run on tensors out. */
import { callable, must, object, options as optionsOf, signature, text } from "../arguments.ts";
import { ArgumentError, check, checkKeys, expected } from "../errors.ts";
import type { BufferSlice } from "./buffer-pool.ts";
import type { ComputeKernel, KernelArgs, OverrideValues } from "./compute-kernel.ts";
import { MAX_GROUPS_PER_DIM } from "./launch-policy.ts";
import { type Binding, type Reflection, reflect } from "./reflect.ts";
import type { Cost, ParamValue, Shader } from "./shader.ts";
import { clear_padding } from "./shaders.generated.ts";

export interface KernelOptions {
  /** A compute shader: its buffers in group 0, its params, if any, one struct in `var<uniform>`. */
  wgsl: string;
  /** The kernel's name in messages and profiles. Default `"kernel"`. */
  name?: string;
  /** Values for the shader's `override` constants. */
  overrides?: OverrideValues;
  /** Work of a dispatch, for `profile`. Default: no multiplications or additions, and every bound byte once. */
  cost?: Cost;
}

/** The memory of a tensor, as a kernel binds it. */
export interface BindableMemory {
  binding(): BufferSlice;
  /** True if the bytes after the last element, up to the next 16, belong to this tensor alone. */
  ownsPadding(): boolean;
  /** Throws unless the tensor is live and its values were not lost. */
  assertReadable(op: string): void;
}

/** A tensor, as far as kernels know it. */
export interface Bindable {
  readonly isContiguous: boolean;
  readonly size: number;
  readonly dtype: string;
  assertLive(op: string): void;
}

let memoryOf: (value: object) => BindableMemory | undefined = () => undefined;

/** Tells this file, which knows nothing of tensors, how to find the memory of one. */
export function setMemoryOf(find: (value: object) => BindableMemory | undefined): void {
  memoryOf = find;
}

/** A tensor for every binding, a number or several for every param. */
export type UserKernelArgs = Readonly<Record<string, Bindable | ParamValue>>;
type KernelArguments = Readonly<Record<string, Bindable | BufferSlice | ParamValue>>;
/** Workgroups: a count, folded into (x, y, 1) past 65,535, or one to three counts. */
export type Workgroups = number | readonly number[];

/** The part of a device that runs kernels. */
interface Runner {
  kernelOf(shader: Shader, overrides?: OverrideValues): ComputeKernel;
  dispatch(kernel: ComputeKernel, args: KernelArgs, groups: number | readonly [number, number, number]): void;
}

export const shaderText = /* @__PURE__ */ must("a shader's text", (value) => typeof value === "string");
const checkOptions = /* @__PURE__ */ signature("device.kernel", () => ({
  options: optionsOf(
    { wgsl: shaderText, name: text, overrides: object, cost: optionsOf({ flops: callable, bytes: callable }) },
    ["wgsl"],
  ),
}));

/** The text of a kernel and what was read from it. */
export interface UserShader extends Reflection {
  readonly name: string;
  readonly code: string;
}

/** A kernel made by `device.kernel`. Nothing is compiled before its first run. */
export class UserKernel {
  readonly shader: UserShader;
  readonly #runner: Runner;
  readonly #overrides: OverrideValues;

  constructor(runner: Runner, options: KernelOptions) {
    checkOptions([options]);
    const { wgsl, name = "kernel", overrides = {}, cost } = options;
    this.shader = { name, code: wgsl, ...reflect(wgsl), ...(cost && { cost }) };
    checkKeys(
      `kernel '${name}', overrides`,
      overrides,
      this.shader.overrides.map((one) => one.name),
    );
    this.#runner = runner;
    this.#overrides = overrides;
  }

  /** Records one dispatch. Tensors must be contiguous; a tensor that the kernel writes must not be bound twice. */
  run(args: UserKernelArgs, workgroups: Workgroups): void;
  /** @internal Also on slices of buffers. */
  run(args: KernelArguments, workgroups: Workgroups): void;
  run(args: KernelArguments, workgroups: Workgroups): void {
    const { name, bindings, params } = this.shader;
    const op = `kernel '${name}'`;
    checkKeys(
      op,
      args,
      [...bindings, ...params].map((one) => one.name),
    );
    const known: Record<string, BufferSlice | ParamValue> = {};
    for (const binding of bindings) known[binding.name] = this.#sliceFor(op, binding, args[binding.name]);
    for (const param of params) known[param.name] = paramFor(op, param.name, args[param.name]);
    this.#runner.dispatch(this.#runner.kernelOf(this.shader, this.#overrides), known, countsOf(op, workgroups));
  }

  #sliceFor(op: string, binding: Binding, value: KernelArguments[string] | undefined): BufferSlice {
    const isObject = typeof value === "object" && value !== null;
    const memory = isObject ? memoryOf(value) : undefined;
    const tensor = value as Bindable;
    check(memory || (isObject && "buffer" in value), ArgumentError, () =>
      expected(op, binding.name, "a tensor for this binding", value),
    );
    if (!memory) return value as BufferSlice;
    if (binding.access === "read") memory.assertReadable(op);
    else tensor.assertLive(op);
    check(tensor.isContiguous, ArgumentError, () =>
      expected(op, binding.name, "a contiguous tensor (contiguous() makes one)", value),
    );
    const bytes = tensor.size * (tensor.dtype === "f16" ? 2 : 4);
    // arrayLength() of scalars should count elements; a vec4 needs the padding, and no binding can be empty.
    if (bytes > 0 && /^array<(atomic<)?[fiu]32>*$/.test(binding.type)) return { ...memory.binding(), size: bytes };
    if (bytes === 0 || bytes % 16 > 0) this.#clearPadding(op, binding, tensor, memory, bytes / 2);
    return memory.binding();
  }

  /** Clears the padding: what memory held before must not be seen. */
  #clearPadding(op: string, binding: Binding, value: Bindable, memory: BindableMemory, halves: number): void {
    check(memory.ownsPadding(), ArgumentError, () =>
      expected(op, binding.name, "a tensor whose last 16 bytes are its own (clone() makes one)", value),
    );
    this.#runner.dispatch(this.#runner.kernelOf(clear_padding), { y: memory.binding(), halves }, [1, 1, 1]);
  }
}

function paramFor(op: string, name: string, value: KernelArguments[string] | undefined): ParamValue {
  const isNumbers = Array.isArray(value) && value.every((one) => typeof one === "number");
  const fits = typeof value === "number" || isNumbers || typeof value === "boolean";
  check(fits, ArgumentError, () => expected(op, name, "a number or a list of numbers for this param", value));
  return typeof value === "boolean" ? Number(value) : (value as ParamValue);
}

function countsOf(op: string, workgroups: Workgroups): number | [number, number, number] {
  const counts = typeof workgroups === "number" ? [workgroups] : workgroups;
  const fits = Array.isArray(counts) && counts.length > 0 && counts.length <= 3 && counts.every(isCount);
  check(fits, ArgumentError, () =>
    expected(op, "workgroups", "an integer >= 0, or a list of one to three", workgroups),
  );
  // A single count is folded into two dims, a list is taken as it is.
  const most = typeof workgroups === "number" ? MAX_GROUPS_PER_DIM ** 2 : MAX_GROUPS_PER_DIM;
  check(
    counts.every((one) => one <= most),
    ArgumentError,
    () =>
      expected(op, "workgroups", `at most ${MAX_GROUPS_PER_DIM} in each dim, or one count that is folded`, workgroups),
  );
  const [x = 0, y = 1, z = 1] = counts;
  return typeof workgroups === "number" ? x : [x, y, z];
}

const isCount = (value: unknown): boolean => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
