import { ArgumentError, check, checkNumber, expected } from "../errors.ts";
import { sgd } from "../gpu/shaders.generated.ts";
import { checkConstruction, checkFlag } from "./groups.ts";
import { Optimizer } from "./optimizer.ts";
import type { BaseOptions, KernelSpec, ParamsInput } from "./optimizer-spec.ts";

export interface SGDOptions extends BaseOptions {
  /** Default 0: none. */
  momentum: number;
  /** The fraction of the gradient that does not enter the momentum. Default 0. */
  dampening: number;
  /** Default false. */
  nesterov: boolean;
}

const spec: KernelSpec<SGDOptions> = {
  name: "SGD",
  shader: sgd,
  defaults: { lr: undefined, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 },
  stateBuffers: [{ name: "momentum_buffer", binding: "momentumBuffer", used: ({ momentum }) => momentum > 0 }],
  check({ momentum, dampening, nesterov }) {
    checkNumber("SGD", "momentum", momentum, 0);
    checkNumber("SGD", "dampening", dampening);
    checkFlag("SGD", "nesterov", nesterov);
    check(!nesterov || (momentum > 0 && dampening === 0), ArgumentError, () =>
      expected("SGD", "nesterov", "momentum > 0 and dampening 0 with nesterov", [momentum, dampening]),
    );
  },
  overrides: ({ momentum }) => ({ MOMENTUM: momentum > 0 }),
  kernelConstants: ({ momentum, dampening, nesterov, weightDecay }, lr) => [
    lr,
    weightDecay,
    momentum,
    1 - dampening,
    nesterov ? 1 : 0,
  ],
};

/**
 * Gradient descent: `g += weightDecay p`, `v = momentum v + (1 - dampening) g` (the first time `v = g`), `p -= lr v`, or
 * with Nesterov's momentum `p -= lr (g + momentum v)`. Sutskever et al. 2013, as PyTorch has it. `lr` must be given.
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: ParamsInput<SGDOptions>, options: Partial<SGDOptions> = {}) {
    checkConstruction("SGD", arguments);
    super(spec, params, options);
  }
}
