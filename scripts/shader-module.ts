/** The text of src/gpu/shaders.generated.ts: every shader as one constant, what several share written once. */
import { createHash } from "node:crypto";
import { reflect, stripComments } from "../src/gpu/reflect.ts";
import { minify } from "./minify-wgsl.ts";

export interface LinkedShader {
  readonly name: string;
  readonly wgsl: string;
  /** The cost of a dispatch, as expressions of its params and of the bytes bound and written: see `costIn`. */
  readonly cost?: { readonly flops?: string; readonly bytes?: string };
}

/** The cost that a shader's source declares in comments: `// @flops 2 * M * N * K`, `// @bytes 2 * written`. */
export function costIn(source: string): NonNullable<LinkedShader["cost"]> {
  const tagged = [...source.matchAll(/^\/\/ @(flops|bytes) (.+)$/gm)];
  return Object.fromEntries(tagged.map(([, tag, expression]) => [tag, expression]));
}

const literal = (value: unknown) => JSON.stringify(value);
const union = (names: readonly { name: string }[]) => names.map(({ name }) => literal(name)).join(" | ") || "never";

/** Without comments, blank lines, indentation and spaces around punctuation; line breaks stay for compiler messages. */
export function compact(wgsl: string): string {
  return (
    stripComments(wgsl)
      .replace(/\s*\n\s*/g, "\n")
      .replace(/ *([{}()[\],;:*/%^|]|[!<>]=|&&|\|\|) */g, "$1")
      // In `array<f32> = x` the space keeps the bracket from becoming an operator.
      .replace(/(?<!>) *([-+*/%]?={1,2}) */g, "$1")
      .replace(/\s*([{}])\s*/g, "$1\n")
      .replace(/\n(?=\})|(?<=\{)\n/g, "")
      .trim()
  );
}

/** The declarations and directives of compacted WGSL: each ends in `;` or `}` outside all braces. */
export function declarations(wgsl: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < wgsl.length; i++) {
    if (wgsl[i] === "{") depth++;
    if (wgsl[i] === "}") depth--;
    if (depth > 0 || (wgsl[i] !== ";" && wgsl[i] !== "}")) continue;
    found.push(wgsl.slice(start, i + 1).trim());
    start = i + 1;
  }
  return found;
}

/** A conversion of WGSL: to texts whose concatenation it is, declaration by declaration. */
type Squeeze = (
  shaders: readonly string[],
  libraries: readonly string[],
) => { shaders: string[][]; libraries: string[][] };

/** Names and line breaks stay, for compiler messages. */
const readable: Squeeze = (shaders, libraries) => ({ shaders: shaders.map(lines), libraries: libraries.map(lines) });
const lines = (wgsl: string): string[] => declarations(compact(wgsl)).map((text) => `${text}\n`);

/** A TypeScript module with a typed constant per shader, and the texts of `libraries` by name; `minified` for the package. */
export function shaderModule(
  shaders: readonly LinkedShader[],
  libraries: Readonly<Record<string, string>>,
  { minified = false } = {},
): string {
  const squeeze: Squeeze = minified ? minify : readable;
  const parts = squeeze(
    shaders.map(({ wgsl }) => wgsl),
    Object.values(libraries),
  );
  const shared = sharedTexts([...parts.shaders, ...parts.libraries]);
  const constants = shaders.map(({ name, wgsl, cost }, i) => {
    const type = typeOf(wgsl);
    const code = pieces(parts.shaders[i] as string[], shared);
    return `export const ${name}: ${type} = /* @__PURE__ */ linkedShader(${literal(name)}, ${code}${costOf(cost)});\n`;
  });
  const texts = Object.keys(libraries).map((name, i) => {
    const text = pieces(parts.libraries[i] as string[], shared);
    return `/** Text for kernels that are put together at run time. */
export const ${name} = /* @__PURE__ */ ${text}.join("");\n`;
  });
  const chunks = [...new Set(shared.values())].map(({ name, text }) => `const ${name} = ${literal(text)};\n`);
  return `// Written by scripts/link-shaders.ts from shaders/**/*.wgsl; edit those.
import { linkedShader, type Read, type Shader, type Write } from "./shader.ts";

/** A hash of all shaders, for what is remembered of them. */
export const SHADERS = ${literal(hashOf(shaders))};

${chunks.join("")}
${constants.join("\n")}
${texts.join("\n")}`;
}

/** The same for the same text, minified or not. */
function hashOf(shaders: readonly LinkedShader[]): string {
  const text = shaders.map(({ name, wgsl }) => `${name}\n${wgsl}`).join("\n");
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** The argument of linkedShader that declares a cost; empty without one. A name that is no param does not compile. */
function costOf({ flops, bytes }: NonNullable<LinkedShader["cost"]> = {}): string {
  const names = new Set(flops?.match(/[A-Za-z_]\w*/g));
  const fields = [
    ...(flops ? [`flops: ({ ${[...names].join(", ")} }) => ${flops}`] : []),
    ...(bytes ? [`bytes: ({ ${[...new Set(bytes.match(/[A-Za-z_]\w*/g))].join(", ")} }) => ${bytes}`] : []),
  ];
  return fields.length > 0 ? `, { ${fields.join(", ")} }` : "";
}

/** A shader's type: the access, dtype and vector width of each binding, the scalar type and count of each param. */
function typeOf(wgsl: string): string {
  const { bindings, params, overrides } = reflect(wgsl);
  const fields = (list: readonly string[]) => (list.length > 0 ? `{ ${list.join("; ")} }` : "Record<never, never>");
  const bound = bindings.map(({ name, access, type }) => {
    const { dtype, width } = elementOf(name, type, wgsl);
    return `${name}: ${access === "read" ? "Read" : "Write"}<"${dtype}"${width > 1 ? `, ${width}` : ""}>`;
  });
  const values = params.map(
    ({ name, type, size }) => `${name}: ${size === 4 ? `"${type}"` : `["${type}", ${size / 4}]`}`,
  );
  return `Shader<${fields(bound)}, ${fields(values)}, ${union(overrides)}>`;
}

const SCALARS: Record<string, string> = { f: "f32", h: "f16", i: "i32", u: "u32" };

/** The scalar type and vector width of a binding's elements, aliases resolved; a struct of equal scalars counts as a vector. */
function elementOf(name: string, type: string, wgsl: string): { dtype: string; width: number } {
  const element = /^array<(?:atomic<)?(\w+(?:<\w+>)?)>*$/.exec(type)?.[1] ?? type;
  const body = new RegExp(`\\bstruct\\s+${element}\\s*\\{([^}]*)\\}`).exec(wgsl)?.[1];
  const members = body?.match(/:\s*\w+/g)?.map((member) => member.slice(1).trim());
  if (members?.every((member) => member === members[0]))
    return { ...elementOf(name, members[0] as string, wgsl), width: members.length };
  const alias = new RegExp(`\\balias\\s+${element}\\s*=\\s*([^;]+);`).exec(wgsl)?.[1];
  const resolved = (alias ?? element).replace(/\s+/g, "");
  const [, width = "1", letter, scalar = letter && SCALARS[letter]] =
    /^(?:vec([234])(?:([fhiu])|<(\w+)>)|)$/.exec(resolved) ?? [];
  const dtype = scalar ?? resolved;
  if (!Object.values(SCALARS).includes(dtype))
    throw new Error(`binding '${name}': cannot read its element type ${type}`);
  return { dtype, width: Number(width) };
}

interface Shared {
  readonly name: string;
  text: string;
}

/** For each declaration of several shaders, the constant that has it: one for all that are in the same shaders. */
function sharedTexts(modules: readonly (readonly string[])[]): Map<string, Shared> {
  const holders = new Map<string, number[]>();
  modules.forEach((texts, i) => {
    for (const text of texts) holders.set(text, [...(holders.get(text) ?? []), i]);
  });
  const byHolders = new Map<string, Shared>();
  const shared = new Map<string, Shared>();
  for (const [text, list] of holders) {
    // Directives must come first, so each shader has its own.
    if (list.length === 1 || /^(enable|requires|diagnostic)\b/.test(text)) continue;
    const key = list.join();
    const constant = byHolders.get(key) ?? { name: `shared${byHolders.size}`, text: "" };
    constant.text += text;
    byHolders.set(key, constant);
    shared.set(text, constant);
  }
  return shared;
}

/**
 * The shader's own text, then the names of shared constants: an array, since bundlers that drop unused shaders distrust
 * a `+`.
 */
function pieces(parts: readonly string[], shared: ReadonlyMap<string, Shared>): string {
  const own = parts.filter((text) => !shared.has(text)).join("");
  const names = new Set(parts.flatMap((text) => shared.get(text)?.name ?? []));
  return `[${[...(own ? [literal(own)] : []), ...names].join(", ")}]`;
}
