/** Networks of a given depth, activation and initialization, and what a short training makes of them. */
import { manualSeed, nn, optim } from "gradwell";
import type { Settings } from "./experiment.ts";
import { type Activation, INITIALIZERS, type Init } from "./signals.ts";
import { mean, pm, seedsOf } from "./stats.ts";
import { train } from "./training.ts";

export const ACTIVATIONS: readonly Activation[] = ["relu", "tanh", "sigmoid"];

const layerOf = { relu: () => new nn.ReLU(), tanh: () => new nn.Tanh(), sigmoid: () => new nn.Sigmoid() };

export function network(sizes: readonly number[], activation: Activation, init: Init, seed: number): nn.Sequential {
  const layers = sizes.slice(1).flatMap((size, i) => {
    const linear = new nn.Linear(sizes[i]!, size);
    return i === sizes.length - 2 ? [linear] : [linear, layerOf[activation]()];
  });
  const model = new nn.Sequential(...layers);
  manualSeed(seed);
  const draw = INITIALIZERS[init]();
  for (const layer of layers) {
    if (!(layer instanceof nn.Linear)) continue;
    draw(layer.weight);
    const bound = layer.inFeatures ** -0.5;
    if (init === "torchDefault" && layer.bias) nn.init.uniform(-bound, bound)(layer.bias);
  }
  return model;
}

export interface Deep {
  activation: Activation;
  depth: number;
  init: Init;
  losses: number[];
}

/** Loss that a network of this depth comes to in a short training. */
export async function depths({ quick, seeds, log }: Settings): Promise<Deep[]> {
  const found: Deep[] = [];
  for (const activation of quick ? (["relu"] as const) : ACTIVATIONS) {
    for (const depth of [3, 20]) {
      for (const init of ["torchDefault", "xavierUniform", "heNormal"] as const) {
        const losses: number[] = [];
        for (const seed of seedsOf(seeds)) {
          const model = network([784, ...new Array(depth - 1).fill(32), 10], activation, init, seed);
          const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
          losses.push(mean((await train({ model, optimizer, steps: quick ? 20 : 100, batch: 64, seed })).slice(-10)));
          model.dispose();
        }
        found.push({ activation, depth, init, losses });
      }
      log(
        `${activation}, depth ${depth}: ${found
          .slice(-3)
          .map(({ init, losses }) => `${init} ${pm(losses)}`)
          .join(", ")}`,
      );
    }
  }
  return found;
}
