/** `npm run gpu`: a day with a GPU. Facts, checks and a sweep within minutes; everything is appended to a file. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { adapterName } from "../../src/gpu/adapter/adapter.ts";
import type { Device } from "../../src/gpu/device.ts";
import { SHADERS } from "../../src/gpu/shaders.generated.ts";
import { check } from "./check.ts";
import { commit } from "./commit.ts";
import { measureCosts } from "./costs.ts";
import { facts, type Opened, open } from "./device.ts";
import { measureOperations } from "./operations.ts";
import { Journal } from "./records.ts";
import { report } from "./report.ts";
import { Stopwatch } from "./stopwatch.ts";
import { type Sweep, sweepColumns, sweepCopies, sweepMatmuls, sweepRows } from "./sweep.ts";
import { profileFamilies, soak } from "./training.ts";

const USAGE = `npm run gpu -- <check|sweep|report> [options]
  check              kernels against float64, operations by both choices of launches
  sweep              facts, then check, then all launches of all kernels, families, soak; appends to a file
  report             writes the table of costs from the data, and says what is in it
  --adapter <name>   as GRADWELL_ADAPTER; default: a GPU, else a software adapter, which rehearses
  --seconds <n>      time for the sweep's parts together, besides the check; default 420
  --most <n>         leave out work beyond n multiply-adds or elements; default none
  --only <a,b>       parts of the sweep: costs matmul rows columns copies operations families soak
  --families <a,b>   families that are profiled; default all
  --unchecked        sweep without the check
  --out <folder>     where the data goes and comes from; default scripts/gpu/data`;

/** A part of the sweep and its share of the time. */
interface Part {
  readonly name: string;
  readonly share: number;
  readonly run: (sweep: Sweep) => Promise<unknown>;
}

interface Options {
  readonly seconds: number;
  readonly most: number;
  readonly only: readonly string[];
  readonly families: readonly string[];
  readonly unchecked: boolean;
  readonly out: string;
}

/** Shares of the time; the soak has what is left of it. */
function partsOf({ families, seconds }: Options): Part[] {
  const soakShare = Math.min(0.08, 30 / seconds);
  return [
    { name: "costs", share: 0.02, run: ({ device, journal, stopwatch }) => measureCosts(device, journal, stopwatch) },
    { name: "matmul", share: 0.45, run: sweepMatmuls },
    { name: "rows", share: 0.12, run: sweepRows },
    { name: "columns", share: 0.05, run: sweepColumns },
    { name: "copies", share: 0.05, run: sweepCopies },
    {
      name: "operations",
      share: 0.11,
      run: ({ device, journal, stopwatch, ...limits }) => measureOperations(device, journal, stopwatch, limits),
    },
    {
      name: "families",
      share: 0.2 - soakShare,
      run: ({ device, journal, stopwatch, budget }) =>
        profileFamilies(device, journal, stopwatch, { budget, only: families }),
    },
    { name: "soak", share: soakShare, run: ({ device, journal, budget }) => soakPart(device, journal, budget) },
  ];
}

async function soakPart(device: Device, journal: Journal, budget: number): Promise<void> {
  if (!(await soak(device, journal, budget / 1000))) fail("soak: memory grew or the loss is not finite");
}

function parsed(argv: string[]): { command: string; options: Options; adapter: string | undefined } | undefined {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      adapter: { type: "string" },
      seconds: { type: "string", default: "420" },
      most: { type: "string", default: "Infinity" },
      only: { type: "string", default: "" },
      families: { type: "string", default: "" },
      unchecked: { type: "boolean", default: false },
      out: { type: "string", default: fileURLToPath(new URL("data", import.meta.url)) },
      help: { type: "boolean", default: false },
    },
  });
  const [command = "help"] = positionals;
  if (values.help || !["check", "sweep", "report"].includes(command)) return undefined;
  const [seconds, most] = [Number(values.seconds), Number(values.most)];
  if (!(seconds > 0)) throw new Error(`--seconds: expected a number above 0, got '${values.seconds}'`);
  if (!(most > 0)) throw new Error(`--most: expected a number above 0, got '${values.most}'`);
  const list = (text: string) => text.split(",").filter((part) => part !== "");
  const { unchecked, out, adapter } = values;
  const options = { seconds, most, only: list(values.only), families: list(values.families), unchecked, out };
  const names = partsOf(options).map(({ name }) => name);
  const unknown = options.only.find((name) => !names.includes(name));
  if (unknown) throw new Error(`--only: '${unknown}' is none of ${names.join(", ")}`);
  return { command, options, adapter };
}

function fail(message: string): void {
  console.error(`gpu: ${message}`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const given = parsed(process.argv.slice(2));
  if (!given) return console.log(USAGE);
  const { command, options, adapter } = given;
  if (adapter) process.env.GRADWELL_ADAPTER = adapter;
  if (command === "report") {
    if (!existsSync(options.out)) throw new Error(`no data in ${options.out}: npm run gpu -- sweep`);
    return console.log(report(options.out));
  }
  const opened = await open();
  try {
    await day(opened, command === "check", options);
  } finally {
    await opened.close();
  }
}

async function day(opened: Opened, checkOnly: boolean, options: Options): Promise<void> {
  const { device, other, isRehearsal } = opened;
  const description = adapterName(device.gpu.adapterInfo);
  console.log(`${description}${isRehearsal ? " (a rehearsal: no GPU)" : ""}`);
  if (!options.unchecked || checkOnly) {
    const { checks, failures } = await check(device, other, (line) => console.log(line));
    if (failures.length > 0) return fail(`${failures.length} of ${checks} checks are wrong: nothing is measured`);
  }
  if (checkOnly) return;
  const { vendor, architecture } = device.info;
  const origin = { run: new Date().toISOString(), vendor, architecture, adapter: description, commit: commit() };
  const journal = new Journal(options.out, { ...origin, shaders: SHADERS, rehearsal: isRehearsal });
  journal.fact("adapter", await facts());
  const stopwatch = new Stopwatch(device, isRehearsal);
  const parts = partsOf(options).filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  const all = parts.reduce((sum, { share }) => sum + share, 0);
  for (const { name, share, run } of parts) {
    const start = performance.now();
    const budget = (options.seconds * 1000 * share) / all;
    await run({ device, journal, stopwatch, budget, most: options.most });
    console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
  console.log(`written: ${journal.path}`);
}

await main().catch((error) => fail(error instanceof Error ? error.message : String(error)));
