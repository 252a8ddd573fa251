import { checkNumber } from "../errors.ts";
import { adam } from "../gpu/shaders.generated.ts";
import { checkBetas, checkConstruction, checkFlag } from "./groups.ts";
import { Optimizer } from "./optimizer.ts";
import type { BaseOptions, KernelSpec, ParamsInput } from "./optimizer-spec.ts";

export interface AdamOptions extends BaseOptions {
  /** The fractions of the first and second moment that are kept. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Default 1e-8. */
  eps: number;
  /** Divides by the largest second moment so far. Default false. */
  amsgrad: boolean;
}

/** The two optimizers differ in where the decay goes: into the gradient, or onto the parameter. */
/* @__NO_SIDE_EFFECTS__ */
function adamSpec(name: string, weightDecay: number, decoupled: boolean): KernelSpec<AdamOptions> {
  return {
    name,
    shader: adam,
    defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay, amsgrad: false },
    stateBuffers: [
      { name: "exp_avg", binding: "expAvg" },
      { name: "exp_avg_sq", binding: "expAvgSq" },
      { name: "max_exp_avg_sq", binding: "maxExpAvgSq", used: ({ amsgrad }) => amsgrad },
    ],
    check({ betas, eps, amsgrad }) {
      checkBetas(name, betas);
      checkNumber(name, "eps", eps, 0);
      checkFlag(name, "amsgrad", amsgrad);
    },
    overrides: ({ amsgrad }) => ({ AMSGRAD: amsgrad }),
    kernelConstants({ betas: [beta1, beta2], eps, weightDecay: decay }, lr, t) {
      const l2 = decoupled ? 0 : decay;
      const factor = decoupled ? 1 - lr * decay : 1;
      return [1 - beta1, 1 - beta2, l2, factor, lr / (1 - beta1 ** t), 1 / Math.sqrt(1 - beta2 ** t), eps];
    },
  };
}

const adamL2 = adamSpec("Adam", 0, false);
const adamDecoupled = adamSpec("AdamW", 1e-2, true);

/**
 * `g += weightDecay p`, `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`,
 * `p -= lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)`, t the parameter's own step count. Kingma, Ba 2015;
 * amsgrad: Reddi, Kale, Kumar 2018.
 */
export class Adam extends Optimizer<AdamOptions> {
  constructor(params: ParamsInput<AdamOptions>, options: Partial<AdamOptions> = {}) {
    checkConstruction("Adam", arguments);
    super(adamL2, params, options);
  }
}

/** Adam whose decay bypasses the moments: `p *= 1 - lr weightDecay` before the update. Loshchilov, Hutter 2019. */
export class AdamW extends Optimizer<AdamOptions> {
  constructor(params: ParamsInput<AdamOptions>, options: Partial<AdamOptions> = {}) {
    checkConstruction("AdamW", arguments);
    super(adamDecoupled, params, options);
  }
}
