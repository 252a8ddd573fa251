/** `npm start`: the initializations side by side on MNIST, in the terminal and as a report on disk. */
import { init } from "gradwell";
import { OK, runCommand } from "../support/command.ts";
import { readMnist } from "../support/mnist.ts";
import { clock, createProgress } from "../support/progress.ts";
import { writeReport } from "../support/report.ts";
import { textTable } from "../support/table.ts";
import { buildModel } from "./model.ts";
import { helpText, type Options, parseOptions } from "./options.ts";
import { buildReport, resultTable } from "./report.ts";
import { type Experiment, runsPlanned, stepsPerEpoch, stepsPerRun } from "./results.ts";
import { type Dataset, parseDataset, trainAll } from "./train.ts";
import { verdictOf } from "./verdict.ts";

const INTERRUPTED = 130;

/** Runs the program and returns its exit code. */
async function main(argv: string[]): Promise<number> {
  const options = parseOptions(argv);
  if (options === "help") {
    console.log(helpText());
    return OK;
  }
  const started = performance.now();
  const dataset = parseDataset(readMnist());
  const device = await init({ adapter: options.adapter });
  try {
    const experiment = planned(options, device.info.description);
    console.log(`Adapter: ${experiment.adapter}\n\n${buildModel(options).summary([options.batch, 784])}\n`);
    const stopped = await train(experiment, dataset);
    await show(experiment, ["npm start", ...(argv.length > 0 ? ["--", ...argv] : [])].join(" "));
    console.log(`${clock((performance.now() - started) / 1000)} in all`);
    return stopped ? INTERRUPTED : OK;
  } finally {
    await device.close();
  }
}

function planned(options: Options, adapter: string): Experiment {
  return { options, adapter, stepsPerEpoch: stepsPerEpoch(options), stepsPerRun: stepsPerRun(options), runs: [] };
}

/** Trains with a progress bar. The first Ctrl-C ends it early (true is returned), a second one ends the program. */
async function train(experiment: Experiment, dataset: Dataset): Promise<boolean> {
  const { options, runs, stepsPerRun } = experiment;
  const progress = createProgress(runsPlanned(experiment) * stepsPerRun);
  const control = new AbortController();
  const interrupt = () => control.abort();
  process.once("SIGINT", interrupt);
  try {
    const onProgress = ({ init, losses }: Experiment["runs"][number]) => {
      const done = (runs.length - 1) * stepsPerRun + losses.length;
      const seed = options.seeds > 1 ? ` seed ${runs.at(-1)!.seed}` : "";
      progress.update(done, `${init}${seed}`.padEnd(14), losses.at(-1));
    };
    await trainAll(dataset, options, runs, { stop: control.signal, onProgress });
  } finally {
    process.off("SIGINT", interrupt);
    progress.stop();
  }
  return control.signal.aborted;
}

async function show(experiment: Experiment, command: string): Promise<void> {
  const { summary, sentences } = verdictOf(experiment);
  console.log(`\n${textTable(resultTable(experiment))}\n\n${[summary, ...sentences].join("\n")}`);
  const date = `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const meta = { command, adapter: experiment.adapter, date, "Node.js": process.version };
  console.log(`\nReport: ${writeReport(experiment.options.out, await buildReport(experiment, meta))}`);
}

await runCommand("npm start", () => main(process.argv.slice(2)));
