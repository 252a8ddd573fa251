/**
 * Folders that only this user can have written: what is loaded from them runs in this process or decides what it computes.
 * Without users and modes (Windows), the profile of the user is trusted as it is.
 */
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, type Stats, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

let fresh: string | undefined;

/** The user's cache, then a folder of the user's in the temporary one; those that others may have written are left out. */
export function privateCaches(): string[] {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const user = process.getuid?.() ?? "user";
  return [join(cache, "gradwell"), join(tmpdir(), `gradwell-${user}`)].filter(makePrivate);
}

/** A private folder that ends with the process, for when no cache can be used. */
export function freshFolder(): string {
  if (fresh && isPrivate(fresh, "folder")) return fresh;
  const made = mkdtempSync(join(tmpdir(), "gradwell-fresh-"));
  process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  fresh = made;
  return made;
}

/** Returns true if a file or folder exists, is no link, belongs to the user, and is not writable by anybody else. */
export function isPrivate(path: string, kind: "file" | "folder"): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found || !(kind === "file" ? found.isFile() : found.isDirectory())) return false;
  return isOwn(found) && (process.getuid === undefined || (found.mode & WRITABLE_BY_OTHERS) === 0);
}

/** Makes the folder, mode 0700, unless it is there; whether it is private, and nobody can exchange it for another. */
function makePrivate(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isPrivate(folder, "folder") || !parentsOf(folder).every(keepsEntries)) return false;
    if (process.getuid) chmodSync(folder, 0o700);
    return true;
  } catch {
    return false;
  }
}

const isOwn = ({ uid }: Stats): boolean => process.getuid === undefined || uid === process.getuid();

/** All folders above, as they are written and as they really lie: a parent may be a link. */
function parentsOf(folder: string): string[] {
  const parents = new Set<string>();
  for (const start of [dirname(resolve(folder)), realpathSync(dirname(folder))])
    for (let at = start; !parents.has(at); at = dirname(at)) parents.add(at);
  return [...parents];
}

/** Returns true if only this user and root can move the entries of a folder: it is theirs, and sticky or not writable by others. */
function keepsEntries(folder: string): boolean {
  if (process.getuid === undefined) return true;
  const found = statSync(folder);
  const isOpen = (found.mode & WRITABLE_BY_OTHERS) !== 0 && (found.mode & STICKY) === 0;
  return (isOwn(found) || found.uid === 0) && !isOpen;
}
