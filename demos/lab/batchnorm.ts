/** Batch normalization: does it speed training up, and is that smoothness or less covariate shift? */
import { nn, optim } from "gradwell";
import { lineChart } from "../support/chart.ts";
import type { Section } from "../support/report.ts";
import type { Table } from "../support/table.ts";
import { type Experiment, type Finding, judge, type Settings } from "./experiment.ts";
import { BATCH, build, HIDDEN, KINDS, type Kind, type Landscape, landscape, overTraining } from "./landscape.ts";
import { band, mean, pm, seedsOf, short, stepsTo } from "./stats.ts";
import { fixedBatch, train, withoutTrace } from "./training.ts";

const TARGET = 0.5;

interface Speed {
  kind: Kind;
  lr: number;
  losses: number[][];
}

async function speeds({ quick, seeds, log }: Settings): Promise<Speed[]> {
  const rates = quick ? [0.03, 0.3] : [0.01, 0.03, 0.1, 0.3, 1, 3];
  const steps = quick ? 60 : 150;
  const found: Speed[] = [];
  for (const kind of KINDS) {
    for (const lr of rates) {
      const losses: number[][] = [];
      for (const seed of seedsOf(seeds)) {
        const model = build(kind, seed);
        losses.push(
          await train({ model, optimizer: new optim.SGD(model.parameters(), { lr }), steps, batch: BATCH, seed }),
        );
        model.dispose();
      }
      found.push({ kind, lr, losses });
      log(`${kind}, lr ${lr}: steps to loss ${TARGET}: ${reach(losses)}`);
    }
  }
  return found;
}

const reaches = (losses: readonly number[][]) => losses.map((one) => stepsTo(one, TARGET));
function reach(losses: readonly number[][]): string {
  const steps = reaches(losses);
  return steps.every(Number.isFinite)
    ? pm(steps)
    : `never (${steps.filter((one) => !Number.isFinite(one)).length} of ${steps.length})`;
}

/** The same weights and images: training mode against evaluation mode, by batch size. */
async function modes({ seeds, quick }: Settings): Promise<Table> {
  const sizes = quick ? [8, 128] : [2, 8, 32, 128];
  const rows: string[][] = [];
  const model = build("BatchNorm", 1);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  await train({ model, optimizer, steps: quick ? 30 : 150, batch: BATCH, seed: 1 });
  for (const size of sizes) {
    const differences: number[] = [];
    for (const seed of seedsOf(Math.max(seeds, 3))) {
      const [x, y] = fixedBatch(size, 50 + seed);
      const measure = (training: boolean) => withoutTrace(model, training, () => nn.crossEntropy(model.forward(x), y));
      const [[inTraining = 0], [inEvaluation = 0]] = [await measure(true), await measure(false)];
      differences.push(Math.abs(inTraining - inEvaluation));
      for (const one of [x, y]) one.dispose();
    }
    rows.push([String(size), pm(differences)]);
  }
  model.dispose();
  return {
    caption: "Difference of loss between training and inference mode",
    columns: ["batch size", "|difference| (nats)"],
    rows,
  };
}

function speedFinding(runs: readonly Speed[]): Finding {
  const best = (kind: Kind) => {
    const all = runs.filter((run) => run.kind === kind).map((run) => mean(reaches(run.losses)));
    return Math.min(...all);
  };
  const usable = (kind: Kind) =>
    runs.filter((run) => run.kind === kind && reaches(run.losses).every(Number.isFinite)).map((run) => run.lr);
  const [without, with_] = [usable("none"), usable("BatchNorm")];
  const ratio = best("none") / best("BatchNorm");
  const pairs = runs
    .filter((run) => run.kind === "none")
    .map((run) => ({
      lr: run.lr,
      a: mean(reaches(run.losses)),
      b: mean(reaches(runs.find((other) => other.kind === "BatchNorm" && other.lr === run.lr)!.losses)),
    }));
  const faster = pairs.filter(({ a, b }) => b < a).length;
  return {
    claim: "BatchNorm can greatly decrease the time that training takes to converge.",
    result: `Best over the learning rates: ${short(best("BatchNorm"))} steps to loss ${TARGET} with it, ${short(best("none"))} without (${short(ratio)} times); faster at ${faster} of ${pairs.length} rates; every seed got there at rates ${with_.join(", ") || "none"} with it, ${without.join(", ") || "none"} without.`,
    verdict: judge([ratio > 1.2, with_.length > without.length || faster > pairs.length / 2]),
  };
}

function landscapeFindings(plain: Landscape, normed: Landscape): Finding[] {
  const measures = [
    { name: "loss range", of: (one: Landscape) => overTraining(one.spread) },
    { name: "gradient predictiveness", of: (one: Landscape) => overTraining(one.predictiveness) },
    { name: "effective beta", of: (one: Landscape) => overTraining(one.beta) },
  ];
  const smoother = measures.map(({ of }) => mean(of(normed)) < mean(of(plain)));
  const [shiftPlain, shiftNormed] = [plain.shift.map(mean), normed.shift.map(mean)];
  return [
    {
      claim: "It makes the loss landscape smoother.",
      result:
        measures.map(({ name, of }) => `${name} ${pm(of(normed))} with, ${pm(of(plain))} without`).join("; ") +
        " (geometric means over training).",
      verdict: judge(smoother),
    },
    {
      claim: "It most likely does not decrease internal covariate shift.",
      result: `Relative shift of a layer's gradient ${pm(shiftNormed)} with, ${pm(shiftPlain)} without; cosine ${pm(normed.cosine.map(mean))} with, ${pm(plain.cosine.map(mean))} without.`,
      verdict: judge([mean(shiftNormed) > 0.9 * mean(shiftPlain)]),
    },
  ];
}

function modeFinding(modesTable: Table): Finding {
  const first = Number.parseFloat(modesTable.rows[0]![1] as string);
  const last = Number.parseFloat(modesTable.rows.at(-1)![1] as string);
  return {
    claim: "At inference the statistics of the data set replace those of the batch.",
    result: `The two differ by ${modesTable.rows[0]![1]} nats at batch size ${modesTable.rows[0]![0]} and ${modesTable.rows.at(-1)![1]} at ${modesTable.rows.at(-1)![0]}.`,
    verdict: judge([first > last]),
  };
}

async function figures(
  runs: readonly Speed[],
  landscapes: readonly Landscape[],
  modesTable: Table,
): Promise<Section[]> {
  const lr = runs[Math.floor(runs.length / KINDS.length / 2)]!.lr;
  const curves = await lineChart({
    ...{ title: `Training loss at lr ${lr}`, xTitle: "step", yTitle: "loss (nats)", logY: true, window: 3 },
    series: runs.filter((run) => run.lr === lr).map((run) => band(run.kind, run.losses)),
  });
  const chart = (title: string, yTitle: string, pick: (one: Landscape) => number[][]) =>
    lineChart({
      title,
      xTitle: "step",
      yTitle,
      logY: true,
      series: landscapes.map((one) => band(one.kind, pick(one), one.steps)),
    });
  const speedTable: Table = {
    caption: `Steps to a mean loss of ${TARGET} over 10 steps`,
    columns: ["lr", ...KINDS],
    rows: [...new Set(runs.map((run) => run.lr))].map((one) => [
      String(one),
      ...KINDS.map((kind) => reach(runs.find((run) => run.kind === kind && run.lr === one)!.losses)),
    ]),
  };
  return [
    {
      heading: "Speed",
      tables: [speedTable, modesTable],
      figures: [{ name: "loss", svg: curves, caption: "Mean over seeds, band from least to greatest." }],
    },
    {
      heading: "Smoothness and shift during training",
      figures: [
        {
          name: "beta",
          svg: await chart("Effective beta-smoothness", "gradient change per length", (one) => one.beta),
        },
        { name: "range", svg: await chart("Range of the loss along the step", "nats", (one) => one.spread) },
        {
          name: "shift",
          svg: await chart("Internal covariate shift", "relative change of a layer's gradient", (one) => one.shift),
        },
      ],
    },
  ];
}

export const batchnorm: Experiment = {
  name: "batchnorm",
  title: "Batch normalization: faster, and why",
  claim:
    "BatchNorm can greatly decrease the time to converge; it most likely does so by a smoother loss landscape, not by less internal covariate shift.",
  async run(settings) {
    const runs = await speeds(settings);
    const plain = await landscape("none", settings);
    const normed = await landscape("BatchNorm", settings);
    const modesTable = await modes(settings);
    return {
      method: [
        `MLP 784-${HIDDEN.join("-")}-10 with ReLU on MNIST, plain SGD, batches of ${BATCH}, with and without BatchNorm before each activation; the same order of images.`,
        "Smoothness and shift as Santurkar et al. 2018 define them, on a fixed batch of 256 during training at lr 0.1: loss and gradient at 0.5, 1, 2 and 4 times the step; the change of each layer's gradient when those before it have stepped, relative to its length.",
        "Reproduced means: at least 1.2 times fewer steps at the best rate, and more usable rates or faster at most of them; all three smoothness measures lower; shift not below 0.9 of that without; a difference of modes that falls with the batch.",
      ],
      findings: [speedFinding(runs), ...landscapeFindings(plain, normed), modeFinding(modesTable)],
      sections: await figures(runs, [plain, normed], modesTable),
    };
  },
};
