/** Weight decay in Adam's gradient and outside of it, over learning rates. */
import { optim } from "gradwell";
import type { Settings } from "./experiment.ts";
import { mean, seedsOf } from "./stats.ts";
import { evaluate, mlp, train } from "./training.ts";

const BATCH = 64;

export interface Grid {
  name: string;
  rates: number[];
  decays: number[];
  /** [decay][rate] -> test loss over seeds. */
  loss: number[][][];
}

/** Test loss over decay x learning rate: if the two are decoupled, the best decay does not depend on the rate. */
export async function decayGrid(kind: "Adam with L2" | "AdamW", { quick, seeds, log }: Settings): Promise<Grid> {
  const rates = quick ? [1e-3, 1e-2] : [1e-3, 3e-3, 1e-2];
  const all = kind === "AdamW" ? [0.01, 0.1, 1, 3] : [1e-4, 1e-3, 1e-2, 1e-1];
  const decays = quick ? all.slice(1, 3) : all;
  const grid: Grid = { name: kind, rates, decays, loss: [] };
  for (const weightDecay of decays) {
    const row: number[][] = [];
    for (const lr of rates) {
      const losses: number[] = [];
      for (const seed of seedsOf(seeds)) {
        const model = mlp({ hidden: [64], seed });
        const Class = kind === "AdamW" ? optim.AdamW : optim.Adam;
        const optimizer = new Class(model.parameters(), { lr, weightDecay });
        await train({ model, optimizer, steps: quick ? 40 : 150, batch: BATCH, seed });
        losses.push((await evaluate(model, 1000)).loss);
        model.dispose();
      }
      row.push(losses);
    }
    grid.loss.push(row);
  }
  log(`${kind}: best decay per rate ${bestDecays(grid).join(", ")}`);
  return grid;
}

export const bestDecays = ({ rates, decays, loss }: Grid): number[] =>
  rates.map((_, r) =>
    decays.reduce((best, decay, d) => (mean(loss[d]![r]!) < mean(loss[decays.indexOf(best)]![r]!) ? decay : best)),
  );
