/** Links every shader of shaders/ with what it imports, and writes them with their reflection as one typed module. */
import { readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { link } from "wesl/core";
import { costIn, type LinkedShader, shaderModule } from "./shader-module.ts";
import { unroll } from "./unroll-wgsl.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "shaders");
const target = join(root, "src/gpu/shaders.generated.ts");

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".wgsl"))
  .sort();
const sources = Object.fromEntries(
  files.map((file) => [`./${file.replaceAll("\\", "/")}`, unroll(readFileSync(join(source, file), "utf8"))]),
);
/** Every file is a kernel but those of lib/, which others import. */
const kernels = files.filter((file) => dirname(file) !== "lib");
/** Text for kernels that are put together at run time: by exported name, the files of lib/ in it, each of which sees the others. */
const LIBRARIES = {
  mathLibrary: ["elementary", "activation", "math", "index"],
  optimizerLibrary: ["index", "optimizer"],
};
const IMPORTS = /^import .*$/gm;
const CONDITIONS = ["VEC4", "HALF", "SUBGROUPS"];
/** The conditions of each variant of a kernel, fewest first. */
const VARIANTS = [[], ["VEC4"], ["HALF"], ["SUBGROUPS"], ["VEC4", "HALF"]];

/**
 * The linked shader, and its variants where their conditions make another program: `<name>_vec4` (see lib/element.wgsl),
 * `<name>_half`, `<name>_vec4_half`, `<name>_subgroups`.
 */
async function linkAll(file: string): Promise<LinkedShader[]> {
  const name = basename(file, ".wgsl");
  const cost = costIn(sources[`./${file.replaceAll("\\", "/")}`] as string);
  const variant = async (conditions: readonly string[]): Promise<LinkedShader> => ({
    name: [name, ...conditions.map((condition) => condition.toLowerCase())].join("_"),
    wgsl: await linked(
      file,
      Object.fromEntries(CONDITIONS.map((condition) => [condition, conditions.includes(condition)])),
    ),
    cost,
  });
  try {
    const all = await Promise.all(VARIANTS.map(variant));
    return all.filter(({ wgsl }, i) => all.findIndex((one) => one.wgsl === wgsl) === i);
  } catch (error) {
    throw new Error(`shaders/${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

async function linked(file: string, conditions: Record<string, boolean>): Promise<string> {
  return (await link({ weslSrc: sources, rootModuleName: `./${file.replaceAll("\\", "/")}`, conditions })).dest;
}

/** Links every shader; returns those that link, the text that kernels made at run time are put together with, and what failed. */
export async function linkShaders(): Promise<{
  shaders: LinkedShader[];
  libraries: Record<string, string>;
  failures: string[];
}> {
  const results = await Promise.allSettled(kernels.map(linkAll));
  const shaders = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  const failures = results.flatMap((result) => (result.status === "rejected" ? [String(result.reason.message)] : []));
  const textOf = (stem: string) => (sources[`./lib/${stem}.wgsl`] as string).replace(IMPORTS, "");
  const texts = Object.entries(LIBRARIES).map(([name, stems]) => [name, stems.map(textOf).join("\n")]);
  return { shaders, libraries: Object.fromEntries(texts), failures };
}

async function writeModule(): Promise<void> {
  const { shaders, libraries, failures } = await linkShaders();
  const text = shaderModule(shaders, libraries);
  // Renamed into place, so that a reader never sees half a file.
  const draft = `${target}.${process.pid}.tmp`;
  writeFileSync(draft, text);
  // With shaders missing it must stay older than its sources, or the next set-up would take it for complete.
  if (failures.length > 0) utimesSync(draft, 0, 0);
  renameSync(draft, target);
  for (const failure of failures) console.error(failure);
  process.exitCode = failures.length > 0 ? 1 : 0;
  console.log(
    `linked ${shaders.length} shaders into ${relative(root, target)} (${Math.round(text.length / 1024)} KiB)`,
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await writeModule();
