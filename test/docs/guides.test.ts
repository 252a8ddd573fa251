/** The whole programs in docs/guides, those that begin with an import, run as printed. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const guides = join(root, "docs/guides");

async function programsIn(guide: string): Promise<string[]> {
  const text = await readFile(join(guides, guide), "utf8");
  const blocks = [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code as string);
  return blocks.filter((code) => code.startsWith("import "));
}

/** Runs a program in one file with the library's source, which a worker can be started from; gives what it prints. */
async function run(program: string): Promise<string> {
  await mkdir(join(root, "out"), { recursive: true });
  const cwd = await mkdtemp(join(root, "out", "guide-"));
  try {
    await build({
      stdin: { contents: program, loader: "ts", resolveDir: cwd },
      outfile: join(cwd, "program.mjs"),
      alias: { gradwell: join(root, "src/index.ts") },
      conditions: ["source"],
      external: ["webgpu"],
      bundle: true,
      platform: "node",
      format: "esm",
      target: "es2022",
    });
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ["program.mjs"], { cwd, timeout: 100_000 });
    return stdout + stderr;
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

/** A line that the guide's program must print. */
const PRINTS: Record<string, RegExp> = {
  "capture.md": /^\d\.\d+\n(\d\.\d+\n){7}/m,
  "checkpoints.md": /100 3 \{ best: 0\.1 \}/,
  "device-loss.md": /lost/,
  "memory.md": /liveBytes: \d+/,
  "workers.md": /Float32Array\(3\) \[ 1, 4, 9 \]/,
};

describe("the programs of docs/guides", () => {
  it("are in every guide", async () => {
    expect(await readdir(guides)).toEqual(Object.keys(PRINTS));
  });

  it.each(Object.entries(PRINTS))("in %s run as printed", async (guide, printed) => {
    const programs = await programsIn(guide);
    expect(programs).toHaveLength(1);
    expect(await run(programs[0] as string)).toMatch(printed);
  });
});
