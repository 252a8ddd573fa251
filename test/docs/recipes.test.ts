/** The worked examples of the pages in docs/ are run as printed. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs the TypeScript blocks of a page as one program and returns the lines that it prints. */
async function runPage(page: string): Promise<string[]> {
  const text = await readFile(join(root, "docs", page), "utf8");
  const program = [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code).join("\n");
  // Inside the project, where `gradwell` means its source.
  await mkdir(join(root, "out"), { recursive: true });
  const folder = await mkdtemp(join(root, "out", "recipe-"));
  try {
    await writeFile(join(folder, "recipe.mts"), program);
    const args = ["--import", "tsx", "-C", "source", join(folder, "recipe.mts")];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
    return stdout.trim().split("\n");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The numbers printed after a word. */
const numbersAfter = (word: string, lines: readonly string[]): number[] =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.slice(word.length)));

it("the optimizer of docs/add-an-optimizer.md trains and follows its formula", async () => {
  const lines = await runPage("add-an-optimizer.md");
  const losses = numbersAfter("loss", lines);
  expect(losses).toHaveLength(5);
  expect(losses.at(-1)).toBeLessThan(Number(losses[0]) / 5);
  const [error] = numbersAfter("error", lines);
  expect(error).toBeLessThan(1e-5);
}, 240_000);
