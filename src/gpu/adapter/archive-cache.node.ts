/** Unpacks brotli-compressed archives once into a cache folder that all processes of this user share. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { check, DataError } from "../../errors.ts";

/**
 * The folder `name` of the cache, filled by `fill(draft)` when it is not there yet. The name must carry the version of
 * what is in it. Several processes may ask at once: each fills a draft of its own, and the first to rename it wins.
 */
export function unpackOnce(name: string, fill: (draft: string) => void): string {
  const folders = cacheFolders().map((root) => join(root, name));
  const there = folders.find((folder) => existsSync(folder) && isOurs(folder));
  if (there) return there;
  let failure: unknown;
  for (const folder of folders) {
    try {
      return fillFolder(folder, fill);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** The files of a `.tar.br`, written below `folder`. */
export function untar(archive: string, folder: string): void {
  for (const file of tarFiles(brotliDecompressSync(readFileSync(archive)))) {
    const path = join(folder, file.name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.bytes);
    chmodSync(path, file.mode & 0o755);
  }
}

/** The user's cache, and the temporary folder where that one cannot be written. */
export function cacheFolders(): string[] {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const user = process.getuid?.() ?? "user";
  return [join(cache, "gradwell"), join(tmpdir(), `gradwell-${user}`)];
}

/** What is loaded from the folder runs in this process: in a shared place nobody else may have made it. */
function isOurs(folder: string): boolean {
  return process.getuid === undefined || statSync(folder).uid === process.getuid();
}

function fillFolder(folder: string, fill: (draft: string) => void): string {
  const parent = dirname(folder);
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  check(isOurs(parent), DataError, () => `init: the cache folder ${parent} belongs to another user`);
  const draft = mkdtempSync(`${folder}.`);
  try {
    fill(draft);
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Another process was first: its folder is as good.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** The plain files of a ustar archive. */
function* tarFiles(tar: Uint8Array): Generator<{ name: string; mode: number; bytes: Uint8Array }> {
  const text = (from: number, length: number) =>
    new TextDecoder().decode(tar.subarray(from, from + length)).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const kind = tar[at + 156];
    const start = at + 512;
    // 0 and "0" both mean a plain file.
    if (kind === 0 || kind === 0x30) {
      const bytes = tar.subarray(start, start + size);
      yield { name: text(at, 100), mode: Number.parseInt(text(at + 100, 8), 8), bytes };
    }
    at = start + Math.ceil(size / 512) * 512;
  }
}
