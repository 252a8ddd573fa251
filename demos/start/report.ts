/** From results to what is shown: the tables of the terminal, and the report with its figures. */
import { histogram, lineChart } from "../support/chart.ts";
import { clock } from "../support/progress.ts";
import type { Report, Section } from "../support/report.ts";
import type { Table } from "../support/table.ts";
import { byInit, type Experiment, lossAt, mean, type Run, runsPlanned, spread } from "./results.ts";
import { verdictOf, verdictTable } from "./verdict.ts";

const OPTIMIZER_NAMES = { adam: "Adam", adamw: "AdamW", rmsprop: "RMSProp", adagrad: "AdaGrad", sgd: "SGD" } as const;

/** Loss at fixed steps, accuracy after every epoch, seconds: one row per run. */
export function resultTable(experiment: Experiment): Table {
  const steps = tableSteps(experiment.stepsPerRun);
  const ends = epochEnds(experiment);
  const severalSeeds = experiment.options.seeds > 1;
  const cell = (value: number | undefined, digits: number) => (value === undefined ? "–" : value.toFixed(digits));
  const accuracy = (run: Run, step: number) => run.evaluations.find((evaluation) => evaluation.step === step)?.accuracy;
  const percent = (share: number | undefined) => cell(share === undefined ? undefined : 100 * share, 2);
  return {
    columns: [
      "initialization",
      ...(severalSeeds ? ["seed"] : []),
      ...steps.map((step) => `loss @${step}`),
      ...ends.map(({ name }) => `% right, ${name}`),
      "seconds",
      "steps/s",
    ],
    rows: experiment.runs.map((run) => [
      run.complete ? run.init : `${run.init} (stopped)`,
      ...(severalSeeds ? [run.seed] : []),
      ...steps.map((step) => cell(step <= run.losses.length ? lossAt(run.losses, step) : undefined, 3)),
      ...ends.map(({ step }) => percent(accuracy(run, step))),
      run.seconds.toFixed(1),
      cell(run.seconds > 0 ? run.losses.length / run.seconds : undefined, 0),
    ]),
  };
}

/** A round-numbered handful of steps up to the last. */
export function tableSteps(stepsPerRun: number): number[] {
  const rounds = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000].filter((s) => s < 0.9 * stepsPerRun);
  return [...rounds.slice(-4), stepsPerRun];
}

function epochEnds({ stepsPerEpoch, stepsPerRun }: Experiment): { step: number; name: string }[] {
  const ends = Array.from({ length: Math.floor(stepsPerRun / stepsPerEpoch) }, (_, i) => ({
    step: (i + 1) * stepsPerEpoch,
    name: `epoch ${i + 1}`,
  }));
  // More would not fit a terminal: the first two and the last three then stand for all.
  const shown = ends.length > 5 ? [...ends.slice(0, 2), ...ends.slice(-3)] : ends;
  return stepsPerRun % stepsPerEpoch === 0 ? shown : [...shown, { step: stepsPerRun, name: "end" }];
}

export async function buildReport(experiment: Experiment, meta: Record<string, string>): Promise<Report> {
  const { options } = experiment;
  const drawn = { ...experiment, runs: experiment.runs.filter((run) => run.losses.length > 0) };
  const stopped = experiment.runs.some((run) => !run.complete) || experiment.runs.length < runsPlanned(experiment);
  const size = ["784", ...options.hidden, "10"].join("-");
  const intro =
    `The same network (${size}, ReLU${options.norm === "none" ? "" : `, ${options.norm} normalization`}) trained on the same ` +
    `60,000 MNIST images in the same order, ${OPTIMIZER_NAMES[options.optimizer]} at a learning rate of ${options.lr}, ${options.batch} images per ` +
    `step; only the initial weights differ. With a low rate, where training starts decides how long it takes.` +
    (stopped
      ? ` It was stopped after ${experiment.runs.length} of ${runsPlanned(experiment)} runs; the last may be a part.`
      : "");
  return {
    title: "Where training starts: weight initializations on MNIST",
    intro,
    sections: [findings(drawn), ...(drawn.runs.length > 0 ? [await curves(drawn), await weights(drawn)] : [])],
    meta: { ...meta, "training time": clock(experiment.runs.reduce((sum, run) => sum + run.seconds, 0)) },
  };
}

function findings(experiment: Experiment): Section {
  const verdict = verdictOf(experiment);
  return {
    heading: "What was measured",
    verdict: { kind: verdict.kind, text: verdict.summary },
    paragraphs: [...verdict.sentences, verdict.criterion],
    tables: [
      { ...verdictTable(experiment), caption: "What this rests on; losses in nats" },
      { ...resultTable(experiment), caption: "All runs; losses are means of the 20 steps up to the one named" },
    ],
  };
}

async function curves(experiment: Experiment): Promise<Section> {
  const groups = [...byInit(experiment.runs)];
  const band = experiment.options.seeds > 1 ? "; the bands reach from the least to the greatest of the seeds" : "";
  const losses = groups.map(([name, runs]) => {
    const { mean, low, high } = spread(runs.map((run) => run.losses));
    return { name, x: mean.map((_, i) => i + 1), y: mean, ...(runs.length > 1 ? { low, high } : {}) };
  });
  const loss = await lineChart({
    title: "Training loss",
    xTitle: "step",
    yTitle: "cross entropy of the batch (nats)",
    series: losses,
    window: Math.max(1, Math.min(10, Math.floor(experiment.stepsPerRun / 40))),
  });
  const figures = [
    { name: "training-loss", svg: loss, caption: `Training loss of every step, averaged as the axis says${band}.` },
  ];
  const tested = groups.filter(([, runs]) => runs.some((run) => run.evaluations.length > 0));
  if (tested.length > 0) figures.push(await accuracyFigure(experiment, tested));
  return { heading: "Learning curves", figures };
}

async function accuracyFigure({ stepsPerEpoch }: Experiment, groups: [string, Run[]][]) {
  const series = groups.map(([name, runs]) => {
    const tested = runs.filter((run) => run.evaluations.length > 0);
    const steps = tested[0]!.evaluations.map((evaluation) => evaluation.step);
    const { mean, low, high } = spread(
      tested.map((run) => run.evaluations.map((evaluation) => 100 * evaluation.accuracy)),
    );
    const x = steps.slice(0, mean.length).map((step) => step / stepsPerEpoch);
    return { name, x, y: mean, ...(tested.length > 1 ? { low, high } : {}) };
  });
  const svg = await lineChart({
    title: "Test accuracy",
    xTitle: "epochs",
    yTitle: "test images named right (%)",
    series,
  });
  return { name: "test-accuracy", svg, caption: "On the 10,000 test images, none of which was trained on." };
}

async function weights({ runs, options }: Experiment): Promise<Section> {
  const groups = [...byInit(runs)].map(([name, [first]]) => ({ name, values: first!.initialWeights }));
  const layer = `784 → ${options.hidden[0]}`;
  const svg = await histogram({
    title: `Initial weights of the first layer (${layer})`,
    xTitle: "weight",
    series: groups,
    layout: "rows",
    bins: 80,
  });
  const rows = groups.map(({ name, values }) => [name, deviation(values).toFixed(4)]);
  return {
    heading: "Where they start",
    paragraphs: [
      "PyTorch's default draws from U(-1/√fanIn, 1/√fanIn), a variance of 1/(3 fanIn). Xavier's variance is 2/(fanIn + fanOut), " +
        "He's 2/fanIn. Biases start at zero, with the default they are drawn like the weights.",
    ],
    figures: [
      {
        name: "initial-weights",
        svg,
        caption: `All ${groups[0]!.values.length.toLocaleString("en")} weights, same bins.`,
      },
    ],
    tables: [{ caption: "Standard deviation of these weights", columns: ["initialization", "std"], rows }],
  };
}

function deviation(values: Float32Array): number {
  const numbers = Array.from(values);
  const center = mean(numbers);
  return Math.sqrt(mean(numbers.map((value) => (value - center) ** 2)));
}
