/** Links every shader of shaders/ with what it imports, and writes them with their reflection as one typed module. */
import { readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { link } from "wesl/core";
import { reflect, stripComments } from "../src/gpu/reflect.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "shaders");
const target = join(root, "src/gpu/shaders.generated.ts");

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".wgsl"))
  .sort();
const sources = Object.fromEntries(
  files.map((file) => [`./${file.replaceAll("\\", "/")}`, readFileSync(join(source, file), "utf8")]),
);
const kernels = files.filter((file) => basename(file) === file);
const literal = (value: unknown) => JSON.stringify(value);
const union = (names: readonly { name: string }[]) => names.map(({ name }) => literal(name)).join(" | ") || "never";

/** The linked shader as an exported constant; a second, `<name>_vec4`, where lib/element.wgsl makes it another program. */
async function shaderConstants(file: string): Promise<string> {
  const name = basename(file, ".wgsl");
  try {
    const [single, vec4] = (await Promise.all([false, true].map((VEC4) => linked(file, { VEC4 })))) as [string, string];
    return shaderConstant(name, single) + (vec4 === single ? "" : `\n${shaderConstant(`${name}_vec4`, vec4)}`);
  } catch (error) {
    throw new Error(`shaders/${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

async function linked(file: string, conditions: Record<string, boolean>): Promise<string> {
  return (await link({ weslSrc: sources, rootModuleName: `./${file}`, conditions })).dest;
}

function shaderConstant(name: string, wgsl: string): string {
  const shader = reflect(wgsl);
  const { bindings, params, overrides } = shader;
  const type = `Shader<${union(bindings)}, ${union(params)}, ${union(overrides)}>`;
  return `export const ${name}: ${type} = ${literal({ name, code: compact(wgsl), ...shader })};\n`;
}

/** Without comments, blank lines and indentation: they would only weigh in the bundle. */
function compact(wgsl: string): string {
  return stripComments(wgsl)
    .replace(/\s*\n\s*/g, "\n")
    .trim();
}

const results = await Promise.allSettled(kernels.map(shaderConstants));
const constants = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
const failures = results.flatMap((result) => (result.status === "rejected" ? [String(result.reason.message)] : []));
const names = constants.flatMap((text) => [...text.matchAll(/^export const (\w+)/gm)].map((match) => match[1]));
const text = `// Written by scripts/link-shaders.ts from shaders/*.wgsl; edit those.
import type { Shader } from "./shader.ts";

${constants.join("\n")}
export const allShaders: readonly Shader[] = [${names.join(", ")}];

/** Shared functions as text, for kernels that are put together at run time (ops/elementwise-kernel.ts). */
export const mathLibrary = ${literal(compact(["activation", "math", "index"].map((stem) => sources[`./lib/${stem}.wgsl`]).join("\n")))};
`;
// Renamed into place, so that a reader never sees half a file.
const draft = `${target}.${process.pid}.tmp`;
writeFileSync(draft, text);
// With shaders missing it must stay older than its sources, or the next set-up would take it for complete.
if (failures.length > 0) utimesSync(draft, 0, 0);
renameSync(draft, target);
for (const failure of failures) console.error(failure);
process.exitCode = failures.length > 0 ? 1 : 0;
console.log(`linked ${names.length} shaders into ${relative(root, target)} (${Math.round(text.length / 1024)} KiB)`);
