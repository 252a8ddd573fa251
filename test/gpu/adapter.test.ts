import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { adapterKind } from "../../src/gpu/adapter/adapter.ts";

const child = fileURLToPath(new URL("../support/adapter-child.ts", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "gradwell-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs a separate process: drivers are chosen once per process. */
function inChild(env: Record<string, string>, ...args: string[]): Promise<Record<string, unknown>> {
  const command = ["--import", "tsx", "-C", "source", child, ...args];
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      command,
      { env: { ...process.env, ...env }, timeout: 60_000 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${error.message}\n${stderr}`));
        else resolve(JSON.parse(stdout));
      },
    );
  });
}

const bundledRuns = process.platform === "linux" && process.arch === "x64";

describe("requestAdapter in Node", () => {
  it.runIf(bundledRuns)("runs the SwiftShader of the package, whatever is installed, and reuses it", async () => {
    const got = await inChild({ GRADWELL_ADAPTER: "swiftshader" });
    expect(got).toMatchObject({ kind: "swiftshader", sum: 140, again: "swiftshader", envKept: true });
  });

  it.runIf(bundledRuns)("unpacks it once when several processes start at the same time", async () => {
    // No temporary folder: another cache there would be taken as it is.
    const env = {
      GRADWELL_ADAPTER: "swiftshader",
      XDG_CACHE_HOME: join(scratch, "cache"),
      TMPDIR: join(scratch, "none"),
    };
    const all = await Promise.all([inChild(env), inChild(env), inChild(env)]);
    expect(all.map((got) => got.sum)).toEqual([140, 140, 140]);
    expect(readdirSync(join(scratch, "cache/gradwell"))).toHaveLength(1);
  });

  it.runIf(bundledRuns)("falls back to the temporary folder where the cache cannot be written", async () => {
    const file = join(scratch, "file");
    writeFileSync(file, "not a folder");
    mkdirSync(join(scratch, "tmp"));
    const env = { GRADWELL_ADAPTER: "swiftshader", XDG_CACHE_HOME: file, TMPDIR: join(scratch, "tmp") };
    expect(await inChild(env)).toMatchObject({ kind: "swiftshader", sum: 140 });
    expect(readdirSync(join(scratch, "tmp")).filter((name) => name.startsWith("gradwell-"))).toHaveLength(1);
  });

  it("runs an installed lavapipe, or says that there is none", async () => {
    const got = await inChild({ GRADWELL_ADAPTER: "lavapipe" });
    if (got.error)
      expect(got).toMatchObject({
        error: "NoAdapterError",
        message: expect.stringContaining("an installed llvmpipe: "),
      });
    else expect(got).toMatchObject({ kind: "lavapipe", sum: 140, again: "lavapipe" });
  });

  it.runIf(bundledRuns)("never ends without software: a machine with no driver at all gets SwiftShader", async () => {
    const env = { GRADWELL_ADAPTER: "", VK_DRIVER_FILES: "/nonexistent", VK_ICD_FILENAMES: "/nonexistent" };
    expect(await inChild(env)).toMatchObject({ kind: "swiftshader", sum: 140, envKept: true });
  });

  it("takes a software adapter on request", async () => {
    const got = await inChild({ GRADWELL_ADAPTER: "" }, "software");
    expect(got).toMatchObject({ sum: 140 });
    expect(got.kind).not.toBe("gpu");
  });

  it("says what was tried and what helps when no GPU is found", async () => {
    const env = { GRADWELL_ADAPTER: "gpu", VK_DRIVER_FILES: "/nonexistent", VK_ICD_FILENAMES: "/nonexistent" };
    const got = await inChild(env);
    if (process.platform !== "linux" && !got.error) return;
    expect(got.error).toBe("NoAdapterError");
    expect(got.message).toMatch(/'gpu' was asked for.*Tried:.*drivers: no .*What helps:.*GPU/s);
  });

  it("advises to install only packages that this one itself depends on, at their versions", async () => {
    const env = { GRADWELL_ADAPTER: "gpu", VK_DRIVER_FILES: "/nonexistent", VK_ICD_FILENAMES: "/nonexistent" };
    const { message = "" } = await inChild(env);
    const advised = [...String(message).matchAll(/npm install (\S+)@([\d.]+)/g)];
    const known: Record<string, string> = { ...packageJson.devDependencies, ...packageJson.optionalDependencies };
    for (const [, name = "", version] of advised) expect(known[name], name).toBe(version);
    expect(advised.length).toBe(String(message).split("npm install").length - 1);
    if (bundledRuns && message) expect(advised.length).toBeGreaterThan(0);
  });

  it("refuses an unknown GRADWELL_ADAPTER", async () => {
    const got = await inChild({ GRADWELL_ADAPTER: "cpu" });
    expect(got).toMatchObject({ error: "ArgumentError" });
    expect(got.message).toContain("one of auto, gpu, software, lavapipe, swiftshader, got 'cpu'");
  });
});

it("software adapters are distinguished from GPUs", () => {
  const info = { vendor: "", architecture: "", device: "", description: "", isFallbackAdapter: false };
  const kind = (part: object) => adapterKind({ ...info, ...part } as unknown as GPUAdapterInfo);
  expect(kind({ description: "llvmpipe: Mesa 25.0.7", isFallbackAdapter: true })).toBe("lavapipe");
  expect(kind({ vendor: "google", architecture: "swiftshader" })).toBe("swiftshader");
  expect(kind({ description: "Microsoft Basic Render Driver" })).toBe("software");
  expect(kind({ isFallbackAdapter: true })).toBe("software");
  expect(kind({ vendor: "apple", architecture: "metal-3" })).toBe("gpu");
});
