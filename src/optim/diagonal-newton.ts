import { bartlettDiagonal, diagonalOnce } from "../curvature/diagonal.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, checkNumber, expected } from "../errors.ts";
import { runtimeOf } from "../gpu/device.ts";
import { diagonal_newton } from "../gpu/shaders.generated.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkBetas, checkConstruction } from "./groups.ts";
import { averageRate, moveAverage } from "./moving-average.ts";
import { Optimizer } from "./optimizer.ts";
import type { BaseOptions, KernelSpec, ParamsInput } from "./optimizer-spec.ts";
import type { OptimizerState } from "./state.ts";

/** The options that a parameter group of DiagonalNewton may have to itself. */
export interface DiagonalNewtonGroup extends BaseOptions {
  /** The fractions of the gradient's and of the curvature's average that are kept. Default [0.9, 0.99]. */
  betas: readonly [number, number];
  /** Added to the curvature: directions that bend less are taken to bend this much. Default 1e-3. */
  damping: number;
  /** The most that `m / (|h| + damping)` may be for any parameter, before lr. Default 1. */
  clip: number;
}

export interface DiagonalNewtonOptions extends DiagonalNewtonGroup {
  /** Steps between updates of the curvature by `step(lossFn)`. Default 10. */
  every: number;
  /** Random vectors per update. Default 1. */
  samples: number;
  /** Selects whether `lossFn` gives the loss (Hutchinson) or the logits of a cross entropy (Gauss-Newton-Bartlett). */
  estimator: "hutchinson" | "bartlett";
}

const NAME = "DiagonalNewton";

const spec: KernelSpec<DiagonalNewtonGroup> = {
  name: NAME,
  shader: diagonal_newton,
  defaults: { lr: 1e-2, betas: [0.9, 0.99], damping: 1e-3, clip: 1, weightDecay: 0 },
  stateBuffers: [
    { name: "exp_avg", binding: "expAvg" },
    { name: "hessian_diagonal", binding: "curvature" },
  ],
  check({ betas, damping, clip }) {
    checkBetas(NAME, betas);
    checkNumber(NAME, "damping", damping, 0);
    checkNumber(NAME, "clip", clip, 0);
  },
  overrides: () => ({}),
  kernelConstants: ({ betas: [beta1], damping, clip, weightDecay }, lr, t) => [
    1 - beta1,
    damping,
    clip,
    1 - lr * weightDecay,
    lr,
    1 / (1 - beta1 ** t),
  ],
};

/**
 * `p -= lr clamp(m / (|h| + damping), -clip, clip)`: m the bias-corrected average of the gradient, h an average of
 * estimates of the Hessian's diagonal. Hutchinson's estimate is AdaHessian's (Yao et al. 2021), the
 * Gauss-Newton-Bartlett one and the clipping are Sophia's (Liu et al. 2023). Negative curvature counts by its size;
 * estimates that are not finite are left out. The decay is decoupled.
 *
 * ```ts
 * optimizer.step(() => nn.crossEntropy(model.forward(x), y));   // new curvature every 10th step
 * ```
 */
export class DiagonalNewton extends Optimizer<DiagonalNewtonGroup> {
  readonly #every: number;
  readonly #samples: number;
  readonly #estimator: DiagonalNewtonOptions["estimator"];
  /** Updates of the curvature so far. */
  #updates = 0;

  constructor(params: ParamsInput<DiagonalNewtonGroup>, options: Partial<DiagonalNewtonOptions> = {}) {
    checkConstruction("DiagonalNewton", arguments);
    const { every = 10, samples = 1, estimator = "hutchinson", ...rest } = options;
    for (const [name, value] of Object.entries({ every, samples })) {
      check(Number.isSafeInteger(value) && value >= 1, ArgumentError, () =>
        expected(NAME, name, "an integer >= 1", value),
      );
    }
    check(estimator === "hutchinson" || estimator === "bartlett", ArgumentError, () =>
      expected(NAME, "estimator", "'hutchinson' or 'bartlett'", estimator),
    );
    super(spec, params, rest);
    this.#every = every;
    this.#samples = samples;
    this.#estimator = estimator;
  }

  /**
   * Updates every parameter that has a gradient. With `lossFn` (see `estimator`) the curvature is updated first in every
   * `every`-th step; without it, `updateCurvature` must have been called at least once.
   */
  override step(lossFn?: () => Tensor): void {
    const device = this.held()[0]?.param.device;
    const isDue = () => lossFn !== undefined && this.stepCount % this.#every === 0;
    if (device) runtimeOf(device).addCaptureGuard(isDue);
    if (lossFn && isDue()) this.updateCurvature(lossFn);
    check(
      this.#updates > 0,
      ArgumentError,
      () => `${NAME}.step: there is no curvature yet; pass lossFn to step(), or call updateCurvature(lossFn)`,
    );
    super.step();
  }

  /** Averages one more estimate of the curvature in. A single call of `lossFn` is enough: dropout may be on. */
  updateCurvature(lossFn: () => Tensor): void {
    const held = this.held().filter(({ param }) => param.requiresGrad);
    const params = held.map(({ param }) => param);
    const op = `${NAME}.updateCurvature`;
    const count = (by: number) => () => {
      this.#updates += by;
    };
    if (params[0]) runtimeOf(params[0].device).onReplay(count(1), count(-1));
    scope(() => {
      const diagonal =
        this.#estimator === "bartlett"
          ? bartlettDiagonal(lossFn, params)
          : diagonalOnce(op, lossFn, params, this.#samples);
      held.forEach(({ moment, options }, i) => {
        const rate = () => averageRate(this.#updates, options.betas[1]);
        moveAverage(moment("hessian_diagonal"), elementAt(diagonal, i), rate);
      });
    });
  }

  override stateDict(): OptimizerState & { readonly curvatureUpdates: number } {
    return { ...super.stateDict(), curvatureUpdates: this.#updates };
  }

  override loadStateDict(state: object): void {
    const { curvatureUpdates, ...rest } = state as { curvatureUpdates?: number };
    check(curvatureUpdates !== undefined && Number.isSafeInteger(curvatureUpdates), ArgumentError, () =>
      expected(`${NAME}.loadStateDict`, "curvatureUpdates", "an integer", curvatureUpdates),
    );
    super.loadStateDict(rest);
    this.#updates = curvatureUpdates;
  }
}
