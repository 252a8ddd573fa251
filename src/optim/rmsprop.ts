import { checkNumber } from "../errors.ts";
import { rmsprop } from "../gpu/shaders.generated.ts";
import { checkConstruction, checkFlag } from "./groups.ts";
import { Optimizer } from "./optimizer.ts";
import type { BaseOptions, KernelSpec, ParamsInput } from "./optimizer-spec.ts";

export interface RMSPropOptions extends BaseOptions {
  /** The fraction of the averages that is kept. Default 0.99. */
  alpha: number;
  /** Default 1e-8. */
  eps: number;
  /** Default 0: none. */
  momentum: number;
  /** Divides by the standard deviation of the gradients in place of their root mean square. Default false. */
  centered: boolean;
}

const spec: KernelSpec<RMSPropOptions> = {
  name: "RMSProp",
  shader: rmsprop,
  defaults: { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false },
  stateBuffers: [
    { name: "square_avg", binding: "squareAvg" },
    { name: "grad_avg", binding: "gradAvg", used: ({ centered }) => centered },
    { name: "momentum_buffer", binding: "momentumBuffer", used: ({ momentum }) => momentum > 0 },
  ],
  check({ alpha, eps, momentum, centered }) {
    checkNumber("RMSProp", "alpha", alpha, 0, 1);
    checkNumber("RMSProp", "eps", eps, 0);
    checkNumber("RMSProp", "momentum", momentum, 0);
    checkFlag("RMSProp", "centered", centered);
  },
  overrides: ({ centered, momentum }) => ({ CENTERED: centered, MOMENTUM: momentum > 0 }),
  kernelConstants: ({ alpha, eps, weightDecay, momentum }, lr) => [lr, weightDecay, 1 - alpha, eps, momentum],
};

/**
 * `g += weightDecay p`, `s = alpha s + (1 - alpha) g^2`, with `centered` also `m = alpha m + (1 - alpha) g` and
 * `s - m^2` in place of `s`, clamped at 0; `u = momentum u + g / (sqrt(s) + eps)`, `p -= lr u`. Tieleman, Hinton 2012;
 * centered: Graves 2013.
 */
export class RMSProp extends Optimizer<RMSPropOptions> {
  constructor(params: ParamsInput<RMSPropOptions>, options: Partial<RMSPropOptions> = {}) {
    checkConstruction("RMSProp", arguments);
    super(spec, params, options);
  }
}
