/** Optimizers compared at equal budgets, and what AdaGrad, RMSProp, Adam and AdamW do to step sizes and decay. */
import { optim, type Tensor } from "gradwell";
import { heatMap, lineChart } from "../support/chart.ts";
import type { Section } from "../support/report.ts";
import type { Table } from "../support/table.ts";
import { bestDecays, decayGrid, type Grid } from "./decay.ts";
import { type Experiment, type Finding, judge, type Settings } from "./experiment.ts";
import { band, mean, pm, seedsOf, short, std, tail } from "./stats.ts";
import { effectiveRates, type Rates } from "./step-sizes.ts";
import { mlp, type Stepper, train } from "./training.ts";

const BATCH = 64;

interface Contender {
  name: string;
  rates: number[];
  make(params: Tensor[], lr: number): Stepper;
  secondOrder?: boolean;
}

const CONTENDERS: readonly Contender[] = [
  { name: "SGD", rates: [0.03, 0.1, 0.3, 1], make: (p, lr) => new optim.SGD(p, { lr }) },
  { name: "momentum", rates: [0.01, 0.03, 0.1, 0.3], make: (p, lr) => new optim.SGD(p, { lr, momentum: 0.9 }) },
  { name: "AdaGrad", rates: [0.003, 0.01, 0.03, 0.1], make: (p, lr) => new optim.AdaGrad(p, { lr }) },
  { name: "RMSProp", rates: [3e-4, 1e-3, 3e-3, 1e-2], make: (p, lr) => new optim.RMSProp(p, { lr }) },
  { name: "Adam", rates: [1e-3, 3e-3, 1e-2, 3e-2], make: (p, lr) => new optim.Adam(p, { lr }) },
  { name: "AdamW", rates: [1e-3, 3e-3, 1e-2, 3e-2], make: (p, lr) => new optim.AdamW(p, { lr }) },
  {
    name: "DiagonalNewton",
    rates: [1e-3, 3e-3, 1e-2, 3e-2],
    make: (p, lr) => new optim.DiagonalNewton(p, { lr, every: 10 }),
    secondOrder: true,
  },
  {
    name: "Shampoo",
    rates: [1e-3, 3e-3, 1e-2, 3e-2],
    make: (p, lr) => new optim.Shampoo(p, { lr, every: 25, blockSize: 64 }),
  },
  {
    name: "Muon",
    rates: [1e-3, 3e-3, 1e-2, 3e-2],
    make: (p, lr) => new optim.Muon(p, { lr, weightDecay: 0, adjustLr: "matchRmsAdamw" }),
  },
];

interface Result {
  name: string;
  lr: number;
  losses: number[][];
  milliseconds: number;
}

async function compare({ quick, seeds, log }: Settings): Promise<Result[]> {
  const steps = quick ? 40 : 150;
  const found: Result[] = [];
  for (const { name, rates, make, secondOrder = false } of CONTENDERS) {
    for (const lr of quick ? rates.slice(1, 3) : rates) {
      const losses: number[][] = [];
      const started = performance.now();
      for (const seed of seedsOf(seeds)) {
        const model = mlp({ hidden: [64], seed });
        losses.push(
          await train({ model, optimizer: make(model.parameters(), lr), steps, batch: BATCH, seed, secondOrder }),
        );
        model.dispose();
      }
      found.push({ name, lr, losses, milliseconds: (performance.now() - started) / (seeds * steps) });
    }
    log(`${name}: ${short(mean(ends(bestOf(found, name))))} at lr ${bestOf(found, name).lr}`);
  }
  return found;
}

const ends = (result: Result) => result.losses.map((one) => tail(one));
const score = (result: Result) => (ends(result).every(Number.isFinite) ? mean(ends(result)) : Number.POSITIVE_INFINITY);
const bestOf = (results: readonly Result[], name: string) =>
  results.filter((one) => one.name === name).reduce((best, one) => (score(one) < score(best) ? one : best));

function table(results: readonly Result[]): Table {
  const adam = bestOf(results, "Adam");
  return {
    caption: "Best learning rate of each, equal numbers of steps",
    columns: [
      "optimizer",
      "best lr",
      "loss, last 20 steps",
      "least to greatest over rates",
      "ms per step",
      "against Adam",
    ],
    rows: CONTENDERS.map(({ name }) => {
      const best = bestOf(results, name);
      const scores = results.filter((one) => one.name === name).map(score);
      return [
        ...[name, short(best.lr), pm(ends(best)), `${short(Math.min(...scores))} to ${short(Math.max(...scores))}`],
        ...[best.milliseconds.toFixed(1), `${(best.milliseconds / adam.milliseconds).toFixed(1)}`],
      ];
    }),
  };
}

function findings(results: readonly Result[], rates: Rates, grids: readonly Grid[]): Finding[] {
  const loss = (name: string) => mean(ends(bestOf(results, name)));
  const adaptive = ["AdaGrad", "RMSProp", "Adam", "AdamW"].map(loss);
  const [ada, rms, adam] = ["AdaGrad", "RMSProp", "Adam"].map((name) => rates.find((one) => one.name === name)!);
  const fall = ada!.y[0]! / ada!.y.at(-1)!;
  const bias = rms!.y[0]! / adam!.y[0]!;
  const [a, w] = [bestOf(results, "Adam"), bestOf(results, "AdamW")];
  const apart = Math.abs(mean(ends(a)) - mean(ends(w)));
  const noise = Math.max(std(ends(a)), std(ends(w)));
  const [l2, decoupled] = grids.map(bestDecays);
  const kinds = (list: number[]) => new Set(list).size;
  return [
    {
      claim: "The choice of optimizer has a huge impact; serious ones have a step size for each parameter.",
      result: `Loss at the best rate: ${CONTENDERS.map(({ name }) => `${name} ${pm(ends(bestOf(results, name)))}`).join(", ")}.`,
      verdict: judge([Math.min(...adaptive) < 0.9 * loss("SGD"), Math.min(...adaptive) < loss("momentum")]),
    },
    {
      claim: "AdaGrad's step sizes shrink with the whole history of the gradient.",
      result: `Its median effective rate fell ${short(fall)}-fold from step ${ada!.x[0]} to ${ada!.x.at(-1)}; Adam's ${short(adam!.y[0]! / adam!.y.at(-1)!)}-fold.`,
      verdict: judge([fall > 2, fall > adam!.y[0]! / adam!.y.at(-1)!]),
    },
    {
      claim: "RMSProp's average starts at zero, which biases its first steps; Adam corrects that.",
      result: `After one step RMSProp's effective rate was ${short(bias)} times Adam's; theory says 1 / √(1 − 0.999) = ${short(1 / Math.sqrt(1 - 0.999))}.`,
      verdict: judge([Math.abs(bias * Math.sqrt(1 - 0.999) - 1) < 0.1]),
    },
    {
      claim: "AdamW decouples weight decay from the learning rate.",
      result: `Best decay at rates ${grids[0]!.rates.join(", ")}: Adam with L2 ${l2!.join(", ")}; AdamW ${decoupled!.join(", ")}.`,
      verdict: judge([kinds(decoupled!) === 1, kinds(decoupled!) <= kinds(l2!)]),
    },
    {
      claim: "The author never noticed a difference between Adam and AdamW in training.",
      result: `Loss at the best rate ${pm(ends(a))} and ${pm(ends(w))}: ${short(apart)} apart, the spread over seeds being ${short(noise)}.`,
      verdict: judge([apart <= Math.max(2 * noise, 0.02 * mean(ends(a)))]),
    },
  ];
}

async function sections(results: readonly Result[], rates: Rates, grids: readonly Grid[]): Promise<Section[]> {
  const chart = (title: string, names: string[]) =>
    lineChart({
      ...{ title, xTitle: "step", yTitle: "training loss (nats)", logY: true, window: 5 },
      series: names.map((name) => band(`${name}, lr ${short(bestOf(results, name).lr)}`, bestOf(results, name).losses)),
    });
  const maps = await Promise.all(
    grids.map((grid) =>
      heatMap({
        ...{ title: `${grid.name}: loss on test images`, xTitle: "learning rate", yTitle: "decay", valueTitle: "nats" },
        ...{ xs: grid.rates, ys: grid.decays, values: grid.loss.map((row) => row.map((one) => mean(one))) },
      }),
    ),
  );
  const effective = await lineChart({
    ...{
      title: "Effective step size, median over the last layer's weights",
      xTitle: "step",
      yTitle: "lr / √second moment",
    },
    ...{ logX: true, logY: true, series: rates },
  });
  const diagonal = {
    name: "second-order",
    svg: await chart("Preconditioned optimizers", ["Adam", "DiagonalNewton", "Shampoo", "Muon"]),
  };
  const first = {
    name: "first-order",
    svg: await chart("First-order optimizers", ["SGD", "momentum", "AdaGrad", "RMSProp", "Adam", "AdamW"]),
  };
  return [
    { heading: "Comparison", tables: [table(results)], figures: [first, diagonal] },
    {
      heading: "Step sizes",
      figures: [
        {
          name: "effective",
          svg: effective,
          caption: "RMSProp with alpha 0.999, Adam with beta2 0.999: they differ by the correction.",
        },
      ],
    },
    {
      heading: "Decay and learning rate",
      figures: maps.map((svg, i) => ({ name: `decay-${i === 0 ? "l2" : "adamw"}`, svg })),
    },
  ];
}

export const optimizers: Experiment = {
  name: "optimizers",
  title: "Optimizers: step sizes for every parameter",
  claim:
    "the optimizer has a huge impact on speed and loss; AdaGrad's steps shrink, RMSProp's first steps are biased, Adam corrects them, AdamW decouples decay from the learning rate.",
  async run(settings) {
    const results = await compare(settings);
    const rates = await effectiveRates(settings);
    const grids = [await decayGrid("Adam with L2", settings), await decayGrid("AdamW", settings)];
    return {
      method: [
        `MLP 784-64-10 with ReLU on MNIST, batches of ${BATCH}, ${settings.quick ? 40 : 150} steps for every optimizer, learning rate and seed; ${settings.quick ? 2 : 4} rates each, half a decade apart; the best by mean loss over the last 20 steps. Times are of this machine with what else it did, captured steps, recording included.`,
        "DiagonalNewton: Hutchinson's estimate every 10 steps. Shampoo: blocks of 64, roots every 25 steps. Muon: scaled as AdamW, no decay.",
        "Reproduced means: the best adaptive loss 10 % below SGD's and below momentum's; AdaGrad's rate more than halved, and falling more than Adam's; a bias within 10 % of theory; one best decay for all rates with AdamW, and not more different ones than with L2; Adam and AdamW within two standard deviations.",
      ],
      findings: findings(results, rates, grids),
      sections: await sections(results, rates, grids),
    };
  },
};
