/** Checkpoints on disk: written whole or not at all, whenever the writer is killed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { readCheckpoint, writeCheckpoint } from "../../src/data/index.ts";
import { ArgumentError, DataError } from "../../src/errors.ts";
import { Linear } from "../../src/nn/index.ts";
import { readData } from "../../src/tensor/readback.ts";
import { testDevice } from "../support/device.ts";

await testDevice();
const folder = mkdtempSync(join(tmpdir(), "gradwell-checkpoint-"));
afterAll(() => rmSync(folder, { recursive: true }));
const KILLS = process.env.GRADWELL_TEST_ALL === "1" ? 40 : 8;

it("a checkpoint file round-trips, creates its folders, and leaves nothing beside the file", async () => {
  const path = join(folder, "runs/a/last.safetensors");
  const [model, other] = [new Linear(3, 2), new Linear(3, 2)];
  await writeCheckpoint(path, { model, step: 1 });
  await writeCheckpoint(path, { model, step: 2, metadata: "second" });
  expect(await readCheckpoint(path, { model: other })).toMatchObject({ step: 2, metadata: "second" });
  expect(await readData(other.weight)).toEqual(await readData(model.weight));
  expect(readdirSync(join(folder, "runs/a"))).toEqual(["last.safetensors"]);
});

it("an error names the file that cannot be read or written", async () => {
  const model = new Linear(3, 2);
  await expect(readCheckpoint(join(folder, "none"), { model })).rejects.toThrow(
    /readCheckpoint: '.*none' could not be read/,
  );
  writeFileSync(join(folder, "text"), "not a checkpoint at all");
  await expect(readCheckpoint(join(folder, "text"), { model })).rejects.toThrow(/'.*text': safetensors: at byte/);
  await expect(writeCheckpoint(join(folder, "text/below"), { model })).rejects.toThrow(DataError);
  await expect(writeCheckpoint("", { model })).rejects.toThrow(ArgumentError);
  expect(readFileSync(join(folder, "text"), "utf8")).toBe("not a checkpoint at all");
});

it("a process killed at any time leaves the old checkpoint or the new one", async () => {
  const path = join(folder, "killed.safetensors");
  const script = fileURLToPath(new URL("../support/checkpoint-writer.ts", import.meta.url));
  let last = -1;
  for (let i = 0; i < KILLS; i++) {
    const child = spawn(process.execPath, ["--import", "tsx", "-C", "source", script, path, String(last + 1)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [first] = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
    expect(String(first)).toBe("written\n");
    await new Promise((resolve) => setTimeout(resolve, 5 + 17 * i));
    child.kill("SIGKILL");
    await once(child, "exit");
    const model = new Linear(400, 400);
    const { step } = await readCheckpoint(path, { model });
    expect(step).toBeGreaterThanOrEqual(last);
    // The file is one of those written, from the first value to the last.
    expect(new Set(await readData(model.weight))).toEqual(new Set([step]));
    last = step;
  }
  await writeCheckpoint(path, { model: new Linear(2, 2) });
  expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
}, 240_000);
