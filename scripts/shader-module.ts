/** The text of src/gpu/shaders.generated.ts: every shader as one constant, what several share written once. */
import { reflect, stripComments } from "../src/gpu/reflect.ts";
import { minify } from "./minify-wgsl.ts";

export interface LinkedShader {
  readonly name: string;
  readonly wgsl: string;
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

/** What becomes of WGSL: texts whose concatenation it is, declaration by declaration. */
type Squeeze = (shaders: readonly string[], library: string) => { shaders: string[][]; library: string[] };

/** Names and line breaks stay, for compiler messages. */
const readable: Squeeze = (shaders, library) => ({ shaders: shaders.map(lines), library: lines(library) });
const lines = (wgsl: string): string[] => declarations(compact(wgsl)).map((text) => `${text}\n`);

/** A TypeScript module with a typed constant per shader and the text of `library` as `mathLibrary`; `minified` for the package. */
export function shaderModule(shaders: readonly LinkedShader[], library: string, { minified = false } = {}): string {
  const squeeze: Squeeze = minified ? minify : readable;
  const parts = squeeze(
    shaders.map(({ wgsl }) => wgsl),
    library,
  );
  const shared = sharedTexts([...parts.shaders, parts.library]);
  const constants = shaders.map(({ name, wgsl }, i) => {
    const { bindings, params, overrides } = reflect(wgsl);
    const type = `Shader<${union(bindings)}, ${union(params)}, ${union(overrides)}>`;
    const code = pieces(parts.shaders[i] as string[], shared);
    return `export const ${name}: ${type} = /* @__PURE__ */ linkedShader(${literal(name)}, ${code});\n`;
  });
  const chunks = [...new Set(shared.values())].map(({ name, text }) => `const ${name} = ${literal(text)};\n`);
  return `// Written by scripts/link-shaders.ts from shaders/**/*.wgsl; edit those.
import { linkedShader, type Shader } from "./shader.ts";

${chunks.join("")}
${constants.join("\n")}
/** Shared functions as text, for kernels that are put together at run time (kernels/elementwise/shader.ts). */
export const mathLibrary = /* @__PURE__ */ ${pieces(parts.library, shared)}.join("");
`;
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

/** What is the shader's own, then the names of shared constants: an array, since bundlers that drop unused shaders distrust a `+`. */
function pieces(parts: readonly string[], shared: ReadonlyMap<string, Shared>): string {
  const own = parts.filter((text) => !shared.has(text)).join("");
  const names = new Set(parts.flatMap((text) => shared.get(text)?.name ?? []));
  return `[${[...(own ? [literal(own)] : []), ...names].join(", ")}]`;
}
