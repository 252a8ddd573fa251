/** The recipes of docs/ for operations and kernels: their programs run, and their other blocks are what the files hold. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const textOf = (path: string): Promise<string> => readFile(join(root, path), "utf8");

interface Block {
  /** The file that the line above the block names. */
  readonly file: string | undefined;
  readonly code: string;
}

/** The fenced blocks of a page in order. */
async function blocksOf(page: string): Promise<Block[]> {
  const blocks = (await textOf(page)).matchAll(/(?:^`([\w./-]+)`\n\n)?^```(?:ts|md)\n(.*?)^```/gms);
  return [...blocks].map(([, file, code]) => ({ file, code: code as string }));
}

/** The output of a program of a page; it runs inside the project, where `gradwell` means its source. */
async function outputOf(program: string): Promise<string> {
  await mkdir(join(root, "out"), { recursive: true });
  const folder = await mkdtemp(join(root, "out", "recipe-"));
  try {
    const file = join(folder, "program.mts");
    await writeFile(file, program);
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", "-C", "source", file], {
      cwd: root,
    });
    return stdout.trim();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const lines = (text: string): string[] => text.split("\n").map((line) => line.trim());

describe("docs/add-an-op.md", () => {
  it("names at most four files, and shows what they hold", async () => {
    const named = (await blocksOf("docs/add-an-op.md")).filter(({ file }) => file !== undefined);
    expect(new Set(named.map(({ file }) => file)).size).toBeLessThanOrEqual(4);
    for (const { file = "", code } of named) {
      expect(lines(await textOf(file)).join("\n"), file).toContain(lines(code).join("\n").trim());
    }
  });

  it("leaves out no file that names the operation", async () => {
    const named = (await blocksOf("docs/add-an-op.md")).flatMap(({ file }) => file ?? []);
    const { stdout } = await promisify(execFile)(
      "grep",
      ["-rliw", "softsign", "src", "test", "scripts", "docs/operations.md"],
      {
        cwd: root,
      },
    );
    const apart = /^test\/(docs|onnx)\//;
    expect(
      stdout
        .trim()
        .split("\n")
        .filter((file) => !apart.test(file))
        .sort(),
    ).toEqual(named.sort());
  });

  it("has a program that prints the values and slopes of softsign", async () => {
    const program = (await blocksOf("docs/add-an-op.md")).find(({ code }) => code.includes("await init("));
    expect(await outputOf(program?.code ?? "")).toBe("[ -0.75, 0, 0.5 ] [ 0.0625, 1, 0.25 ]");
  }, 120_000);
});

describe("docs/add-a-kernel.md", () => {
  it("has a rotary embedding that agrees with float64, forward and backward", async () => {
    const [program] = await blocksOf("docs/add-a-kernel.md");
    expect(await outputOf(program?.code ?? "")).toBe("rope agrees with float64");
  }, 120_000);
});
