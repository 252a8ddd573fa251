/** What is known of a shader without compiling it: its code, and the names, places and types of what it binds. */

import type { BufferSlice } from "./buffer-pool.ts";
import { type Binding, type Override, type Param, type Reflection, reflect } from "./reflect.ts";

/** A compute shader with binding names B, param names P and override names O: a misspelt name does not compile. */
export interface Shader<B extends string = string, P extends string = string, O extends string = string> {
  readonly name: string;
  readonly code: string;
  readonly entry: string;
  /** Storage and uniform buffers in order of their binding number; the params' uniform is not among them. */
  readonly bindings: readonly Binding<B>[];
  /** The binding number of the uniform that holds the params, when there is one. */
  readonly paramsBinding?: number;
  readonly params: readonly Param<P>[];
  /** Size of the params' struct in bytes, 0 without params. */
  readonly paramsBytes: number;
  readonly overrides: readonly Override<O>[];
  /** The entry's workgroup size as written: numbers, or names of overrides. */
  readonly workgroupSize: readonly (number | string)[];
  /** WGSL extensions that the device must have: `f16`, `subgroups`. */
  readonly enables: readonly string[];
}

/** The value of a param: a scalar, or the components of a vector or array in order. */
export type ParamValue = number | readonly number[];

/** Exactly one slice per binding and one value per param of shader S. */
export type RunArgs<S extends Shader> =
  S extends Shader<infer B, infer P, string>
    ? { readonly [K in B]: BufferSlice } & { readonly [K in P]: ParamValue }
    : never;

/** The override constants that shader S knows, each optional: the shader has defaults. */
export type Overrides<S extends Shader> =
  S extends Shader<string, string, infer O> ? { readonly [K in O]?: number | boolean } : never;

/** A shader of the library, of pieces that it may share with others; read when first run, so that a bundle carries the code alone. */
export function linkedShader<S extends Shader>(name: string, pieces: readonly string[]): S {
  const code = pieces.join("");
  let known: Reflection | undefined;
  const read = (): Reflection => {
    known ??= reflect(code);
    return known;
  };
  const shader: Shader = {
    name,
    code,
    get entry() {
      return read().entry;
    },
    get bindings() {
      return read().bindings;
    },
    get paramsBinding() {
      return read().paramsBinding as number;
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
  return shader as S;
}
