import { checkBetas, checkConstruction } from "./groups.ts";
import { Optimizer } from "./optimizer.ts";
import type { BaseOptions, OptimizerSpec, ParamsInput } from "./optimizer-spec.ts";

export interface LionOptions extends BaseOptions {
  /** The fraction of the average that enters the direction, and the fraction that is kept. Default [0.9, 0.99]. */
  betas: readonly [number, number];
}

const spec: OptimizerSpec<LionOptions> = {
  name: "Lion",
  defaults: { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0 },
  stateBuffers: [{ name: "exp_avg" }],
  kernelConstants: ({ betas: [beta1, beta2] }) => ({ rate1: 1 - beta1, rate2: 1 - beta2 }),
  update: `
    value -= lr * sign(exp_avg + rate1 * (grad - exp_avg));
    exp_avg += rate2 * (grad - exp_avg);
  `,
  check: ({ betas }) => checkBetas("Lion", betas),
};

/**
 * `u = sign(beta1 m + (1 - beta1) g)`, `p -= lr (u + weightDecay p)`, `m = beta2 m + (1 - beta2) g`. Every element moves by
 * lr in every step: take lr 3 to 10 times smaller than AdamW's, and weightDecay as much larger. Chen et al. 2023.
 */
export class Lion extends Optimizer<LionOptions> {
  constructor(params: ParamsInput<LionOptions>, options: Partial<LionOptions> = {}) {
    checkConstruction("Lion", arguments);
    super(spec, params, options);
  }
}
