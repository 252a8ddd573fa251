/** Bundles the programs of the child processes into dist/, where they start at once and find the peers' packages. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Returns the folder of child.mjs, cold.mjs, steady.mjs and the families' two: beside this file when it is part of a bundle itself. */
export async function childPrograms(): Promise<string> {
  if (existsSync(join(here, "child.mjs"))) return here;
  const { build } = await import("rolldown");
  const dir = join(here, "dist");
  await build({
    input: {
      child: join(here, "child.ts"),
      cold: join(here, "cold.ts"),
      steady: join(here, "steady.ts"),
      "family-child": join(here, "families/child.ts"),
      "family-cold": join(here, "families/cold.ts"),
    },
    platform: "node",
    transform: { target: "node20" },
    resolve: { conditionNames: ["source", "node", "import"] },
    external: ["webgpu", /^@tensorflow\//, /^@jax-js\//],
    output: { dir, format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "[name]-[hash].mjs" },
    logLevel: "warn",
  });
  return dir;
}
