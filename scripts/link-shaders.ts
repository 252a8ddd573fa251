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

/** The linked shader as one exported constant. */
async function shaderConstant(file: string): Promise<string> {
  const name = basename(file, ".wgsl");
  try {
    const linked = await link({ weslSrc: sources, rootModuleName: `./${file}` });
    const shader = reflect(linked.dest);
    const { bindings, params, overrides } = shader;
    const type = `Shader<${union(bindings)}, ${union(params)}, ${union(overrides)}>`;
    const value = { name, code: compact(linked.dest), ...shader };
    return `export const ${name}: ${type} = ${literal(value)};\n`;
  } catch (error) {
    throw new Error(`shaders/${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** Without comments, blank lines and indentation: they would only weigh in the bundle. */
function compact(wgsl: string): string {
  return stripComments(wgsl)
    .replace(/\s*\n\s*/g, "\n")
    .trim();
}

const results = await Promise.allSettled(kernels.map(shaderConstant));
const constants = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
const failures = results.flatMap((result) => (result.status === "rejected" ? [String(result.reason.message)] : []));
const names = constants.map((text) => /const (\w+)/.exec(text)?.[1]);
const text = `// Written by scripts/link-shaders.ts from shaders/*.wgsl; edit those.
import type { Shader } from "./shader.ts";

${constants.join("\n")}
export const allShaders: readonly Shader[] = [${names.join(", ")}];
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
