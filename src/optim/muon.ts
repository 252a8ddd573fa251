import { ArgumentError, check, expected } from "../errors.ts";
import { add, div, maximum, mul } from "../ops/binary.ts";
import { matmul } from "../ops/matmul.ts";
import { transpose } from "../ops/movement.ts";
import { sum } from "../ops/reduce.ts";
import { sqrt, square } from "../ops/unary.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkConstruction, checkFlag } from "./groups.ts";
import { asMatrix, MatrixOptimizer, type MatrixOptions, matrixDefaults, matrixSpec, rmsScale } from "./matrix.ts";
import type { HeldParameter } from "./optimizer.ts";
import type { ParamsInput } from "./optimizer-spec.ts";

export interface MuonOptions extends MatrixOptions {
  /** Looks ahead by the momentum. Default true. */
  nesterov: boolean;
  /** Newton-Schulz steps. Default 5. */
  nsSteps: number;
}

const spec = matrixSpec<MuonOptions>(
  "Muon",
  { lr: 1e-3, weightDecay: 0.1, momentum: 0.95, nesterov: true, nsSteps: 5, adjustLr: "original", ...matrixDefaults },
  ({ nesterov, nsSteps }) => {
    checkFlag("Muon", "nesterov", nesterov);
    check(Number.isSafeInteger(nsSteps) && nsSteps >= 1 && nsSteps <= 100, ArgumentError, () =>
      expected("Muon", "nsSteps", "an integer from 1 to 100", nsSteps),
    );
  },
);

/**
 * `m = momentum m + (1 - momentum) g`, `p = (1 - lr weightDecay) p - lr s O`: O is the momentum (with Nesterov's look
 * ahead) made nearly orthogonal by Newton-Schulz steps, `s` is sqrt(max(1, rows / columns)) for adjustLr "original".
 * Biases, norms and whatever has fewer than 2 dims follow AdamW with the same lr and decay. Jordan et al. 2024; defaults
 * as in PyTorch.
 */
export class Muon extends MatrixOptimizer<MuonOptions> {
  constructor(params: ParamsInput<MuonOptions>, options: Partial<MuonOptions> = {}) {
    checkConstruction("Muon", arguments);
    super(spec, params, options);
  }

  protected direction({ moment, options }: HeldParameter<MuonOptions>, gradient: Tensor): Tensor {
    const { momentum, nesterov, nsSteps } = options;
    const average = asMatrix(moment("exp_avg"));
    const next = add(mul(average, momentum), mul(gradient, 1 - momentum));
    this.write(average, next);
    return orthogonalise(nesterov ? add(mul(next, momentum), mul(gradient, 1 - momentum)) : next, nsSteps);
  }

  protected scaleOf({ adjustLr }: MuonOptions, rows: number, columns: number): number {
    return adjustLr === "original" ? Math.sqrt(Math.max(1, rows / columns)) : rmsScale(rows, columns);
  }
}

/** Coefficients of the quintic whose steps bring all singular values near 1 fast, if not exactly there. */
const QUINTIC = [3.4445, -4.775, 2.0315] as const;

/** U V^T, about, of a matrix U S V^T. Works on the flat orientation, whose Gram matrix is the smaller. */
export function orthogonalise(matrix: Tensor, steps: number): Tensor {
  const [rows = 0, columns = 0] = matrix.shape;
  const [a, b, c] = QUINTIC;
  let x = rows > columns ? transpose(matrix, 0, 1) : matrix;
  x = div(x, maximum(sqrt(sum(square(x))), 1e-7));
  for (let step = 0; step < steps; step++) {
    const gram = matmul(x, transpose(x, 0, 1));
    const polynomial = add(mul(gram, b), mul(matmul(gram, gram), c));
    x = add(mul(x, a), matmul(polynomial, x));
  }
  return rows > columns ? transpose(x, 0, 1) : x;
}
