/** Shared libraries of the system, mapped into this process in Node, Bun and Deno alike. Linux only. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { basename } from "node:path";

/** The counterparts in other runtimes, whose `process.dlopen` unmaps at once whatever is no addon. */
interface Runtimes {
  readonly Bun?: unknown;
  readonly Deno?: { dlopen(path: string, symbols: object): unknown };
}

/** Node's flag would be RTLD_NODELETE, but its list lacks it. */
const NO_DELETE = 0x1000;

/** Objects whose collection would unmap their library. */
const held: unknown[] = [];

/** Maps a library that then stays, by its path or by a name for the linker to find; false where there is none. */
export function mapLibrary(path: string): boolean {
  try {
    held.push(open(path));
  } catch {
    // Node throws of any library that is no addon, mapped or not: the mappings of the process tell.
  }
  return isMapped(basename(path));
}

function open(path: string): unknown {
  const { Bun, Deno } = globalThis as Runtimes;
  if (Deno) return Deno.dlopen(path, {});
  if (Bun) {
    const ffi = createRequire(import.meta.url)("bun:ffi") as { dlopen(path: string, symbols: object): unknown };
    // At least one symbol must be named; a Vulkan loader has this one.
    return ffi.dlopen(path, { vkGetInstanceProcAddr: { args: [], returns: "ptr" } });
  }
  const { RTLD_NOW = 0, RTLD_GLOBAL = 0 } = constants.dlopen as Record<string, number>;
  process.dlopen({ exports: {} }, path, RTLD_NOW | RTLD_GLOBAL | NO_DELETE);
  return undefined;
}

/** The file behind a mapping may have a longer version than the name that was asked for. */
function isMapped(name: string): boolean {
  return readFileSync("/proc/self/maps", "utf8").includes(`/${name}`);
}
