/** A kernel: a shader with its overrides, made into a pipeline once, with bind groups that are made once per set of buffers. */
import { ArgumentError, check, expected, ValidationError } from "../errors.ts";
import type { BufferSlice } from "./pool.ts";
import type { Param } from "./reflect.ts";
import type { Shader } from "./shader.ts";

/** What `run` takes: a slice for each binding, a number (or several) for each param. */
export type KernelArgs = Readonly<Record<string, BufferSlice | number | readonly number[]>>;
export type Overrides = Readonly<Record<string, number | boolean | undefined>>;
/** Views of one memory, into which params are written. */
export interface ParamWords {
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
}

const COMPUTE = 0x4;

/** More cached bind groups than this are forgotten together: shapes that never repeat must not grow the heap. */
const MAX_BIND_GROUPS = 512;

export class Kernel {
  readonly label: string;
  readonly shader: Shader;
  #pipeline: GPUComputePipeline | undefined;
  readonly #gpu: GPUDevice;
  readonly #layout: GPUBindGroupLayout;
  readonly #descriptor: GPUComputePipelineDescriptor;
  readonly #groups = new Map<string, GPUBindGroup>();
  #generation = 0;

  constructor(gpu: GPUDevice, shader: Shader, overrides: Overrides, module: GPUShaderModule) {
    this.#gpu = gpu;
    this.shader = shader;
    this.label = shader.name;
    this.#layout = gpu.createBindGroupLayout({ label: shader.name, entries: layoutEntries(shader) });
    const layout = gpu.createPipelineLayout({ label: shader.name, bindGroupLayouts: [this.#layout] });
    const compute = { module, entryPoint: shader.entry, constants: constantsOf(overrides) };
    this.#descriptor = { label: shader.name, layout, compute };
  }

  get pipeline(): GPUComputePipeline {
    this.#pipeline ??= this.#gpu.createComputePipeline(this.#descriptor);
    return this.#pipeline;
  }

  /** The slices of `args` in the order of the shader's bindings. */
  slices(args: KernelArgs): BufferSlice[] {
    return this.shader.bindings.map(({ name }) => {
      const slice = args[name];
      check(typeof slice === "object" && "buffer" in slice, ArgumentError, () =>
        expected(this.label, name, "a buffer for this binding", slice),
      );
      return slice as BufferSlice;
    });
  }

  /** Writes the params of `args` into `words` at word `at`. */
  pack(args: KernelArgs, words: ParamWords, at: number): void {
    for (const param of this.shader.params) {
      const value = args[param.name];
      if (typeof value === "number") words[numberView(param)][at + param.offset / 4] = value;
      else packList(this.label, param, value, words, at);
    }
  }

  /** The bind group over these slices; `uniform` holds the params. Cached until the pool destroys buffers. */
  bindGroup(slices: readonly BufferSlice[], uniform: GPUBuffer, generation: number): GPUBindGroup {
    if (generation !== this.#generation || this.#groups.size > MAX_BIND_GROUPS) {
      this.#groups.clear();
      this.#generation = generation;
    }
    let key = "";
    for (const slice of slices) key += `${slice.buffer.id}:${slice.offset}:${slice.size},`;
    let group = this.#groups.get(key);
    if (!group) {
      group = this.makeBindGroup(slices, uniform);
      this.#groups.set(key, group);
    }
    return group;
  }

  makeBindGroup(slices: readonly BufferSlice[], uniform: GPUBuffer): GPUBindGroup {
    this.#checkOverlap(slices);
    const entries: GPUBindGroupEntry[] = this.shader.bindings.map(({ binding }, i) => {
      const { buffer, offset, size } = slices[i] as BufferSlice;
      return { binding, resource: { buffer: buffer.gpu, offset, size } };
    });
    const { paramsBinding, paramsBytes } = this.shader;
    if (paramsBinding !== undefined)
      entries.push({ binding: paramsBinding, resource: { buffer: uniform, size: paramsBytes } });
    return this.#gpu.createBindGroup({ label: this.label, layout: this.#layout, entries });
  }

  /**
   * WebGPU forbids one buffer as both read and written in a dispatch, whatever the ranges; two that are both written,
   * such as gradients in flat storage, need only lie apart.
   */
  #checkOverlap(slices: readonly BufferSlice[]): void {
    const { bindings } = this.shader;
    slices.forEach((slice, i) => {
      if (bindings[i]?.access !== "read_write") return;
      const other = slices.findIndex((one, j) => {
        if (j === i || one.buffer !== slice.buffer) return false;
        const apart = one.offset + one.size <= slice.offset || slice.offset + slice.size <= one.offset;
        return bindings[j]?.access !== "read_write" || !apart;
      });
      check(
        other < 0,
        ValidationError,
        () =>
          `${this.label}: bindings '${bindings[i]?.name}' and '${bindings[other]?.name}' share a buffer that one of them writes`,
      );
    });
  }
}

function layoutEntries(shader: Shader): GPUBindGroupLayoutEntry[] {
  const visibility = COMPUTE;
  const entries: GPUBindGroupLayoutEntry[] = shader.bindings.map(({ binding, access }) => {
    return { binding, visibility, buffer: { type: access === "read" ? "read-only-storage" : "storage" } };
  });
  if (shader.paramsBinding !== undefined) {
    const buffer = { type: "uniform", hasDynamicOffset: true, minBindingSize: shader.paramsBytes } as const;
    entries.push({ binding: shader.paramsBinding, visibility, buffer });
  }
  return entries;
}

function constantsOf(overrides: Overrides): Record<string, number> {
  const constants: Record<string, number> = {};
  for (const [name, value] of Object.entries(overrides)) if (value !== undefined) constants[name] = Number(value);
  return constants;
}

function numberView(param: Param): "u32" | "i32" | "f32" {
  const element =
    param.type.match(/f32|i32|u32/)?.[0] ??
    (param.type.endsWith("f") ? "f32" : param.type.endsWith("i") ? "i32" : "u32");
  return element as "u32" | "i32" | "f32";
}

function packList(label: string, param: Param, value: unknown, words: ParamWords, at: number): void {
  check(Array.isArray(value) || ArrayBuffer.isView(value), ArgumentError, () =>
    expected(label, param.name, `a number or a list of numbers for this param (${param.type})`, value),
  );
  const list = value as ArrayLike<number>;
  check(list.length * 4 <= param.size, ArgumentError, () =>
    expected(label, param.name, `at most ${param.size / 4} numbers`, list.length),
  );
  words[numberView(param)].set(list as number[], at + param.offset / 4);
}
