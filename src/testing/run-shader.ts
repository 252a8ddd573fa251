/** runShader: one dispatch of a compute shader on host arrays. */
import { ArgumentError, check, checkKeys, expected } from "../errors.ts";
import type { BufferSlice } from "../gpu/buffer-pool.ts";
import type { OverrideValues } from "../gpu/compute-kernel.ts";
import { currentDevice } from "../gpu/default-device.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import type { Binding } from "../gpu/reflect.ts";
import type { ParamValue } from "../gpu/shader.ts";
import type { UserKernel, Workgroups } from "../gpu/user-kernel.ts";

const ARRAYS = { f32: Float32Array, i32: Int32Array, u32: Uint32Array };
export type HostArray =
  | Float32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>;

/** A buffer of zeros: `length` (or `size`) elements of `type`, by default the type in the shader. */
export interface ZeroBuffer {
  length?: number;
  size?: number;
  type?: keyof typeof ARRAYS;
}

export interface RunShaderOptions {
  /** The compute shader: its buffers in group 0, its params, if any, one struct in `var<uniform>`. */
  wgsl: string;
  /** The values that each buffer has before the run, by its name in the shader. Plain numbers take the shader's type. */
  bindings: Readonly<Record<string, ArrayBufferView | readonly number[] | ZeroBuffer>>;
  /** Values for the shader's `override` constants. */
  overrides?: OverrideValues;
  /** The members of the uniform struct. */
  params?: Readonly<Record<string, ParamValue>>;
  /** Default 1. */
  workgroups?: Workgroups;
  /** Default: the device of the last `init()`. */
  device?: Device;
}

const kernels = new WeakMap<Device, Map<string, UserKernel>>();

/**
 * Runs a compute shader once and gives what every `read_write` binding then holds, by name, in the kind of array that
 * was given for it. Buffers have exactly the bytes of their arrays, so `arrayLength` is what it looks like. A
 * ValidationError shows the line that does not compile.
 *
 * ```ts
 * const { y } = await runShader({ wgsl, bindings: { x: new Float32Array([1, 2]), y: { length: 2 } } });
 * ```
 */
export async function runShader(options: RunShaderOptions): Promise<Record<string, HostArray>> {
  const { wgsl, bindings = {}, overrides = {}, params = {}, workgroups = 1, device = currentDevice() } = options;
  const key = JSON.stringify([wgsl, overrides]);
  const known = kernels.get(device) ?? new Map<string, UserKernel>();
  kernels.set(device, known);
  const kernel = known.get(key) ?? device.kernel({ wgsl, overrides, name: "runShader" });
  const names = kernel.shader.bindings.map(({ name }) => name);
  checkKeys("runShader, bindings", bindings, names);
  const values = Object.fromEntries(
    kernel.shader.bindings.map((binding) => [binding.name, valuesOf(binding, bindings[binding.name])]),
  );
  const slices = Object.fromEntries(names.map((name) => [name, uploaded(device, values[name] as HostArray)]));
  try {
    kernel.run({ ...params, ...slices }, workgroups);
    await device.sync();
    known.set(key, kernel);
    return await outputsOf(device, kernel, values, slices);
  } finally {
    for (const { buffer } of Object.values(slices)) buffer.pool.release(buffer);
  }
}

function uploaded(device: Device, values: HostArray): BufferSlice {
  const size = Math.max(4, Math.ceil(values.byteLength / 4) * 4);
  const slice = { buffer: runtimeOf(device).pool.acquire(size, () => "runShader"), offset: 0, size };
  runtimeOf(device).recorder.upload(slice, values);
  return slice;
}

async function outputsOf(
  device: Device,
  kernel: UserKernel,
  values: Readonly<Record<string, HostArray>>,
  slices: Readonly<Record<string, BufferSlice>>,
): Promise<Record<string, HostArray>> {
  const written = kernel.shader.bindings.filter(({ access }) => access === "read_write");
  const outputs = written.map(async ({ name }): Promise<[string, HostArray]> => {
    const given = values[name] as HostArray;
    const bytes = await runtimeOf(device).read({ ...(slices[name] as BufferSlice), size: given.byteLength });
    return [name, new (given.constructor as new (bytes: ArrayBuffer) => HostArray)(bytes)];
  });
  return Object.fromEntries(await Promise.all(outputs));
}

/** The type of a buffer's elements, if its declaration shows it. */
const typeIn = ({ type }: Binding): keyof typeof ARRAYS => {
  const [scalar = "f"] = /[fiu](?=32|>|$)/.exec(type.replace(/array|vec\d|atomic/g, "")) ?? [];
  return `${scalar as "f" | "i" | "u"}32`;
};

function valuesOf(binding: Binding, given: RunShaderOptions["bindings"][string] | undefined): HostArray {
  const { name } = binding;
  check(typeof given === "object" && given !== null, ArgumentError, () =>
    expected("runShader", `bindings.${name}`, "a typed array, numbers, or { length, type }", given),
  );
  if (ArrayBuffer.isView(given)) return given as HostArray;
  if (Array.isArray(given)) return ARRAYS[typeIn(binding)].from(given);
  const zeros = given as ZeroBuffer;
  checkKeys(`runShader, bindings.${name}`, zeros, ["length", "size", "type"]);
  const { length = zeros.size, type = typeIn(binding) } = zeros;
  check(length !== undefined && Number.isSafeInteger(length) && length >= 0, ArgumentError, () =>
    expected("runShader", `bindings.${name}.length`, "an integer >= 0", length),
  );
  check(type in ARRAYS, ArgumentError, () => expected("runShader", `bindings.${name}.type`, "f32, i32 or u32", type));
  return new ARRAYS[type](length);
}
