/** Node and other JavaScript runtimes, these from the binaries that npm has of them. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { platform, arch } = process;

/** The packages of the binaries are chosen by npm for this machine; no install script has to run. */
const binaries = {
  deno: join("@deno", `${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`, "deno"),
  node: undefined,
  bun: join(
    "@oven",
    `bun-${platform === "win32" ? "windows" : platform}-${arch.replace("arm64", "aarch64")}`,
    "bin/bun",
  ),
};
export type Runtime = keyof typeof binaries;

export function binaryOf(runtime: Runtime): string {
  const inside = binaries[runtime];
  if (!inside) return process.execPath;
  const path = join(root, "node_modules", inside + (platform === "win32" ? ".exe" : ""));
  if (!existsSync(path)) throw new Error(`${runtime} is not installed: npm ci puts it at ${path}`);
  return path;
}

/** Output of a process, whether or not it ends well: a runtime that crashes prints beforehand what it was doing. */
export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly failed: boolean;
}

/** Runs a program; nothing is downloaded. */
export function runIn(
  runtime: Runtime,
  args: readonly string[],
  { cwd = root, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Ended> {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const cache = join(root, "out/deno");
  mkdirSync(cache, { recursive: true });
  const own = { DENO_DIR: cache, DENO_NO_UPDATE_CHECK: "1", DO_NOT_TRACK: "1" };
  const flags = runtime === "deno" ? ["run", "-A", "--no-remote", "--no-lock", "--node-modules-dir=manual"] : [];
  const options = { cwd, env: { ...inherited, ...own, ...env }, timeout: 110_000, maxBuffer: 2 ** 26 };
  return new Promise((resolve) => {
    execFile(binaryOf(runtime), [...flags, ...args], options, (error, stdout, stderr) =>
      resolve({ stdout, stderr: error ? `${stderr}\n${error.message}` : stderr, failed: error !== null }),
    );
  });
}
