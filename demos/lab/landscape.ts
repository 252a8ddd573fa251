/** Smoothness and covariate shift along a training run, with and without BatchNorm. */
import { curvature, nn, optim } from "gradwell";
import type { Settings } from "./experiment.ts";
import { geometricMean, mean, seedsOf, short } from "./stats.ts";
import { fixedBatch, mlp, train } from "./training.ts";

export const KINDS = ["none", "BatchNorm"] as const;
export type Kind = (typeof KINDS)[number];
export const HIDDEN = [64, 64, 64];
export const BATCH = 64;

export const build = (kind: Kind, seed: number) =>
  mlp({ hidden: HIDDEN, norm: kind === "none" ? undefined : (size) => new nn.BatchNorm1d(size), seed });

export interface Landscape {
  kind: Kind;
  /** Per seed, per checkpoint. */
  spread: number[][];
  beta: number[][];
  predictiveness: number[][];
  shift: number[][];
  cosine: number[][];
  steps: number[];
}

/** The measures of Santurkar et al. along a training run, and what inference makes of the same model. */
export async function landscape(kind: Kind, { quick, seeds, log }: Settings): Promise<Landscape> {
  const lr = 0.1;
  const steps = quick ? [0, 20] : [0, 10, 20, 40, 60, 80, 100];
  const found: Landscape = { kind, spread: [], beta: [], predictiveness: [], shift: [], cosine: [], steps };
  for (const seed of seedsOf(seeds)) {
    const model = build(kind, seed);
    const [x, y] = fixedBatch(256, 100 + seed);
    const loss = () => nn.crossEntropy(model.forward(x), y);
    const params = model.parameters();
    const layers = [...model].map((layer) => layer.parameters()).filter((own) => own.length > 0);
    const series = {
      spread: [] as number[],
      beta: [] as number[],
      predictiveness: [] as number[],
      shift: [] as number[],
      cosine: [] as number[],
    };
    const before = async (step: number) => {
      if (!steps.includes(step)) return;
      const smooth = await curvature.lossSmoothness(loss, params, { stepSizes: [0.5, 1, 2, 4].map((one) => one * lr) });
      const shifts = await curvature.internalCovariateShift(loss, layers, { lr });
      series.spread.push(smooth.lossRange[1] - smooth.lossRange[0]);
      series.beta.push(smooth.effectiveBeta);
      series.predictiveness.push(smooth.gradientPredictiveness[1]);
      series.shift.push(mean(shifts.map((one) => one.relative).filter(Number.isFinite)));
      series.cosine.push(mean(shifts.map((one) => one.cosine).filter(Number.isFinite)));
    };
    await train({
      model,
      optimizer: new optim.SGD(params, { lr }),
      steps: steps.at(-1)! + 1,
      batch: BATCH,
      seed,
      before,
    });
    for (const [name, values] of Object.entries(series)) found[name as keyof typeof series].push(values);
    for (const one of [x, y]) one.dispose();
    model.dispose();
    log(
      `${kind}, seed ${seed}: effective beta ${short(geometricMean(series.beta))}, relative shift ${short(mean(series.shift))}`,
    );
  }
  return found;
}

export const overTraining = (values: readonly number[][]) => values.map((one) => geometricMean(one));
