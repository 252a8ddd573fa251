/** Unpacks brotli-compressed archives once into a cache folder that all processes of this user share. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { freshFolder, isPrivate, privateCaches } from "./private-folder.node.ts";

/**
 * The folder `name` of the cache, filled by `fill(draft)` when it is not there yet. The name must carry the version of
 * what is in it. Several processes may ask at once: each fills a separate draft, and the first to rename it wins.
 */
export function unpackOnce(name: string, fill: (draft: string) => void): string {
  const folders = privateCaches().map((root) => join(root, name));
  const there = folders.find((folder) => isPrivate(folder, "folder"));
  if (there) return there;
  for (const folder of folders) {
    try {
      return fillFolder(folder, fill);
    } catch {
      // A full disk, say: the next one may do.
    }
  }
  return fillFolder(join(freshFolder(), name), fill);
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

function fillFolder(folder: string, fill: (draft: string) => void): string {
  if (isPrivate(folder, "folder")) return folder;
  const draft = mkdtempSync(`${folder}.`);
  try {
    fill(draft);
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Another process was first: its folder is as good.
    if (!isPrivate(folder, "folder")) throw error;
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
