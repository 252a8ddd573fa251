// Makes a fresh clone ready: packages installed, shaders linked. Plain JavaScript and Node's own modules only,
// since it runs before anything is installed. Does nothing, and touches no network, when all is in place.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

checkNode();
if (packagesAreStale()) install();
if (shadersAreStale()) linkShaders();

function checkNode() {
  const wanted = JSON.parse(readFileSync("package.json", "utf8")).engines.node.replace(">=", "");
  const [major, minor] = wanted.split(".").map(Number);
  const [haveMajor, haveMinor] = process.versions.node.split(".").map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  stop(`gradwell needs Node ${wanted} or newer; this is Node ${process.versions.node}. Get one at https://nodejs.org`);
}

/** A checkout may touch the lock without changing it: only other versions than those installed are stale. */
function packagesAreStale() {
  const installed = "node_modules/.package-lock.json"; // npm writes it last
  if (!existsSync(installed)) return true;
  if (modified(installed) >= modified("package-lock.json")) return false;
  // Packages for other platforms are in the lock but never on this disk.
  const wanted = versions("package-lock.json", (name, { optional }) => name !== "" && !(optional && !existsSync(name)));
  return wanted !== versions(installed, () => true);
}

function versions(lock, keep) {
  const packages = Object.entries(JSON.parse(readFileSync(lock, "utf8")).packages);
  return packages
    .filter(([name, entry]) => keep(name, entry))
    .map(([name, { version }]) => `${name}@${version}`)
    .sort()
    .join(" ");
}

function install() {
  console.log("gradwell: installing packages (npm ci, about 720 MB on disk, once) ...");
  // No package here needs its install script: the native ones ship ready-made binaries.
  const started = Date.now();
  command(
    "npm",
    ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    "npm ci failed; is the npm registry in reach?",
  );
  console.log(`gradwell: packages installed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** Stale when any shader, or what writes the module, changed after it was written. */
function shadersAreStale() {
  const generated = modified("src/gpu/shaders.generated.ts");
  const sources = readdirSync("shaders", { recursive: true }).map((file) => join("shaders", String(file)));
  return [...sources, "shaders", "scripts/link-shaders.ts", "scripts/shader-module.ts", "src/gpu/reflect.ts"].some(
    (file) => modified(file) > generated,
  );
}

function linkShaders() {
  command(process.execPath, ["--import", "tsx", "scripts/link-shaders.ts"], "linking the shaders failed");
}

function command(program, args, failure) {
  // npm is a script on Windows, which only a shell starts.
  const shell = program === "npm" && process.platform === "win32";
  const { status, error } = spawnSync(program, args, { stdio: "inherit", shell });
  if (status !== 0) stop(`${failure}${error ? ` (${error.message})` : ""}`);
}

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function stop(message) {
  console.error(`gradwell: ${message}`);
  process.exit(1);
}
