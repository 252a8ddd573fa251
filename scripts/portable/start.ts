/** Unpacks the rest of the archive beside itself, finds a Vulkan loader, and runs self-test and benchmark. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { untar } from "../../src/gpu/adapter/archive-cache.node.ts";

const USAGE = `./run.sh                    self-test, then benchmark
./run.sh test [areas]       self-test alone; areas such as ops/matmul optim
./run.sh bench [options]    benchmark alone; --help tells its options
./run.sh gpu [options]      check, then sweep of all kernels' launches, ten minutes; gpu-data/ gets the file to keep`;

const here = fileURLToPath(new URL(".", import.meta.url));
const app = join(here, "app");

/** Renamed into place when whole, so that an interrupted run leaves nothing half. */
function unpack(): void {
  if (existsSync(app)) return;
  const draft = mkdtempSync(join(here, "unpacking-"));
  untar(join(here, "app.tar.br"), draft);
  renameSync(join(draft, "app"), app);
  rmSync(draft, { recursive: true });
}

/** The machine's own loader goes first: it knows where its drivers are. Opening one always throws, in two ways. */
function hasLoader(): boolean {
  try {
    process.dlopen({ exports: {} }, "libvulkan.so.1", constants.dlopen.RTLD_LAZY);
  } catch (error) {
    return /did not self-register/.test(String(error));
  }
  return true;
}

function run(program: string, args: readonly string[]): number {
  const own = hasLoader() ? [] : [join(app, "lib")];
  const paths = [...own, process.env.LD_LIBRARY_PATH].filter(Boolean);
  const env = { GRADWELL_TEST_ALL: "1", ...process.env, ...(paths.length > 0 && { LD_LIBRARY_PATH: paths.join(":") }) };
  return spawnSync(process.execPath, [join(app, program), ...args], { stdio: "inherit", env }).status ?? 1;
}

function bench(args: readonly string[]): number {
  return run("bench.mjs", ["--peers", "none", "--out", join(here, "results"), ...args]);
}

/** With a word, that command of the GPU day; else all of it. */
function gpu(args: readonly string[]): number {
  const words = args[0] && !args[0].startsWith("-") ? args : ["sweep", ...args];
  return run("gpu.mjs", [...words, "--out", join(here, "gpu-data")]);
}

const [command, ...args] = process.argv.slice(2);
unpack();
if (command === undefined) process.exitCode = Math.max(run("selftest.mjs", []), bench([]));
else if (command === "test") process.exitCode = run("selftest.mjs", args);
else if (command === "bench") process.exitCode = bench(args);
else if (command === "gpu") process.exitCode = gpu(args);
else console.log(USAGE);
