/** A shader as known without compiling it: its code, and the names, access and types of what it binds. */

import type { BufferSlice, ElementType } from "./buffer-pool.ts";
import { type Access, type Param, type Reflection, reflect } from "./reflect.ts";

/** A storage buffer that a kernel binds: its access, the scalar type of its elements and how many of these a load takes. */
export interface BindingType {
  readonly access: Exclude<Access, "uniform">;
  readonly dtype: ElementType;
  readonly width: number;
}
export type Read<D extends ElementType, W extends number = 1> = { access: "read"; dtype: D; width: W };
export type Write<D extends ElementType, W extends number = 1> = { access: "read_write"; dtype: D; width: W };

/** A param's type: a scalar, or n numbers (a vector, or an array of vectors). */
export type ParamType = Param["type"] | readonly [Param["type"], number];

type Bindings = Readonly<Record<string, BindingType>>;
type Params = Readonly<Record<string, ParamType>>;

/** A kernel's declared cost, where it is not what its bindings say. Params are given by name. */
export interface Cost<P extends string = string> {
  /** Multiplications and additions of a dispatch. */
  readonly flops?: (params: Readonly<Record<P, number>>) => number;
  /** Bytes moved by a dispatch; default the bytes bound. */
  readonly bytes?: (slices: { readonly bound: number; readonly written: number }) => number;
}

/** A compute shader with bindings B, params P and override names O: an argument that does not fit does not compile. */
export interface Shader<B extends Bindings = Bindings, P extends Params = Params, O extends string = string>
  extends Reflection {
  readonly name: string;
  readonly code: string;
  readonly cost?: Cost;
  /** Never present: carries the types. */
  readonly types?: { readonly bindings: B; readonly params: P; readonly overrides: O };
}

/** The value of a param: a scalar, or the components of a vector or array in order. */
export type ParamValue = number | readonly number[];

type SliceFor<T extends BindingType> = T extends { access: "read" }
  ? BufferSlice<T["dtype"], "read" | "read_write">
  : BufferSlice<T["dtype"], "read_write">;
type ValueFor<T extends ParamType> = T extends string ? number : readonly number[];

/** Exactly one slice per binding, of its dtype and access, and one value per param of shader S. */
export type RunArgs<S extends Shader> =
  S extends Shader<infer B, infer P, string>
    ? { readonly [K in keyof B]: SliceFor<B[K]> } & { readonly [K in keyof P]: ValueFor<P[K]> }
    : never;

/** The override constants that shader S knows, each optional: the shader has defaults. */
export type OverridesOf<S extends Shader> =
  S extends Shader<Bindings, Params, infer O> ? { readonly [K in O]?: number | boolean } : never;

/** A shader of the library, of pieces that it may share with others; read when first run, so that a bundle carries the code alone. */
export function linkedShader<B extends Bindings, P extends Params, O extends string>(
  name: string,
  pieces: readonly string[],
  cost?: Cost<keyof P & string>,
): Shader<B, P, O> {
  const code = pieces.join("");
  let known: Reflection | undefined;
  const read = (): Reflection => {
    known ??= reflect(code);
    return known;
  };
  return {
    name,
    code,
    ...(cost && { cost: cost as Cost }),
    get entry() {
      return read().entry;
    },
    get bindings() {
      return read().bindings;
    },
    get paramsBinding() {
      return read().paramsBinding;
    },
    get params() {
      return read().params;
    },
    get paramsBytes() {
      return read().paramsBytes;
    },
    get overrides() {
      return read().overrides;
    },
    get workgroupSize() {
      return read().workgroupSize;
    },
    get enables() {
      return read().enables;
    },
  };
}
