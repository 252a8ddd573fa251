/** Whole files in Node: a reader finds the old content or the new, whenever the writer is killed. */
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DataError } from "../errors.ts";

let written = 0;

/** Writes to a file beside it, syncs it to disk, and renames it into place. Missing folders are made. */
export async function writeFileAtomically(op: string, path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const draft = join(folder, `.${basename(path)}.${process.pid}.${written++}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    await removeStale(folder, basename(path));
    const file = await open(draft, "w");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder(folder);
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw new DataError(`${op}: '${path}' could not be written: ${(cause as Error).message}`, { cause });
  }
}

export async function readWholeFile(op: string, path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new DataError(`${op}: '${path}' could not be read: ${(cause as Error).message}`, { cause });
  }
}

/** Syncs a folder: without it a power failure may undo the rename. Some systems refuse to open folders. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** Removes the drafts of processes that were killed while they wrote. */
async function removeStale(folder: string, name: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    const pid = entry.startsWith(`.${name}.`) ? /^(\d+)\.\d+\.tmp$/.exec(entry.slice(name.length + 2))?.[1] : undefined;
    if (pid && !isRunning(Number(pid))) await rm(join(folder, entry), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
