import { execFileSync } from "node:child_process";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, inject, it } from "vitest";

const folder = inject("project");
const tsc = fileURLToPath(new URL("../../node_modules/typescript/lib/tsc.js", import.meta.url));

/** What a Node program of the project prints. */
function runNode(args: string[], env: Record<string, string> = {}): string {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  return execFileSync(process.execPath, args, { cwd: folder, env: { ...inherited, ...env }, encoding: "utf8" });
}

it("packs the library, its sources and nothing else", () => {
  const files = execFileSync("tar", ["tzf", inject("tarball")], { encoding: "utf8" })
    .trim()
    .split("\n");
  const kinds = new Set(files.map((file) => file.replace(/^package\//, "").replace(/\/.*/, "/")));
  expect([...kinds].filter((kind) => kind !== "README.md").sort()).toEqual(
    ["CHANGELOG.md", "LICENSE", "dist/", "package.json", "shaders/", "src/"].sort(),
  );
  expect(files).toContain("package/dist/gradwell.min.js");
  expect(files).toContain("package/dist/gpu/adapter.browser.js");
  expect(files).toContain("package/src/gpu/shaders.generated.ts");
});

it("trains in a Node script", () => {
  const { first, last } = JSON.parse(runNode(["node.js"]));
  expect(first).toBeGreaterThan(0.4);
  expect(last).toBeLessThan(0.1);
});

it("says what is missing where npm webgpu is not installed", () => {
  const installed = join(folder, "node_modules/webgpu");
  const program = `import { init } from "gradwell"; await init().catch((error) => console.log(error.name, error.message))`;
  renameSync(installed, `${installed}-away`);
  try {
    expect(runNode(["--input-type=module", "-e", program])).toMatch(/NoAdapterError.*webgpu/s);
  } finally {
    renameSync(`${installed}-away`, installed);
  }
});

it("type-checks in a project with TypeScript's own lib.dom", () => {
  expect(runNode([tsc, "-p", "."])).toBe("");
});

it.runIf(process.platform === "linux" && process.arch === "x64")("computes on the packed software adapter", () => {
  const result = JSON.parse(runNode(["node.js"], { GRADWELL_ADAPTER: "swiftshader" }));
  expect(result).toMatchObject({ isSoftware: true, description: expect.stringMatching(/SwiftShader/i) });
  expect(result.last).toBeLessThan(0.1);
});
