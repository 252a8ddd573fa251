/** Writes dist/: ES modules with types from tsc, and all of them in one minified file for <script type="module">. */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
const tsc = join(root, "node_modules/typescript/lib/tsc.js");
const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (status !== 0) process.exit(1);
await build({
  input: join(dist, "index.js"),
  platform: "browser",
  output: { file: join(dist, "gradwell.min.js"), format: "esm", minify: true, sourcemap: true },
});
