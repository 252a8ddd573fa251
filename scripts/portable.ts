/**
 * `npm run portable`: one archive with this Node, Dawn, a Vulkan loader, the self-test and the benchmark, for Linux
 * machines that have a GPU driver and nothing else. tar and gzip are all that unpacking takes.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { untar } from "../src/gpu/adapter/archive-cache.node.ts";
import { bundlePrograms, bundleStart } from "./portable/programs.ts";

const MAX_BYTES = 40e6;

const root = fileURLToPath(new URL("..", import.meta.url));
const packages = join(root, "node_modules");
const platform = `${process.platform}-${process.arch}`;
const name = `gradwell-portable-${platform}`;

async function main(): Promise<void> {
  if (platform !== "linux-x64")
    throw new Error(`made on Linux on x64 only, where the Vulkan loader is for; this is ${platform}`);
  const draft = mkdtempSync(join(tmpdir(), "gradwell-portable-"));
  try {
    const folder = join(draft, name);
    const app = join(draft, "app");
    for (const one of [folder, app]) mkdirSync(one);
    await bundlePrograms(app);
    addDawn(app);
    addLoader(app, draft);
    pack(draft, folder);
    await addStart(folder);
    const archive = join(root, "out", `${name}.tar.gz`);
    mkdirSync(dirname(archive), { recursive: true });
    writeFileSync(archive, gzipSync(tar(draft, name), { level: 9 }));
    report(archive);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** The npm package `webgpu` with this platform's binary alone. */
function addDawn(app: string): void {
  const [from, to] = [join(packages, "webgpu"), join(app, "node_modules/webgpu")];
  for (const file of ["package.json", "index.js", "LICENSE.md", `dist/${platform}/dawn.node`]) {
    cpSync(join(from, file), join(to, file));
  }
  strip(join(to, `dist/${platform}/dawn.node`));
}

/** The Vulkan loader that comes with the SwiftShader of @sparticuz/chromium. */
function addLoader(app: string, draft: string): void {
  const unpacked = join(draft, "swiftshader");
  untar(join(packages, "@sparticuz/chromium/bin/swiftshader.tar.br"), unpacked);
  cpSync(join(unpacked, "libvulkan.so.1"), join(app, "lib/libvulkan.so.1"));
}

/** All but Node as one file that Node unpacks: brotli makes Dawn a third smaller than gzip does. */
function pack(draft: string, folder: string): void {
  const content = tar(draft, "app");
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  writeFileSync(join(folder, "app.tar.br"), brotliCompressSync(content, { params }));
}

async function addStart(folder: string): Promise<void> {
  const here = join(root, "scripts/portable");
  cpSync(process.execPath, join(folder, "node"));
  strip(join(folder, "node"));
  cpSync(join(here, "run.sh"), join(folder, "run.sh"));
  cpSync(join(here, "README.txt"), join(folder, "README.txt"));
  cpSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  const node = ["/usr/share/doc/nodejs/LICENSE", join(dirname(process.execPath), "../LICENSE")].find((path) =>
    existsSync(path),
  );
  if (node) cpSync(node, join(folder, "LICENSE.node"));
  await bundleStart(folder);
}

/** Without symbols for debuggers; as it is where there is no `strip`. */
function strip(path: string): void {
  try {
    execFileSync("strip", [path], { stdio: "ignore" });
  } catch {
    console.error(`portable: no strip on this machine, ${path} stays as large as it is`);
  }
}

/** A ustar archive of a folder, the same bytes for the same files. */
function tar(parent: string, folder: string): Buffer {
  const args = ["--format=ustar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
  return execFileSync("tar", [...args, "-C", parent, "-cf", "-", folder], { maxBuffer: 1 << 30 });
}

function report(archive: string): void {
  const { size } = statSync(archive);
  console.log(`written: ${archive} (${(size / 1e6).toFixed(1)} MB)`);
  if (size <= MAX_BYTES) return;
  console.error(`portable: larger than ${MAX_BYTES / 1e6} MB`);
  process.exitCode = 1;
}

await main().catch((error) => {
  console.error(`portable: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
