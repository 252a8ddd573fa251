/** A key-value cache that outlives the process: each entry is a file of the user's cache. */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isPrivate, privateCaches } from "./adapter/private-folder.node.ts";

const files = (name: string): string[] => {
  const file = `${createHash("sha256").update(name).digest("hex").slice(0, 16)}.json`;
  return privateCaches().map((folder) => join(folder, "tuning", file));
};

/** The text that was kept under a name, if any. */
export async function load(name: string): Promise<string | undefined> {
  for (const file of files(name)) {
    if (!isPrivate(dirname(file), "folder") || !isPrivate(file, "file")) continue;
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Keeps a text under a name; throws where no folder can be written. */
export async function save(name: string, text: string): Promise<void> {
  let failure: unknown = new Error("no folder that only this user can write");
  for (const file of files(name)) {
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      // Renamed into place: another process may be reading.
      await writeFile(`${file}.${process.pid}`, text, { mode: 0o600, flag: "wx" });
      await rename(`${file}.${process.pid}`, file);
      return;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
