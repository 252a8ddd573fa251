/** Writes dist/: ES modules with types from tsc, and all of them in one minified file for <script type="module">. */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";
import ts from "typescript";
import { linkShaders } from "./link-shaders.ts";
import { shaderModule } from "./shader-module.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
const tsc = join(root, "node_modules/typescript/lib/tsc.js");
const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (status !== 0) process.exit(1);
await minifyShaders();
await build({
  input: join(dist, "index.js"),
  platform: "browser",
  output: {
    file: join(dist, "gradwell.min.js"),
    format: "esm",
    comments: false,
    // Messages and summaries name layers by their classes.
    minify: { compress: true, codegen: true, mangle: { keepNames: { class: true, function: false } } },
    sourcemap: true,
  },
});

/** The package's shaders are for machines; src/ in the package has them for people. */
async function minifyShaders(): Promise<void> {
  const { shaders, libraries } = await linkShaders();
  const text = shaderModule(shaders, libraries, { minified: true });
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    rewriteRelativeImportExtensions: true,
  };
  const { outputText } = ts.transpileModule(text, { compilerOptions });
  const target = join(dist, "gpu/shaders.generated.js");
  writeFileSync(target, outputText);
  rmSync(`${target}.map`);
}
