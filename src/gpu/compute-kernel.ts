/** A kernel: a shader with its overrides, made into a pipeline once, with bind groups that are made once per set of buffers. */
import { ArgumentError, check, expected, ValidationError } from "../errors.ts";
import type { BufferSlice } from "./buffer-pool.ts";
import { PackedArgs } from "./packed-args.ts";
import type { Param } from "./reflect.ts";
import type { Shader } from "./shader.ts";
import type { ParamWords, UniformArena, UniformSlot } from "./uniform-arena.ts";

/** Arguments by name: a slice for each binding, a number (or several) for each param. */
export type NamedArgs = Readonly<Record<string, BufferSlice | number | readonly number[]>>;
export type KernelArgs = NamedArgs | PackedArgs;
/** Gives the params that change from one replay of a capture to the next, by name. */
export type Refresh = () => Readonly<Record<string, number | readonly number[]>>;
export type OverrideValues = Readonly<Record<string, number | boolean | undefined>>;

const COMPUTE = 0x4;

/** More cached bind groups than this are forgotten together: shapes that never repeat must not grow the heap. */
const MAX_BIND_GROUPS = 512;

/** Buffers bound together, with the uniform slot of their params. */
export interface CachedBindGroup {
  readonly group: GPUBindGroup;
  readonly slot: UniformSlot | undefined;
}

export class ComputeKernel {
  readonly label: string;
  readonly shader: Shader;
  #pipeline: GPUComputePipeline | undefined;
  readonly #gpu: GPUDevice;
  readonly #layout: GPUBindGroupLayout;
  readonly #descriptor: GPUComputePipelineDescriptor;
  /** Cached by the buffers' slices: one for each content of the params that a single submit needs. */
  readonly #bound = new Map<string, CachedBindGroup[]>();
  #boundCount = 0;
  #generation = 0;

  constructor(gpu: GPUDevice, shader: Shader, overrides: OverrideValues, module: GPUShaderModule) {
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
  slices(args: KernelArgs): readonly BufferSlice[] {
    if (args instanceof PackedArgs) return args.slices;
    return this.shader.bindings.map(({ name }) => {
      const slice = args[name];
      if (typeof slice === "object" && "buffer" in slice) return slice;
      throw new ArgumentError(expected(this.label, name, "a buffer for this binding", slice));
    });
  }

  /** Writes the params of `args` into `words` at word `at`. */
  pack(args: KernelArgs, words: ParamWords, at: number): void {
    if (args instanceof PackedArgs) {
      args.pack(words, at);
      return;
    }
    for (const param of this.shader.params) packParam(this.label, param, args[param.name], words, at);
  }

  /** Writes the params that `changed` has over those that were packed into `words` at word `at`. */
  repack(changed: ReturnType<Refresh>, words: ParamWords, at: number): void {
    for (const param of this.shader.params) {
      const value = changed[param.name];
      if (value !== undefined) packParam(this.label, param, value, words, at);
    }
  }

  /**
   * These slices bound, with the params in `arena.next`, for the submit being recorded. Cached until the pool destroys
   * buffers.
   */
  bound(slices: readonly BufferSlice[], arena: UniformArena, submit: number, generation: number): CachedBindGroup {
    if (generation !== this.#generation || this.#boundCount > MAX_BIND_GROUPS) this.#forget(arena, generation);
    let key = "";
    for (const { buffer, offset, size } of slices) key += `${buffer.id}:${offset}:${size},`;
    const known = this.#bound.get(key) ?? [];
    if (known.length === 0) this.#bound.set(key, known);
    const bound = known.find(({ slot }) => !slot || arena.holds(slot)) ?? this.#rewritten(known, arena, submit);
    if (bound) {
      if (bound.slot) bound.slot.lastUse = submit;
      return bound;
    }
    const added = this.#bind(slices, arena, submit);
    known.push(added);
    return added;
  }

  /** One of these with the params written anew, if there is one that the submit being recorded does not use. */
  #rewritten(known: readonly CachedBindGroup[], arena: UniformArena, submit: number): CachedBindGroup | undefined {
    const idle = known.find(({ slot }) => slot && slot.lastUse < submit);
    if (idle?.slot) arena.write(idle.slot);
    return idle;
  }

  #bind(slices: readonly BufferSlice[], arena: UniformArena, submit: number): CachedBindGroup {
    this.#boundCount++;
    const { paramsBytes } = this.shader;
    const slot = paramsBytes > 0 ? arena.take(paramsBytes / 4, submit) : undefined;
    return { slot, group: this.makeBindGroup(slices, slot?.page.gpu, (slot?.at ?? 0) * 4) };
  }

  #forget(arena: UniformArena, generation: number): void {
    for (const list of this.#bound.values()) for (const { slot } of list) if (slot) arena.give(slot);
    this.#bound.clear();
    this.#boundCount = 0;
    this.#generation = generation;
  }

  /** `uniform` has the params from byte `at` on. */
  makeBindGroup(slices: readonly BufferSlice[], uniform: GPUBuffer | undefined, at: number): GPUBindGroup {
    this.#checkOverlap(slices);
    const entries: GPUBindGroupEntry[] = this.shader.bindings.map(({ binding }, i) => {
      const { buffer, offset, size } = slices[i] as BufferSlice;
      return { binding, resource: { buffer: buffer.gpu, offset, size } };
    });
    const { paramsBinding, paramsBytes } = this.shader;
    if (paramsBinding !== undefined && uniform)
      entries.push({ binding: paramsBinding, resource: { buffer: uniform, offset: at, size: paramsBytes } });
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
    const buffer = { type: "uniform", minBindingSize: shader.paramsBytes } as const;
    entries.push({ binding: shader.paramsBinding, visibility, buffer });
  }
  return entries;
}

function constantsOf(overrides: OverrideValues): Record<string, number> {
  const constants: Record<string, number> = {};
  for (const [name, value] of Object.entries(overrides)) if (value !== undefined) constants[name] = Number(value);
  return constants;
}

function packParam(label: string, param: Param, value: unknown, words: ParamWords, at: number): void {
  if (typeof value === "number") {
    words[param.type][at + param.offset / 4] = value;
    return;
  }
  check(Array.isArray(value) || ArrayBuffer.isView(value), ArgumentError, () =>
    expected(label, param.name, `a number or a list of numbers for this param (${param.type})`, value),
  );
  const list = value as ArrayLike<number>;
  check(list.length * 4 <= param.size, ArgumentError, () =>
    expected(label, param.name, `at most ${param.size / 4} numbers`, list.length),
  );
  // An array or a view of one, as checked above.
  words[param.type].set(list as number[], at + param.offset / 4);
}
