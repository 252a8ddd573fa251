/** `npm run lab`: the article's claims as experiments, each with a table, figures, a report and a verdict. */
import { join } from "node:path";
import { init } from "gradwell";
import { OK, runCommand } from "../support/command.ts";
import { clock } from "../support/progress.ts";
import { type Report, writeReport } from "../support/report.ts";
import { type Table, textTable } from "../support/table.ts";
import { batchnorm } from "./batchnorm.ts";
import type { Experiment, Finding, Outcome, Settings } from "./experiment.ts";
import { init as initialization } from "./init.ts";
import { layernorm } from "./layernorm.ts";
import { optimizers } from "./optimizers.ts";
import { type LabOptions, parseOptions } from "./options.ts";
import { precondition } from "./precondition.ts";

const EXPERIMENTS: readonly Experiment[] = [precondition, batchnorm, layernorm, optimizers, initialization];

/** Runs the program and returns its exit code. */
async function main(argv: string[]): Promise<number> {
  const options = parseOptions(
    argv,
    EXPERIMENTS.map(({ name }) => name),
  );
  if (!options.names) {
    console.log(listing());
    return OK;
  }
  const device = await init({ adapter: options.adapter });
  console.log(`Adapter: ${device.info.description}`);
  const started = performance.now();
  try {
    for (const name of options.names) {
      await runOne(EXPERIMENTS.find((one) => one.name === name)!, options, device.info.description);
    }
  } finally {
    await device.close();
  }
  console.log(`\n${clock((performance.now() - started) / 1000)} in all`);
  return OK;
}

function listing(): string {
  const table: Table = {
    columns: ["experiment", "claim"],
    rows: EXPERIMENTS.map(({ name, claim }) => [name, claim]),
  };
  return `npm run lab -- NAME [--quick] [--seeds N] [--out FOLDER] [--adapter auto|gpu|software]\n\n${textTable(table)}\n${"all".padEnd(14)}every one of them`;
}

async function runOne(experiment: Experiment, options: LabOptions, adapter: string): Promise<void> {
  const started = performance.now();
  console.log(`\n${experiment.title}`);
  const settings: Settings = { ...options, log: (line) => console.log(`  ${line}`) };
  const outcome = await experiment.run(settings);
  const seconds = (performance.now() - started) / 1000;
  const flags = [options.quick ? "--quick" : "", `--seeds ${options.seeds}`].filter(Boolean).join(" ");
  const meta = {
    command: `npm run lab -- ${experiment.name} ${flags}`,
    adapter,
    seeds: `1 to ${options.seeds}`,
    date: `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
    duration: clock(seconds),
    "Node.js": process.version,
  };
  const page = writeReport(join(options.out, experiment.name), reportOf(experiment, outcome, options, meta));
  console.log(`\n${textTable(findingsTable(outcome.findings))}\n  ${clock(seconds)}, report: ${page}`);
}

function findingsTable(findings: readonly Finding[]): Table {
  return {
    columns: ["verdict", "claim", "result"],
    rows: findings.map(({ verdict, claim, result }) => [verdict, claim, result]),
  };
}

const KINDS = { reproduced: "yes", partly: "partly", "not reproduced": "no", "not run": "partly" } as const;

function reportOf(
  experiment: Experiment,
  { method, findings, sections }: Outcome,
  { quick }: LabOptions,
  meta: Record<string, string>,
): Report {
  const note = quick ? " This was a quick run: it shows that everything works, its verdicts mean little." : "";
  return {
    title: experiment.title,
    intro: `The article says: ${experiment.claim}${note}`,
    sections: [
      { heading: "Method", paragraphs: method },
      ...findings.map(({ claim, result, verdict }, i) => ({
        heading: `Finding ${i + 1}: ${claim}`,
        verdict: { kind: KINDS[verdict], text: `${verdict[0]!.toUpperCase()}${verdict.slice(1)}. ${result}` },
      })),
      ...sections,
    ],
    meta,
  };
}

await runCommand("npm run lab", () => main(process.argv.slice(2)));
