/** Initialization: the article's own experiment, depth, and the variances that theory is about. */
import { optim } from "gradwell";
import { lineChart } from "../support/chart.ts";
import type { Section } from "../support/report.ts";
import type { Table } from "../support/table.ts";
import { ACTIVATIONS, type Deep, depths, network } from "./depth.ts";
import { type Experiment, type Finding, judge, type Settings } from "./experiment.ts";
import {
  type Activation,
  backwardTheory,
  factorOf,
  forwardTheory,
  type Init,
  type Signals,
  signals,
} from "./signals.ts";
import { band, mean, pm, seedsOf, short, std } from "./stats.ts";
import { evaluate, train } from "./training.ts";

const GOOD: readonly Init[] = ["xavierUniform", "xavierNormal", "heUniform", "heNormal"];
const BAD: readonly Init[] = ["zeros", "tooLarge", "tooSmall"];

interface Run {
  init: Init;
  losses: number[][];
  accuracy: number[];
}

/** The article's: three linear layers with ReLU, Adam, batch size 128, lr 1e-4. */
async function article({ quick, seeds, log }: Settings): Promise<Run[]> {
  const steps = quick ? 40 : 938;
  const found: Run[] = [];
  for (const init of ["torchDefault", ...GOOD, ...BAD] as const) {
    const run: Run = { init, losses: [], accuracy: [] };
    for (const seed of seedsOf(seeds)) {
      const model = network([784, 128, 64, 10], "relu", init, seed);
      run.losses.push(
        await train({ model, optimizer: new optim.Adam(model.parameters(), { lr: 1e-4 }), steps, batch: 128, seed }),
      );
      run.accuracy.push(100 * (await evaluate(model, 2000)).accuracy);
      model.dispose();
    }
    found.push(run);
    log(`${init}: ${pm(early(run))} early, ${pm(run.accuracy)} % right at the end`);
  }
  return found;
}

/** Mean loss over the first eighth of training: where the curves of the article differ. */
const early = ({ losses }: Run) => losses.map((one) => mean(one.slice(0, Math.ceil(one.length / 8))));

interface Measured {
  init: Init;
  activation: Activation;
  depth: number;
  runs: Signals[];
}

async function variances({ seeds }: Settings): Promise<Measured[]> {
  const found: Measured[] = [];
  for (const depth of [3, 20]) {
    for (const activation of ACTIVATIONS) {
      for (const init of ["torchDefault", ...GOOD] as const) {
        const runs: Signals[] = [];
        for (const seed of seedsOf(seeds)) runs.push(await signals(init, activation, depth, seed));
        found.push({ init, activation, depth, runs });
      }
    }
  }
  return found;
}

function articleFindings(runs: readonly Run[]): Finding[] {
  const of = (init: Init) => runs.find((run) => run.init === init)!;
  const base = mean(early(of("torchDefault")));
  const leads = GOOD.map((init) => 1 - mean(early(of(init))) / base);
  const final = GOOD.map((init) => mean(of(init).accuracy) - mean(of("torchDefault").accuracy));
  const pairs = [
    ["xavierUniform", "xavierNormal"],
    ["heUniform", "heNormal"],
  ] as const;
  const gaps = pairs.map(([a, b]) => Math.abs(mean(early(of(a))) - mean(early(of(b)))) / base);
  const xavier = [...early(of("xavierUniform")), ...early(of("xavierNormal"))];
  const he = [...early(of("heUniform")), ...early(of("heNormal"))];
  const between = Math.abs(mean(xavier) - mean(he)) / base;
  return [
    {
      claim: "Xavier and He initialization far outperform PyTorch's default.",
      result: `Mean loss over the first eighth of training: default ${pm(early(of("torchDefault")))}, ${GOOD.map((init) => `${init} ${pm(early(of(init)))}`).join(", ")}; ${short(100 * Math.min(...leads))} to ${short(100 * Math.max(...leads))} % lower. Test images right at the end: ${short(Math.min(...final))} to ${short(Math.max(...final))} points more.`,
      verdict: judge([Math.min(...leads) > 0.1, Math.min(...final) > 0.5]),
    },
    {
      claim: "Xavier and He resulted in equal performance.",
      result: `Mean losses early on ${pm(xavier)} and ${pm(he)}: ${short(100 * between)} % apart.`,
      verdict: judge([between < 0.05]),
    },
    {
      claim: "It made no difference whether the distribution was uniform or normal.",
      result: `Apart by ${short(100 * gaps[0]!)} % for Xavier and ${short(100 * gaps[1]!)} % for He; spread over seeds ${short((100 * std(early(of("heNormal")))) / base)} %.`,
      verdict: judge(gaps.map((gap) => gap < 0.05)),
    },
  ];
}

function failureFindings(runs: readonly Run[], deep: readonly Deep[], measured: readonly Measured[]): Finding[] {
  const of = (init: Init) => runs.find((run) => run.init === init)!;
  const failed = BAD.map(
    (init) => mean(of(init).accuracy) < Math.min(...GOOD.map((one) => mean(of(one).accuracy))) - 2,
  );
  const reluDeep = (init: Init) =>
    deep.find((one) => one.activation === "relu" && one.depth === 20 && one.init === init)!.losses;
  const errors = theoryErrors(measured);
  return [
    {
      claim: "The wrong initialization can prevent a model from learning at all.",
      result: `Test images right: ${BAD.map((init) => `${init} ${pm(of(init).accuracy)} %`).join(", ")}, against ${pm(of("heNormal").accuracy)} % with He.`,
      verdict: judge([mean(of("zeros").accuracy) < 15, failed.every(Boolean)]),
    },
    {
      claim: "With ReLU, Xavier sometimes stymies learning; He rectifies this.",
      result: `20 layers with ReLU, loss at the end: He ${pm(reluDeep("heNormal"))}, Xavier ${pm(reluDeep("xavierUniform"))}, default ${pm(reluDeep("torchDefault"))}.`,
      verdict: judge([mean(reluDeep("heNormal")) < 0.9 * mean(reluDeep("xavierUniform"))]),
    },
    {
      claim: "The variance per layer is what these initializations set (Glorot and Bengio, He et al.).",
      result: `Factor per layer over 20 layers of ReLU against theory: off by at most ${short(100 * errors.forward)} % forward and ${short(100 * errors.backward)} % backward.`,
      verdict: judge([errors.forward < 0.1, errors.backward < 0.1]),
    },
  ];
}

function theoryErrors(measured: readonly Measured[]): { forward: number; backward: number } {
  const relu = measured.filter(({ activation, depth }) => activation === "relu" && depth === 20);
  const worst = (errors: number[]) => Math.max(...errors);
  return {
    forward: worst(
      relu.map(({ init, runs }) =>
        Math.abs(mean(runs.map((run) => factorOf(run.forward))) / forwardTheory(init, "relu")! - 1),
      ),
    ),
    backward: worst(
      relu.map(({ init, runs }) =>
        Math.abs(mean(runs.map((run) => 1 / factorOf(run.backward))) / backwardTheory(init, "relu")! - 1),
      ),
    ),
  };
}

function varianceTable(measured: readonly Measured[]): Table {
  const theory = (value: number | undefined) => (value === undefined ? "–" : short(value));
  return {
    caption: "Factor of the mean square per layer: measured, and in theory (tanh where it is linear, sigmoid at 0)",
    columns: ["activation", "depth", "initialization", "forward", "theory", "backward", "theory "],
    rows: measured.map(({ init, activation, depth, runs }) => [
      ...[
        activation,
        depth,
        init,
        pm(runs.map((run) => factorOf(run.forward))),
        theory(forwardTheory(init, activation)),
      ],
      ...[pm(runs.map((run) => 1 / factorOf(run.backward))), theory(backwardTheory(init, activation))],
    ]),
  };
}

async function sections(
  runs: readonly Run[],
  deep: readonly Deep[],
  measured: readonly Measured[],
): Promise<Section[]> {
  const loss = (title: string, inits: readonly Init[]) =>
    lineChart({
      ...{ title, xTitle: "step", yTitle: "training loss (nats)", logY: true, window: 5 },
      series: runs.filter((run) => inits.includes(run.init)).map((run) => band(run.init, run.losses)),
    });
  const byLayer = (title: string, pick: (one: Signals) => number[]) =>
    lineChart({
      ...{ title, xTitle: "layer", yTitle: "mean square", logY: true },
      series: measured
        .filter((one) => one.depth === 20 && one.activation === "relu")
        .map(({ init, runs: all }) => band(init, all.map(pick))),
    });
  const deepTable: Table = {
    caption: "Loss at the end of a short training (Adam at 1e-3)",
    columns: ["activation", "depth", "initialization", "loss, last 10 steps"],
    rows: deep.map(({ activation, depth, init, losses }) => [activation, depth, init, pm(losses)]),
  };
  return [
    {
      heading: "The article's experiment",
      figures: [
        { name: "article", svg: await loss("Training loss, as in the article", ["torchDefault", ...GOOD]) },
        { name: "failures", svg: await loss("Initializations that must fail", ["heNormal", ...BAD]) },
      ],
    },
    { heading: "Depth", tables: [deepTable] },
    {
      heading: "Variance per layer",
      tables: [varianceTable(measured)],
      figures: [
        { name: "forward", svg: await byLayer("Values through 20 layers of ReLU", (one) => one.forward) },
        { name: "backward", svg: await byLayer("Gradients through 20 layers of ReLU", (one) => one.backward) },
      ],
    },
  ];
}

export const init: Experiment = {
  name: "init",
  title: "Initialization: where training starts",
  claim:
    "Xavier and He far outperform PyTorch's default, equally well, and from either distribution; the wrong initialization can prevent learning.",
  async run(settings) {
    const runs = await article(settings);
    const deep = await depths(settings);
    const measured = await variances(settings);
    return {
      method: [
        `Three linear layers 784-128-64-10 with ReLU on MNIST, Adam at 1e-4, batches of 128, ${settings.quick ? 40 : 938} steps (two epochs are 936); biases zero, or PyTorch's for its default. Too large is a standard deviation of 1, too small one of 0.001. Narrower layers than \`npm start\`, which runs the same comparison at 256 and 128 units.`,
        "Depth: hidden layers of 32 units, Adam at 1e-3, batches of 64. Variances: layers of 128 without bias, random inputs of variance 1, a random gradient at the end.",
        "Reproduced means: with every good initialization a mean loss over the first eighth at least 10 % below the default's and half a point more test images right at the end; less than 5 % apart for equal; zeros at chance and the others 2 points behind; He's loss 10 % below Xavier's at depth 20; factors within 10 % of theory.",
      ],
      findings: [...articleFindings(runs), ...failureFindings(runs, deep, measured)],
      sections: await sections(runs, deep, measured),
    };
  },
};
