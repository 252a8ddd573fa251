import { ArgumentError, check, checkNumber, expected, ShapeError } from "../errors.ts";
import { runtimeOf } from "../gpu/device.ts";
import { add, mul } from "../ops/binary.ts";
import { pad } from "../ops/cat-split.ts";
import { matmul } from "../ops/matmul.ts";
import { narrow, permute, reshape, transpose } from "../ops/movement.ts";
import { copyInto, fill } from "../tensor/copy.ts";
import { sameShape } from "../tensor/shape.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { internal } from "./flat-params.ts";
import { checkConstruction } from "./groups.ts";
import { inverseFourthRoot } from "./inverse-root.ts";
import { asMatrix, MatrixOptimizer, type MatrixOptions, matrixDefaults, matrixSpec, rmsScale } from "./matrix.ts";
import { averageRate, moveAverage } from "./moving-average.ts";
import type { HeldParameter } from "./optimizer.ts";
import type { ParamsInput } from "./optimizer-spec.ts";
import type { OptimizerState } from "./state.ts";

export interface ShampooOptions extends MatrixOptions {
  /** The fraction of the averages of G G^T and G^T G that is kept. Default 0.99. */
  statisticsBeta: number;
  /** The ridge under the roots, as a share of the greatest eigenvalue's bound. Default 1e-4. */
  eps: number;
}

export interface ShampooSchedule {
  /** Steps between computations of the roots. Default 10. */
  every: number;
  /** The most rows and columns of a block; each block of a matrix has a preconditioner of its own. Default 128. */
  blockSize: number;
}

const NAME = "Shampoo";

const spec = matrixSpec<ShampooOptions>(
  NAME,
  {
    lr: 1e-3,
    weightDecay: 0,
    momentum: 0.9,
    statisticsBeta: 0.99,
    eps: 1e-4,
    adjustLr: "matchRmsAdamw",
    ...matrixDefaults,
  },
  ({ statisticsBeta, eps }) => {
    checkNumber(NAME, "statisticsBeta", statisticsBeta, 0);
    check(statisticsBeta < 1, ArgumentError, () =>
      expected(NAME, "statisticsBeta", "a number below 1", statisticsBeta),
    );
    checkNumber(NAME, "eps", eps, 1e-7, 1);
  },
);

/** A matrix as blocks of equal size; the last of a row or column are filled up with zeros. */
interface Blocks {
  readonly rows: number;
  readonly columns: number;
  /** Blocks below and beside each other, and their sizes. */
  readonly down: number;
  readonly across: number;
  readonly height: number;
  readonly width: number;
}

/** State kept for one parameter; all (blocks, size, size). */
interface Preconditioner {
  readonly blocks: Blocks;
  readonly left: Tensor;
  readonly right: Tensor;
  readonly leftRoot: Tensor;
  readonly rightRoot: Tensor;
  /** Gradients averaged so far. */
  count: number;
}

const PARTS = ["left", "right", "leftRoot", "rightRoot"] as const;

export type SavedPreconditioner = Readonly<
  Record<"left" | "right" | "leftRoot" | "rightRoot", Tensor> & { count: number }
>;

/**
 * `L` and `R` average `G G^T` and `G^T G`, `m = momentum m + (1 - momentum) L^(-1/4) G R^(-1/4)`,
 * `p = (1 - lr weightDecay) p - lr s m`: Gupta, Koren, Singer 2018, with averages in place of sums, in blocks, and with
 * roots by coupled Newton iteration every few steps (Anil et al. 2020). `s` is 1 for adjustLr "original". What has
 * fewer than 2 dims follows AdamW.
 */
export class Shampoo extends MatrixOptimizer<ShampooOptions> {
  readonly #every: number;
  readonly #blockSize: number;
  readonly #kept = new Map<Tensor, Preconditioner>();
  #rootsDue = true;

  constructor(params: ParamsInput<ShampooOptions>, options: Partial<ShampooOptions & ShampooSchedule> = {}) {
    checkConstruction("Shampoo", arguments);
    const { every = 10, blockSize = 128, ...rest } = options;
    for (const [name, value] of Object.entries({ every, blockSize })) {
      check(Number.isSafeInteger(value) && value >= 1, ArgumentError, () =>
        expected(NAME, name, "an integer >= 1", value),
      );
    }
    super(spec, params, rest as Partial<ShampooOptions>);
    this.#every = every;
    this.#blockSize = blockSize;
    for (const { param, options: group } of this.held()) {
      if (group.matrix) this.#kept.set(param, makePreconditioner(param, this.#blockSize));
    }
  }

  /** Unsupported: what it averages is counted by the host, which does not know of a skipped step. */
  override stepUnless(): never {
    throw new ArgumentError(`${NAME}: a gradient scaler cannot skip its steps; train it in f32 or bare autocast`);
  }

  protected override beforeStep(): void {
    const isDue = () => this.stepCount % this.#every === 0;
    const device = this.held()[0]?.param.device;
    if (device) runtimeOf(device).addCaptureGuard(isDue);
    this.#rootsDue = isDue();
  }

  protected direction({ moment, options, param }: HeldParameter<ShampooOptions>, gradient: Tensor): Tensor {
    const { momentum, statisticsBeta, eps } = options;
    const kept = this.#kept.get(param) as Preconditioner;
    const { blocks, left, right, leftRoot, rightRoot } = kept;
    const isFirst = kept.count === 0;
    runtimeOf(param.device).addCaptureGuard(() => kept.count === 0);
    runtimeOf(param.device).onReplay(
      () => {
        kept.count++;
      },
      () => {
        kept.count--;
      },
    );
    const g = cut(gradient, blocks);
    const flipped = transpose(g, 1, 2);
    const rate = () => averageRate(kept.count, statisticsBeta);
    moveAverage(left, matmul(g, flipped), rate);
    moveAverage(right, matmul(flipped, g), rate);
    if (this.#rootsDue || isFirst) {
      copyInto(leftRoot, inverseFourthRoot(left, eps));
      copyInto(rightRoot, inverseFourthRoot(right, eps));
    }
    const preconditioned = joinBlocks(matmul(matmul(leftRoot, g), rightRoot), blocks);
    const average = asMatrix(moment("exp_avg"));
    const next = add(mul(average, momentum), mul(preconditioned, 1 - momentum));
    copyInto(average, next);
    return next;
  }

  protected scaleOf({ adjustLr }: ShampooOptions, rows: number, columns: number): number {
    const { height, width } = blocksOf(rows, columns, this.#blockSize);
    return adjustLr === "original" ? 1 : rmsScale(height, width);
  }

  override stateDict(): OptimizerState & { readonly preconditioners: Readonly<Record<string, SavedPreconditioner>> } {
    const state = super.stateDict();
    const entries = [...this.#kept.values()].map((kept, i): [string, SavedPreconditioner] => {
      const { left, right, leftRoot, rightRoot, count } = kept;
      const saved = {
        left: copyOf(left),
        right: copyOf(right),
        leftRoot: copyOf(leftRoot),
        rightRoot: copyOf(rightRoot),
      };
      return [String(i), { ...saved, count }];
    });
    return { ...state, preconditioners: Object.fromEntries(entries) };
  }

  override loadStateDict(state: object): void {
    const { preconditioners = {}, ...rest } = state as { preconditioners?: Record<string, SavedPreconditioner> };
    const all = [...this.#kept.values()];
    all.forEach((kept, i) => {
      checkSaved(preconditioners[i], kept, i);
    });
    super.loadStateDict(rest);
    all.forEach((kept, i) => {
      const saved = preconditioners[i] as SavedPreconditioner;
      for (const part of PARTS) copyInto(kept[part], saved[part]);
      kept.count = saved.count;
    });
  }

  override dispose(): void {
    super.dispose();
    for (const kept of this.#kept.values()) for (const part of PARTS) kept[part].dispose();
  }
}

function copyOf(x: Tensor): Tensor {
  const copy = empty(x.device, x.shape);
  copyInto(copy, x);
  return copy;
}

function checkSaved(saved: SavedPreconditioner | undefined, kept: Preconditioner, i: number): void {
  for (const part of PARTS) {
    const one = saved?.[part];
    check(one instanceof Tensor && sameShape(one.shape, kept[part].shape), ShapeError, () =>
      expected(`${NAME}.loadStateDict`, `preconditioners.${i}.${part}`, `a tensor of shape [${kept[part].shape}]`, one),
    );
  }
}

function makePreconditioner(param: Tensor, blockSize: number): Preconditioner {
  const [rows = 0] = param.shape;
  const blocks = blocksOf(rows, param.size / rows, blockSize);
  const square = (size: number) => {
    const zeros = internal(empty(param.device, [blocks.down * blocks.across, size, size]));
    fill(zeros, 0);
    return zeros;
  };
  const { height, width } = blocks;
  return {
    blocks,
    left: square(height),
    right: square(width),
    leftRoot: square(height),
    rightRoot: square(width),
    count: 0,
  };
}

function blocksOf(rows: number, columns: number, most: number): Blocks {
  const [down, across] = [Math.ceil(rows / most), Math.ceil(columns / most)];
  return { rows, columns, down, across, height: Math.ceil(rows / down), width: Math.ceil(columns / across) };
}

/** (rows, columns) as (blocks, height, width). */
function cut(x: Tensor, { rows, columns, down, across, height, width }: Blocks): Tensor {
  const padded = pad(x, [
    [0, down * height - rows],
    [0, across * width - columns],
  ]);
  const grid = permute(reshape(padded, [down, height, across, width]), [0, 2, 1, 3]);
  return reshape(grid, [down * across, height, width]);
}

function joinBlocks(x: Tensor, { rows, columns, down, across, height, width }: Blocks): Tensor {
  const grid = permute(reshape(x, [down, across, height, width]), [0, 2, 1, 3]);
  const whole = reshape(grid, [down * height, across * width]);
  return narrow(narrow(whole, 0, 0, rows), 1, 0, columns);
}
