/** The programs of the portable archive, bundled from the benchmark and from the tests themselves. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "rolldown";
import { commit } from "../gpu/commit.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const here = join(root, "scripts/portable");
const resolve = { conditionNames: ["source", "node", "import"], alias: { vitest: join(here, "vitest.ts") } };

/** Whose tests need no other files, no browser and no further processes. */
const TESTED = ["autograd", "capture", "nn", "ops", "optim", "tensor"];

/** Self-test, benchmark with its child processes, and the GPU day. */
export async function bundlePrograms(dir: string): Promise<void> {
  const bench = join(root, "demos/bench");
  writeFileSync(join(dir, "commit.txt"), `${commit()}\n`);
  await build({
    input: {
      selftest: join(here, "selftest.ts"),
      bench: join(bench, "main.ts"),
      gpu: join(root, "scripts/gpu/main.ts"),
      child: join(bench, "child.ts"),
      cold: join(bench, "cold.ts"),
      "family-child": join(bench, "families/child.ts"),
      "family-cold": join(bench, "families/cold.ts"),
    },
    platform: "node",
    transform: { target: "node20" },
    resolve,
    external: ["webgpu", "rolldown", /^@tensorflow\//, /^@jax-js\//],
    plugins: [testFiles, goldenFiles],
    // Error messages and summaries say the names of classes.
    output: {
      dir,
      format: "esm",
      entryFileNames: "[name].mjs",
      chunkFileNames: "[name]-[hash].mjs",
      minify: true,
      keepNames: true,
    },
    logLevel: "warn",
  });
}

/** Bundles the program that runs before anything is unpacked. */
export async function bundleStart(dir: string): Promise<void> {
  const input = { start: join(here, "start.ts") };
  await build({
    input,
    platform: "node",
    transform: { target: "node20" },
    resolve,
    output: { dir, format: "esm", entryFileNames: "[name].mjs" },
  });
}

/** `portable:tests`: a loader for each test file, by name. */
const testFiles: Plugin = {
  name: "test-files",
  resolveId: (id) => (id === "portable:tests" ? id : null),
  load(id) {
    if (id !== "portable:tests") return null;
    const files = TESTED.flatMap((area) => {
      const names = readdirSync(join(root, "test", area)).filter((file) => file.endsWith(".test.ts"));
      return names.sort().map((file) => `${area}/${file}`);
    });
    const loaders = files.map((file) => `${literal(file)}: () => import(${literal(join(root, "test", file))})`);
    return `export default { ${loaders.join(",\n")} };`;
  },
  // package.json says that modules do nothing by being loaded; tests do.
  transform: (_, id) => (id.endsWith(".test.ts") ? { moduleSideEffects: true } : null),
};

const golden = join(root, "test/golden/data");

/** Golden values are imported under computed names, which a bundler cannot follow: they are all listed for it. */
const goldenFiles: Plugin = {
  name: "golden-files",
  transform(code, id) {
    if (!id.endsWith("/test/support/golden.ts")) return null;
    const dynamic = /import\([^;]*?\.json`\s*\)/;
    if (!dynamic.test(code))
      throw new Error("test/support/golden.ts no longer imports its files as portable/programs.ts expects");
    const areas = readdirSync(golden).map((file) => `${literal(file)}: () => import(${literal(join(golden, file))})`);
    return code.replace(dynamic, `({ ${areas.join(", ")} })[area + ".json"]()`);
  },
};

function literal(text: string): string {
  return JSON.stringify(text);
}
