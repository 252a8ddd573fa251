import { checkNumber } from "../errors.ts";
import { adagrad } from "../gpu/shaders.generated.ts";
import { checkConstruction } from "./groups.ts";
import { Optimizer } from "./optimizer.ts";
import type { BaseOptions, KernelSpec, ParamsInput } from "./optimizer-spec.ts";

export interface AdaGradOptions extends BaseOptions {
  /** Default 0. */
  lrDecay: number;
  /** The initial value of the sums of squares. Default 0. */
  initialAccumulatorValue: number;
  /** Default 1e-10. */
  eps: number;
}

const spec: KernelSpec<AdaGradOptions> = {
  name: "AdaGrad",
  shader: adagrad,
  defaults: { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10 },
  stateBuffers: [{ name: "sum", binding: "sum", initial: ({ initialAccumulatorValue }) => initialAccumulatorValue }],
  check({ lrDecay, initialAccumulatorValue, eps }) {
    checkNumber("AdaGrad", "lrDecay", lrDecay, 0);
    checkNumber("AdaGrad", "initialAccumulatorValue", initialAccumulatorValue, 0);
    checkNumber("AdaGrad", "eps", eps, 0);
  },
  overrides: () => ({}),
  kernelConstants: ({ lrDecay, weightDecay, eps }, lr, t) => [lr / (1 + (t - 1) * lrDecay), weightDecay, eps, lrDecay],
};

/** `g += weightDecay p`, `s += g^2`, `p -= lr / (1 + (t - 1) lrDecay) g / (sqrt(s) + eps)`. Duchi, Hazan, Singer 2011. */
export class AdaGrad extends Optimizer<AdaGradOptions> {
  constructor(params: ParamsInput<AdaGradOptions>, options: Partial<AdaGradOptions> = {}) {
    checkConstruction("AdaGrad", arguments);
    super(spec, params, options);
  }
}
