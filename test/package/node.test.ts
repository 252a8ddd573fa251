import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, inject, it } from "vitest";

const folder = inject("project");
const tsc = fileURLToPath(new URL("../../node_modules/typescript/lib/tsc.js", import.meta.url));

/** Runs a Node program of the project and returns its output. */
function runNode(args: string[], env: Record<string, string> = {}, cwd = folder): string {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  return execFileSync(process.execPath, args, { cwd, env: { ...inherited, ...env }, encoding: "utf8" });
}

it("the package holds the library, its sources and nothing else", () => {
  const files = execFileSync("tar", ["tzf", inject("tarball")], { encoding: "utf8" })
    .trim()
    .split("\n");
  const kinds = new Set(files.map((file) => file.replace(/^package\//, "").replace(/\/.*/, "/")));
  expect([...kinds].filter((kind) => kind !== "README.md").sort()).toEqual(
    ["CHANGELOG.md", "LICENSE", "dist/", "package.json", "shaders/", "src/"].sort(),
  );
  expect(files).toContain("package/dist/gradwell.min.js");
  expect(files).toContain("package/dist/gpu/adapter/adapter.browser.js");
  expect(files).toContain("package/src/gpu/shaders.generated.ts");
});

it("the package trains in a Node script", () => {
  const { first, last } = JSON.parse(runNode(["node.js"]));
  expect(first).toBeGreaterThan(0.4);
  expect(last).toBeLessThan(0.1);
});

it("init says what is missing where npm webgpu is not installed", () => {
  const program = `import { init } from "gradwell"; await init().catch((error) => console.log(error.name, error.message))`;
  // A project without it: other tests use the shared one at the same time.
  const bare = mkdtempSync(join(tmpdir(), "gradwell-bare-"));
  try {
    cpSync(join(folder, "node_modules/gradwell"), join(bare, "node_modules/gradwell"), { recursive: true });
    expect(runNode(["--input-type=module", "-e", program], {}, bare)).toMatch(/NoAdapterError.*webgpu/s);
  } finally {
    rmSync(bare, { recursive: true });
  }
});

it("the package type-checks in a project with TypeScript's lib.dom", () => {
  expect(runNode([tsc, "-p", "."])).toBe("");
});

it.runIf(process.platform === "linux" && process.arch === "x64")(
  "the package computes on the packed software adapter",
  () => {
    const result = JSON.parse(runNode(["node.js"], { GRADWELL_ADAPTER: "swiftshader" }));
    expect(result).toMatchObject({ isSoftware: true, description: expect.stringMatching(/SwiftShader/i) });
    expect(result.last).toBeLessThan(0.1);
  },
);
