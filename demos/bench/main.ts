/** `npm run bench`: gradwell and its peers on the same work, the same adapter, in one run. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AdapterKind } from "../../src/gpu/adapter/adapter.ts";
import { textTable } from "../support/table.ts";
import { childPrograms } from "./bundle.ts";
import { CASES, type Case } from "./cases.ts";
import type { Requests } from "./child.ts";
import { benchFamilies } from "./families/main.ts";
import type { FamiliesResult } from "./families/results.ts";
import * as families from "./families/tables.ts";
import type { LibraryName } from "./library.ts";
import { Link, startProgram } from "./link.ts";
import { type Effort, FULL, measureStarts, measureSteady, measureWork, type Outcomes, QUICK } from "./measure.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { type BenchResult, judge } from "./results.ts";
import { chart, failures, heading, markdown, tables } from "./tables.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Processes that live for the whole run, begun again when a library brought one down. */
class Libraries {
  readonly links = new Map<LibraryName, Link>();
  readonly versions: BenchResult["versions"] = {};
  readonly #programs: string;
  #ours: { device: string; kind: AdapterKind } | undefined;

  constructor(programs: string) {
    this.#programs = programs;
  }

  /** The adapter of gradwell, which the others have to use too. */
  get adapter(): { device: string; kind: AdapterKind } {
    if (!this.#ours) throw new Error("gradwell has not been started");
    return this.#ours;
  }

  async get(name: LibraryName): Promise<Link> {
    const known = this.links.get(name);
    if (known?.alive) return known;
    const link = new Link<Requests>(name, startProgram(join(this.#programs, "child.mjs"), [name]));
    const { version, device, kind } = await link.ask("open");
    if (kind) this.#ours = { device, kind };
    else if (name.endsWith("webgpu") && device !== this.adapter.device) {
      throw new Error(`${name} runs on '${device}', gradwell on '${this.adapter.device}': nothing to compare`);
    }
    if (version) this.versions[name] = version;
    this.links.set(name, link);
    return link;
  }

  async close(): Promise<void> {
    for (const link of this.links.values()) if (link.alive) await link.ask("close").catch(() => link.kill());
  }
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), join(here, "results"));
  if (options === "help") return console.log(USAGE);
  if (options.adapter !== "auto") process.env.GRADWELL_ADAPTER = options.adapter;
  if (options.libraries.length > 1) installPeers();
  const programs = await childPrograms();
  if (options.families) return showFamilies(await benchFamilies(programs, options), options.out);
  const libraries = new Libraries(programs);
  try {
    const result = await bench(libraries, programs, options);
    await show(result, options.out);
  } finally {
    await libraries.close();
  }
}

/** The peers' packages, once, from their own lock file. */
function installPeers(): void {
  if (existsSync(join(here, "node_modules/.package-lock.json"))) return;
  console.error("bench: installing the libraries to compare with (about 330 MB, once) ...");
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  execFileSync("npm", args, { cwd: here, stdio: "inherit", shell: process.platform === "win32" });
}

async function bench(libraries: Libraries, programs: string, options: Options): Promise<BenchResult> {
  const effort = options.quick ? QUICK : FULL;
  const ours = await libraries.get("gradwell");
  const { device, kind } = libraries.adapter;
  const limits = await ours.ask("limits");
  console.error(`bench: ${device}: ${limits.gflops.toFixed(1)} GFLOP/s, ${limits.gbps.toFixed(1)} GB/s at most`);
  const result: BenchResult = {
    date: new Date().toISOString().slice(0, 10),
    adapter: device,
    kind,
    machine: `${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${availableParallelism()} threads`,
    node: process.versions.node,
    versions: libraries.versions,
    quick: options.quick,
    limits,
    cases: [],
  };
  const chosen = CASES.filter(
    ({ id, gpuOnly }) =>
      (!gpuOnly || kind === "gpu") && (options.cases.length === 0 || options.cases.some((name) => id.startsWith(name))),
  );
  const told = new Map<string, Outcomes>();
  for (const one of chosen) {
    console.error(`bench: ${one.title} ...`);
    if (!one.work && !told.has(one.id)) await askProcesses(one.id, told, options, programs, effort);
    const outcomes = one.work ? await measureCase(one, libraries, options, effort) : (told.get(one.id) ?? {});
    result.cases.push(judge(one, outcomes, kind, limits));
  }
  return result;
}

/** Fresh processes tell two cases at once. */
async function askProcesses(
  id: string,
  told: Map<string, Outcomes>,
  options: Options,
  programs: string,
  effort: Effort,
): Promise<void> {
  if (id.startsWith("steady")) {
    const { time, heap } = await measureSteady(programs, effort);
    told.set("steady", time).set("steady-heap", heap);
  } else {
    const { firstStep, memory } = await measureStarts(options.libraries, programs, effort);
    told.set("first-step", firstStep).set("memory", memory);
  }
}

async function measureCase(one: Case, libraries: Libraries, options: Options, effort: Effort): Promise<Outcomes> {
  const names = options.libraries.filter((name) => one.wasm || !name.endsWith("wasm"));
  const links: Link[] = [];
  const failed: Outcomes = {};
  for (const name of names) {
    try {
      links.push(await libraries.get(name));
    } catch (error) {
      failed[name] = { failed: error instanceof Error ? error.message : String(error) };
    }
  }
  return { ...failed, ...(await measureWork(one, one.work as NonNullable<Case["work"]>, links, effort)) };
}

async function show(result: BenchResult, out: string | undefined): Promise<void> {
  console.log(heading(result));
  for (const table of tables(result)) console.log(`\n${textTable(table)}`);
  for (const line of failures(result)) console.log(`failed: ${line}`);
  if (out) write(out, `${result.date}-${result.kind}`, result, markdown(result), await chart(result));
}

async function showFamilies(result: FamiliesResult, out: string | undefined): Promise<void> {
  console.log(families.text(result));
  const name = `${result.date}-${result.kind}-families`;
  if (out) write(out, name, result, families.markdown(result), await families.chart(result));
}

function write(folder: string, name: string, result: unknown, text: string, svg: string | undefined): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(`${path}.json`, `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(`${path}.md`, text);
  if (svg) writeFileSync(`${path}.svg`, svg);
  console.log(`\nwritten: ${path}.{json,md${svg ? ",svg" : ""}}`);
}

await main().catch((error) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
