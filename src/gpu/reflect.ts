/** Reads from plain WGSL what the runtime must know to bind it: buffers, the params' layout, overrides, the entry. */
import { GradwellError } from "../errors.ts";

export type Access = "uniform" | "read" | "read_write";
export interface Binding<N extends string = string> {
  readonly name: N;
  readonly binding: number;
  readonly access: Access;
  readonly type: string;
}
export interface Param<N extends string = string> {
  readonly name: N;
  /** The scalar type of the components. */
  readonly type: "u32" | "i32" | "f32";
  readonly offset: number;
  /** Bytes in all: 4 per component, 16 per element of an array. */
  readonly size: number;
  /** Elements of an array of vec4. */
  readonly count?: number;
}
export interface Override<N extends string = string> {
  readonly name: N;
  readonly type: string;
  readonly default?: number | boolean;
  /** Its default is computed from other overrides. */
  readonly computed?: true;
}
export interface Reflection {
  readonly entry: string;
  /** Storage and uniform buffers in order of their binding number; the params' uniform is not among them. */
  readonly bindings: readonly Binding[];
  /** The binding number of the uniform that holds the params, when there is one. */
  readonly paramsBinding?: number;
  readonly params: readonly Param[];
  /** Size of the params' struct in bytes, 0 without params. */
  readonly paramsBytes: number;
  readonly overrides: readonly Override[];
  /** The entry's workgroup size as written: numbers, or names of overrides. */
  readonly workgroupSize: readonly (number | string)[];
  /** WGSL extensions that the device must have: `f16`, `subgroups`. */
  readonly enables: readonly string[];
}

/** WGSL without comments, line breaks kept so that compiler messages keep their lines. Block comments nest. */
export function stripComments(wgsl: string): string {
  let depth = 0;
  let inLine = false;
  return wgsl.replace(/\/\/|\/\*|\*\/|\n|[^\n/*]+|./g, (token) => {
    if (token === "\n") inLine = false;
    else if (inLine) return "";
    else if (token === "//" && depth === 0) inLine = true;
    else if (token === "/*") depth++;
    else if (token === "*/" && depth > 0) return --depth === 0 ? " " : "";
    return token === "\n" || (depth === 0 && !inLine) ? token : "";
  });
}

const fail = (message: string): never => {
  throw new GradwellError(`shader: ${message}`);
};

/** All that the runtime needs to know of a compute shader. GradwellError where the WGSL is outside what it reads. */
export function reflect(wgsl: string): Reflection {
  const code = stripComments(wgsl);
  const all = bindingsOf(code);
  const uniforms = all.filter((binding) => binding.access === "uniform");
  if (uniforms.length > 1) fail(`one uniform binding expected, got ${uniforms.map((u) => u.name).join(", ")}`);
  const uniform = uniforms[0];
  const layout = uniform ? structLayout(code, uniform.type) : { params: [], paramsBytes: 0 };
  return {
    ...entryOf(code),
    bindings: all.filter((binding) => binding !== uniform),
    ...(uniform && { paramsBinding: uniform.binding }),
    ...layout,
    overrides: overridesOf(code),
    enables: [...code.matchAll(/\benable\s+([\w\s,]+);/g)].flatMap((m) => (m[1] as string).trim().split(/\s*,\s*/)),
  };
}

function bindingsOf(code: string): Binding[] {
  const found: Binding[] = [];
  const variables = code.matchAll(/((?:@\w+\s*\([^)]*\)\s*)+)var\s*(?:<([^>]*)>)?\s*(\w+)\s*:\s*([^;]+);/g);
  for (const [, attributes = "", space = "", name = "", type = ""] of variables) {
    const group = /@group\s*\(\s*(\d+)\s*\)/.exec(attributes)?.[1];
    const binding = /@binding\s*\(\s*(\d+)\s*\)/.exec(attributes)?.[1];
    if (group !== "0" || binding === undefined) fail(`'${name}' must be in @group(0) with a literal @binding`);
    const words = space.split(",").map((word) => word.trim());
    const access = words[0] === "storage" ? (words[1] ?? "read") : words[0];
    if (access !== "uniform" && access !== "read" && access !== "read_write")
      fail(`'${name}' must be var<uniform>, var<storage, read> or var<storage, read_write>, got var<${space}>`);
    found.push({ name, binding: Number(binding), access: access as Access, type: type.replace(/\s+/g, "") });
  }
  const twice = found.find((a) => found.some((b) => a !== b && (a.binding === b.binding || a.name === b.name)));
  if (twice) fail(`binding ${twice.binding} ('${twice.name}') is declared twice`);
  return found.sort((a, b) => a.binding - b.binding);
}

/** Offsets by WGSL's uniform layout rules: scalars and vectors align to their size, a vec3 to a vec4's. */
function structLayout(code: string, type: string): { params: Param[]; paramsBytes: number } {
  const body = new RegExp(`\\bstruct\\s+${type}\\s*\\{([^}]*)\\}`).exec(code)?.[1];
  if (body === undefined) return fail(`the uniform binding must have a struct type, got '${type}'`);
  let end = 0;
  let structAlign = 4;
  // Commas inside array<vec4u, 4> do not part members.
  const members = body.split(/,(?![^<]*>)/).filter((member) => member.trim());
  const params = members.map((member): Param => {
    const [, name = "", memberType = ""] = /^\s*(\w+)\s*:(.+)$/s.exec(member) ?? fail(`cannot read param '${member}'`);
    const { align, ...layout } = typeLayout(name, memberType.replace(/\s+/g, ""));
    const offset = Math.ceil(end / align) * align;
    end = offset + layout.size;
    structAlign = Math.max(structAlign, align);
    return { name, type: layout.type, offset, size: layout.size, ...(layout.count && { count: layout.count }) };
  });
  return { params, paramsBytes: Math.ceil(end / structAlign) * structAlign };
}

type TypeLayout = Pick<Param, "type" | "size" | "count"> & { align: number };

function typeLayout(name: string, type: string): TypeLayout {
  const [, width, scalar, element, length] =
    /^(?:vec([234])<?)?([fiu](?:32)?)>?$|^array<(.+),(\d+)u?>$/.exec(type) ?? [];
  if (element) {
    const vec4 = typeLayout(name, element);
    return vec4.size === 16 ? { ...vec4, size: 16 * Number(length), count: Number(length) } : notAParam(name, type);
  }
  if (!scalar || (scalar.length === 1 && !width)) return notAParam(name, type);
  const components = Number(width ?? 1);
  return {
    type: `${scalar[0]}32` as Param["type"],
    size: 4 * components,
    align: 4 * (components === 3 ? 4 : components),
  };
}

const notAParam = (name: string, type: string): never =>
  fail(`param '${name}' must be a scalar, a vector or an array of vec4, of f32, i32 or u32, got ${type}`);

function overridesOf(code: string): Override[] {
  const matches = code.matchAll(/\boverride\s+(\w+)\s*(?::\s*(\w+))?\s*(?:=\s*([^;]+))?;/g);
  return [...matches].map(([, name = "", type, value]) => {
    const text = value?.trim();
    const known = text === "true" || text === "false" ? text === "true" : Number(text?.replace(/[iufh]$/, ""));
    const literal = typeof known === "boolean" || !Number.isNaN(known);
    const guess = typeof known === "boolean" ? "bool" : /[.f]/.test(text ?? "") ? "f32" : "i32";
    const open = text === undefined ? {} : literal ? { default: known } : ({ computed: true } as const);
    return { name, type: type ?? guess, ...open };
  });
}

function entryOf(code: string): { entry: string; workgroupSize: (number | string)[] } {
  const functions = [...code.matchAll(/((?:@\w+\s*(?:\([^)]*\)\s*)?)+)fn\s+(\w+)/g)];
  const entries = functions.filter((match) => /@compute\b/.test(match[1] ?? ""));
  const main = entries.length === 1 ? entries[0] : entries.find((match) => match[2] === "main");
  if (!main) return fail(entries.length ? "several @compute entries, none named 'main'" : "no @compute entry found");
  const size = /@workgroup_size\s*\(([^)]*)\)/.exec(main[1] ?? "")?.[1];
  if (size === undefined) return fail(`entry '${main[2]}' has no @workgroup_size`);
  const parts = size.split(",").map((part) => part.trim());
  const workgroupSize = parts
    .filter(Boolean)
    .map((part) => (/^\d+[iu]?$/.test(part) ? Number.parseInt(part, 10) : part));
  return { entry: main[2] as string, workgroupSize };
}
