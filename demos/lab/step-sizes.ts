/** Effective step sizes on the way: what AdaGrad, RMSProp and Adam divide the learning rate by. */
import { optim, type Tensor } from "gradwell";
import type { Settings } from "./experiment.ts";
import { mlp, train } from "./training.ts";

const BATCH = 64;

/** Returns the divisor of lr at several steps: median over the first layer's weights. */
export async function effectiveRates({ quick }: Settings) {
  const at = quick ? [1, 2, 5, 20] : [1, 2, 3, 5, 10, 20, 50, 100, 200, 400];
  const lr = 1e-3;
  const kinds = {
    AdaGrad: { make: (p: Tensor[]) => new optim.AdaGrad(p, { lr }), moment: "sum", correction: () => 1 },
    RMSProp: {
      make: (p: Tensor[]) => new optim.RMSProp(p, { lr, alpha: 0.999 }),
      moment: "square_avg",
      correction: () => 1,
    },
    Adam: {
      make: (p: Tensor[]) => new optim.Adam(p, { lr }),
      moment: "exp_avg_sq",
      correction: (t: number) => 1 - 0.999 ** t,
    },
  };
  const curves: { name: string; x: number[]; y: number[] }[] = [];
  for (const [name, { make, moment, correction }] of Object.entries(kinds)) {
    const model = mlp({ hidden: [64], seed: 1 });
    const optimizer = make(model.parameters());
    const curve = { name, x: [] as number[], y: [] as number[] };
    const before = async (step: number) => {
      if (!at.includes(step)) return;
      const state = optimizer.stateDict().state as Record<string, Record<string, Tensor>>;
      const values = Array.from(await state["2.weight"]![moment]!.data(), Number).map(Math.abs);
      const roots = values.map((value) => Math.sqrt(value / correction(step))).filter((value) => value > 0);
      curve.x.push(step);
      curve.y.push(lr / roots.sort((a, b) => a - b)[roots.length >> 1]!);
    };
    await train({ model, optimizer, steps: at.at(-1)! + 1, batch: BATCH, seed: 1, before });
    model.dispose();
    curves.push(curve);
  }
  return curves;
}

export type Rates = Awaited<ReturnType<typeof effectiveRates>>;
