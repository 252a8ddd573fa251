/** The text of src/gpu/shaders.generated.ts: every shader as one constant, what several share written once. */
import { reflect, stripComments } from "../src/gpu/reflect.ts";
import { minify } from "./minify-wgsl.ts";

export interface LinkedShader {
  readonly name: string;
  readonly wgsl: string;
}

/** Shorter declarations cost less repeated than named. */
const SHARED_LENGTH = 64;

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
  const shared = sharedNames([...parts.shaders, parts.library]);
  const constants = shaders.map(({ name, wgsl }, i) => {
    const { bindings, params, overrides } = reflect(wgsl);
    const type = `Shader<${union(bindings)}, ${union(params)}, ${union(overrides)}>`;
    const code = pieces(parts.shaders[i] as string[], shared);
    return `export const ${name}: ${type} = /* @__PURE__ */ linkedShader(${literal(name)}, ${code});\n`;
  });
  const chunks = [...shared].map(([text, name]) => `const ${name} = ${literal(text)};\n`);
  return `// Written by scripts/link-shaders.ts from shaders/*.wgsl; edit those.
import { linkedShader, type Shader } from "./shader.ts";

${chunks.join("")}
${constants.join("\n")}
/** Shared functions as text, for kernels that are put together at run time (ops/elementwise-shader.ts). */
export const mathLibrary = /* @__PURE__ */ ${pieces(parts.library, shared)}.join("");
`;
}

/** A constant's name for each declaration that several shaders hold. */
function sharedNames(shaders: readonly (readonly string[])[]): Map<string, string> {
  const counts = new Map<string, number>();
  for (const text of shaders.flat()) counts.set(text, (counts.get(text) ?? 0) + 1);
  const repeated = [...counts].filter(([text, count]) => count > 1 && text.length >= SHARED_LENGTH);
  return new Map(repeated.map(([text], i) => [text, `shared${i}`]));
}

/** Literals and names of shared constants. An array, since bundlers that drop unused shaders distrust a `+`. */
function pieces(parts: readonly string[], shared: ReadonlyMap<string, string>): string {
  const terms: string[] = [];
  let own = "";
  for (const part of parts) {
    const name = shared.get(part);
    if (!name) {
      own += part;
      continue;
    }
    if (own) terms.push(literal(own));
    terms.push(name);
    own = "";
  }
  if (own) terms.push(literal(own));
  return `[${terms.join(", ")}]`;
}
