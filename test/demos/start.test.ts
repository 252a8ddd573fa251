import { describe, expect, test } from "vitest";
import { DEFAULTS, helpText, INITS, parseOptions } from "../../demos/start/options.ts";
import { buildReport, resultTable, tableSteps } from "../../demos/start/report.ts";
import { type Experiment, evaluationSteps, lossAt, type Run, spread, stepsTo } from "../../demos/start/results.ts";
import { verdictOf, verdictTable } from "../../demos/start/verdict.ts";
import { UsageError } from "../../demos/support/command.ts";
import { htmlReport } from "../../demos/support/report.ts";

describe("options", () => {
  test("have defaults, and every one is read", () => {
    expect(parseOptions([])).toEqual(DEFAULTS);
    const words =
      "--epochs 3 --steps 50 --seeds 2 --inits heNormal,torchdefault --hidden 64,32 --batch=32 --lr 1e-3 --optimizer adamw";
    expect(parseOptions([...words.split(" "), "--norm", "batch", "--adapter", "software", "--out", "a b"])).toEqual({
      epochs: 3,
      steps: 50,
      seeds: 2,
      inits: ["heNormal", "torchDefault"],
      hidden: [64, 32],
      batch: 32,
      lr: 1e-3,
      optimizer: "adamw",
      norm: "batch",
      adapter: "software",
      out: "a b",
    });
  });

  const refused: [string, string][] = [
    ["--epoch 2", "unknown option '--epoch'; did you mean '--epochs'?"],
    ["--nrom batch", "unknown option '--nrom'; did you mean '--norm'?"],
    ["-x", "unknown option '-x'"],
    ["12", "unexpected word '12'"],
    ["--epochs 2 3", "unexpected word '3'"],
    ["--epochs", "--epochs needs a value"],
    ["--epochs 0", "--epochs: expected an integer from 1 to 1000, got '0'"],
    ["--epochs 1.5", "--epochs: expected an integer"],
    ["--lr --epochs", "--lr needs a value, got '--epochs'"],
    ["--lr -1", "--lr: expected a number above 0"],
    ["--lr NaN", "--lr: expected a number above 0"],
    ["--batch 1", "--batch: expected an integer from 2 to 60000, got '1'"],
    ["--hidden 64,,32", "--hidden: expected an integer from 1 to 65536, got ''"],
    ["--inits heNorml", "got 'heNorml'; did you mean 'heNormal'?"],
    ["--inits heNormal,heNormal", "--inits: 'heNormal' is there twice"],
    ["--optimizer adan", "did you mean 'adam'?"],
    ["--norm instance", "--norm: expected none, batch, layer, got 'instance'"],
    ["--adapter cpu", "--adapter: expected auto, gpu, software, got 'cpu'"],
    ["--out --steps 3", "--out needs a value, got '--steps'"],
  ];
  for (const [line, message] of refused) {
    test(`are refused in '${line}'`, () => {
      expect(() => parseOptions(line.split(" "))).toThrow(UsageError);
      expect(() => parseOptions(line.split(" "))).toThrow(message);
    });
  }

  test("are all named by the help", () => {
    expect(parseOptions(["--help"])).toBe("help");
    expect(parseOptions(["-h"])).toBe("help");
    for (const name of Object.keys(DEFAULTS)) expect(helpText()).toContain(`--${name} `);
    for (const init of INITS) expect(helpText()).toContain(init);
  });
});

test("the test images are looked at four times in a short run, at every epoch's end in a long one", () => {
  const at = (epochs: number, steps?: number) => evaluationSteps({ batch: 128, epochs, steps });
  expect(at(1)).toEqual([117, 234, 351, 468]);
  expect(at(5)).toEqual([468, 936, 1404, 1872, 2340]);
  expect(at(1, 10)).toContain(10);
  expect(at(1, 500).at(-1)).toBe(500);
});

test("smoothed losses are means over a window", () => {
  const losses = [4, 2, 0, 0];
  expect(lossAt(losses, 2, 2)).toBe(3);
  expect(lossAt(losses, 1, 2)).toBe(4);
  expect(stepsTo(losses, 1, 2)).toBe(3);
  expect(stepsTo(losses, -1, 2)).toBeUndefined();
  expect(
    spread([
      [1, 2, 3],
      [3, 0],
    ]),
  ).toEqual({ mean: [2, 1], low: [1, 0], high: [3, 2] });
  expect(tableSteps(468)).toEqual([20, 50, 100, 200, 468]);
  expect(tableSteps(10)).toEqual([10]);
});

/** A run whose loss falls from 2.3 to 0.3 by a factor of e every `pace` steps. */
function run(init: Run["init"], pace: number, seed = 1, length = 468): Run {
  const losses = Array.from({ length }, (_, i) => 0.3 + 2 * Math.exp(-i / pace));
  const evaluations = [117, 234, 351, 468]
    .filter((s) => s <= length)
    .map((step) => ({ step, accuracy: 0.8, loss: 0.5 }));
  const initialWeights = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i * pace) / 10);
  return { init, seed, losses, evaluations, initialWeights, seconds: 2, complete: length === 468 };
}

function experiment(runs: Run[], more: Partial<Experiment["options"]> = {}): Experiment {
  return { options: { ...DEFAULTS, ...more }, adapter: "none", stepsPerEpoch: 468, stepsPerRun: 468, runs };
}

const asTheArticle = () => [
  run("torchDefault", 150),
  run("xavierUniform", 90),
  run("xavierNormal", 92),
  run("heUniform", 85),
  run("heNormal", 88),
];

describe("the verdict", () => {
  test("confirms the article where Xavier and He are ahead", () => {
    const { kind, summary, sentences } = verdictOf(experiment(asTheArticle()));
    expect(kind).toBe("yes");
    expect(summary).toContain("shows what the article found");
    expect(sentences[0]).toContain("Xavier and He were well ahead of PyTorch's default");
    expect(sentences[0]).toMatch(/a mean loss of 1\.\d\d to 1\.\d\d against 1\.\d\d\.$/);
    const [base, xavier] = verdictTable(experiment(asTheArticle())).rows;
    expect(base!.slice(2)).toEqual(["–", "117"]);
    expect(xavier!.slice(2)).toEqual([expect.stringMatching(/^−\d\d\.\d\u00a0%$/), expect.stringMatching(/^\d\d$/)]);
    expect(sentences[1]).toMatch(/^Xavier from a uniform and from a normal distribution did alike/);
  });

  test("says so where nothing leads", () => {
    const runs = asTheArticle().map((r) => run(r.init, 150));
    const { kind, sentences } = verdictOf(experiment(runs));
    expect(kind).toBe("partly");
    expect(sentences[0]).toContain("xavierUniform, xavierNormal, heUniform, heNormal were not well ahead");
    expect(verdictOf(experiment(runs.slice(0, 2))).kind).toBe("no");
    expect(verdictOf(experiment(runs.slice(0, 2))).summary).toContain("did not show what the article found");
  });

  test("says so where uniform and normal differ", () => {
    const runs = asTheArticle();
    runs[2] = run("xavierNormal", 60);
    const { kind, sentences } = verdictOf(experiment(runs));
    expect(kind).toBe("partly");
    expect(sentences[1]).toContain("Xavier from a uniform and from a normal distribution differed");
    expect(sentences[2]).toContain("did alike");
  });

  test("takes a lead that one seed does not show for none", () => {
    const second = asTheArticle().map((r) =>
      run(r.init, r.init === "heNormal" ? 150 : r.init === "torchDefault" ? 150 : 90, 2),
    );
    const { sentences } = verdictOf(experiment([...asTheArticle(), ...second], { seeds: 2 }));
    expect(sentences[0]).toContain("heNormal was not well ahead");
  });

  test("names a run that diverged", () => {
    const runs = asTheArticle();
    runs[1] = { ...runs[1]!, losses: runs[1]!.losses.map(() => Number.NaN) };
    const { kind, sentences } = verdictOf(experiment(runs));
    expect(kind).toBe("partly");
    expect(sentences[0]).toContain("xavierUniform was not well ahead");
    expect(verdictTable(experiment(runs)).rows[1]!.slice(1)).toEqual(["not finite", "–", "–"]);
  });

  test("says so where there is too little to tell", () => {
    const short = { ...experiment(asTheArticle().map((r) => run(r.init, 90, 1, 10))), stepsPerRun: 10 };
    expect(verdictOf(short)).toMatchObject({ kind: "no", sentences: [] });
    expect(verdictOf(short).summary).toContain("cannot tell");
    expect(verdictOf(experiment([run("torchDefault", 100)])).summary).toContain("cannot tell");
    expect(verdictOf(experiment([])).summary).toContain("cannot tell");
  });
});

describe("the report", () => {
  test("holds figures, table and verdict of a whole experiment with seeds", async () => {
    const runs = [...asTheArticle(), ...asTheArticle().map((r) => ({ ...r, seed: 2 }))];
    const report = await buildReport(experiment(runs, { seeds: 2 }), { command: "npm start" });
    const names = report.sections.flatMap((section) => (section.figures ?? []).map((figure) => figure.name));
    expect(names).toEqual(["training-loss", "test-accuracy", "initial-weights"]);
    const html = htmlReport(report);
    for (const text of ["well ahead", "Initial weights of the first layer (784 → 256)", "heNormal", "20 s"]) {
      expect(html).toContain(text);
    }
    expect(html.length).toBeLessThan(200_000);
  });

  test("shows what a stopped experiment has so far", async () => {
    const stopped = experiment([run("torchDefault", 150), run("xavierUniform", 90, 1, 60)]);
    const html = htmlReport(await buildReport(stopped, {}));
    expect(html).toContain("stopped after 2 of 5 runs");
    expect(resultTable(stopped).rows[1]![0]).toBe("xavierUniform (stopped)");
    expect(htmlReport(await buildReport(experiment([]), {}))).toContain("cannot tell");
    const first = { ...run("torchDefault", 150, 1, 60), losses: [], initialWeights: new Float32Array() };
    expect(htmlReport(await buildReport(experiment([first]), {}))).toContain("cannot tell");
  });

  test("has a column for every epoch that ended in its table", () => {
    expect(resultTable(experiment(asTheArticle())).columns).toEqual([
      ...["initialization", "loss @20", "loss @50", "loss @100", "loss @200", "loss @468"],
      ...["% right, epoch 1", "seconds", "steps/s"],
    ]);
  });
});
