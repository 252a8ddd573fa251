/** Runs the programs of the README as they are printed there. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The fenced TypeScript programs of the README, in order. */
async function programs(): Promise<string[]> {
  const text = await readFile(join(root, "README.md"), "utf8");
  return [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code as string);
}

it("the training program runs as printed and learns", async () => {
  const [program] = await programs();
  expect((program as string).trim().split("\n").length).toBeLessThanOrEqual(24);
  // Inside the project, where `gradwell` means its source.
  await mkdir(join(root, "out"), { recursive: true });
  const folder = await mkdtemp(join(root, "out", "readme-"));
  try {
    await writeFile(join(folder, "train.mts"), program as string);
    const args = ["--import", "tsx", "-C", "source", join(folder, "train.mts")];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
    const losses = stdout
      .trim()
      .split("\n")
      .map((line) => Number(line.split(" ")[1]));
    expect(losses).toHaveLength(5);
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 3);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);
