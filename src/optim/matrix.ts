/** Base of Muon and Shampoo: matrices move along a direction that operations compute, everything else by AdamW. */

import { noGrad, withMode } from "../autograd/modes.ts";
import { ArgumentError, check, checkNumber, expected } from "../errors.ts";
import { runtimeOf } from "../gpu/device.ts";
import { matrix_update } from "../gpu/shaders.generated.ts";
import { mul } from "../ops/binary.ts";
import { reshape } from "../ops/movement.ts";
import { presentGrad } from "../tensor/leaf-gradients.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { checkFlag, plainGroup } from "./groups.ts";
import { type HeldParameter, Optimizer } from "./optimizer.ts";
import type { BaseOptions, GroupInput, KernelSpec, OptionDefaults, ParamsInput } from "./optimizer-spec.ts";

export interface MatrixOptions extends BaseOptions {
  /** The fraction kept of the average that the direction is made of. Default 0.95. */
  momentum: number;
  /**
   * The direction's factor. "original": see the optimizer. "matchRmsAdamw": 0.2 sqrt(max(rows, columns)), with
   * which a matrix moves about as far as AdamW would move it, so that one lr and decay fit all (Liu et al. 2025).
   */
  adjustLr: "original" | "matchRmsAdamw";
  /**
   * True if the group's parameters are matrices (all dims after the first count as one). Default: those with 2 dims or
   * more.
   */
  matrix: boolean;
  /** AdamW's, for what is no matrix. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** AdamW's. Default 1e-8. */
  adamEps: number;
}

/** Options that reach the kernel in each step, captured or not. */
const IN_ROWS = ["params", "lr", "weightDecay", "betas", "adamEps"];

export const matrixDefaults = { matrix: true, betas: [0.9, 0.999], adamEps: 1e-8 } as const;

/* @__NO_SIDE_EFFECTS__ */
export function matrixSpec<O extends MatrixOptions>(
  name: string,
  defaults: OptionDefaults<O>,
  checkOwn: (options: O) => void,
): KernelSpec<O> {
  const isMatrix = ({ matrix }: O) => matrix;
  const isOther = ({ matrix }: O) => !matrix;
  return {
    name,
    shader: matrix_update,
    defaults,
    stateBuffers: [
      { name: "direction", binding: "direction", used: isMatrix },
      // For a matrix: the average that the direction is made of.
      { name: "exp_avg", binding: "expAvg" },
      { name: "exp_avg_sq", binding: "expAvgSq", used: isOther },
    ],
    check(options) {
      const { momentum, adjustLr, matrix, betas, adamEps } = options;
      for (const beta of [momentum, ...betas]) {
        checkNumber(name, "momentum, betas", beta, 0);
        check(beta < 1, ArgumentError, () => expected(name, "momentum, betas", "numbers below 1", beta));
      }
      check(adjustLr === "original" || adjustLr === "matchRmsAdamw", ArgumentError, () =>
        expected(name, "adjustLr", "'original' or 'matchRmsAdamw'", adjustLr),
      );
      checkFlag(name, "matrix", matrix);
      checkNumber(name, "adamEps", adamEps, 0);
      checkOwn(options);
    },
    overrides: ({ matrix }) => ({ MATRIX: matrix }),
    kernelConstants: ({ betas: [beta1, beta2], adamEps, weightDecay }, lr, t) => [
      1 - beta1,
      1 - beta2,
      1 / Math.sqrt(1 - beta2 ** t),
      1 - lr * weightDecay,
      lr,
      lr / (1 - beta1 ** t),
      adamEps,
    ],
  };
}

/** Groups whose parameters are all matrices or all not. Anything but a list of tensors or groups is left for the checks to refuse. */
function splitGroups<O extends MatrixOptions>(input: ParamsInput<O>): ParamsInput<O> {
  const isList = typeof input === "object" && input !== null && Symbol.iterator in input && !(input instanceof Tensor);
  if (!isList) return input;
  const list = [...(input as Iterable<Tensor | GroupInput<O>>)];
  if (list.length > 0 && list.every((one) => one instanceof Tensor)) {
    return parts(plainGroup<O>(list));
  }
  return list.flatMap((one) => {
    const isGroup =
      typeof one === "object" && one !== null && "params" in one && (one as { matrix?: unknown }).matrix === undefined;
    return isGroup ? parts(one as GroupInput<O>) : [one as GroupInput<O>];
  });
}

function parts<O extends MatrixOptions>(group: GroupInput<O>): GroupInput<O>[] {
  const params = group.params instanceof Tensor ? [group.params] : [...group.params];
  const split = [
    { ...group, params: params.filter(({ ndim }) => ndim >= 2), matrix: true },
    { ...group, params: params.filter(({ ndim }) => !(ndim >= 2)), matrix: false },
  ];
  return split.filter((one) => one.params.length > 0);
}

export abstract class MatrixOptimizer<O extends MatrixOptions> extends Optimizer<O> {
  constructor(spec: KernelSpec<O>, params: ParamsInput<O>, options: Partial<O>) {
    super(spec, splitGroups(params), options);
    for (const { param, options: group } of this.held()) {
      check(!group.matrix || param.ndim >= 2, ArgumentError, () =>
        expected(spec.name, "matrix", "parameters with 2 dims or more in a group with matrix: true", param),
      );
    }
  }

  /** Updates every parameter that has a gradient. */
  override step(): void {
    check(arguments.length === 0, ArgumentError, () => "step: expected no arguments");
    this.beforeStep();
    this.#guardOptions();
    for (const held of this.held({ withGradient: true })) {
      if (!held.options.matrix) continue;
      scope(() => noGrad(() => withMode("autocast", false, () => this.#direct(held))));
    }
    super.step();
  }

  /** The operations of a direction are recorded with the options as numbers; what the kernel's rows hold is written anew. */
  #guardOptions(): void {
    for (const group of this.paramGroups) {
      if (!group.matrix) continue;
      const recorded = Object.keys(group).filter((key) => !IN_ROWS.includes(key)) as (keyof O)[];
      const device = group.params[0]?.device;
      if (device) for (const key of recorded) runtimeOf(device).addCaptureGuard(() => group[key]);
    }
  }

  #direct(held: HeldParameter<O>): void {
    const gradient = asMatrix(presentGrad(held.param));
    const [rows = 0, columns = 0] = gradient.shape;
    const direction = mul(this.direction(held, gradient), this.scaleOf(held.options, rows, columns));
    this.write(asMatrix(held.moment("direction")), direction);
  }

  protected beforeStep(): void {}
  /** The direction (rows, columns) of a parameter's step, before its scale. */
  protected abstract direction(held: HeldParameter<O>, gradient: Tensor): Tensor;
  protected abstract scaleOf(options: O, rows: number, columns: number): number;
}

export const rmsScale = (rows: number, columns: number): number => 0.2 * Math.sqrt(Math.max(rows, columns));

export const asMatrix = (x: Tensor): Tensor => reshape(x, [...x.shape.slice(0, 1), -1]);
