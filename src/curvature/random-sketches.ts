/** Random maps S (m, n) with E[S^T S] = I, applied to a tall matrix (n, d). */
import { ArgumentError, check, expected } from "../errors.ts";
import { add, mul, sub } from "../ops/binary.ts";
import { expand } from "../ops/broadcast.ts";
import { cat, pad } from "../ops/cat-split.ts";
import { indexSelect, scatterAdd } from "../ops/indexing.ts";
import { matmul } from "../ops/matmul.ts";
import { narrow, reshape } from "../ops/movement.ts";
import { randint, randn, randperm, zeros } from "../tensor/create.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { signsLike } from "./vectors.ts";

export type Sketch = "gaussian" | "srht" | "sparse" | "none";

/** (m, d) from (n, d). "none" gives the matrix itself: exact Newton. */
export function applySketch(kind: Sketch, matrix: Tensor, rows: number): Tensor {
  switch (kind) {
    case "gaussian":
      return mul(matmul(randn([rows, rowsOf(matrix)], { device: matrix.device }), matrix), rows ** -0.5);
    case "srht":
      return subsampledHadamard(matrix, rows);
    case "sparse":
      return sparseSigns(matrix, rows);
    case "none":
      return matrix;
    default:
      throw new ArgumentError(expected("newtonSketch", "sketch", "'gaussian', 'srht', 'sparse' or 'none'", kind));
  }
}

/** sqrt(N / m) R H D: signs, orthonormal Hadamard transform over N (n made a power of two), m rows without replacement. */
function subsampledHadamard(matrix: Tensor, rows: number): Tensor {
  const [n = 0, d = 0] = matrix.shape;
  const padded = 2 ** Math.ceil(Math.log2(n));
  check(rows <= padded, ArgumentError, () => expected("newtonSketch", "sketchSize", `at most ${padded} rows`, rows));
  let mixed = pad(mul(matrix, signColumn(matrix)), [
    [0, padded - n],
    [0, 0],
  ]);
  for (let half = 1; half < padded; half *= 2) {
    const pairs = reshape(mixed, [padded / (2 * half), 2, half * d]);
    const [even, odd] = [narrow(pairs, 1, 0, 1), narrow(pairs, 1, 1, 1)];
    mixed = reshape(cat([add(even, odd), sub(even, odd)], 1), [padded, d]);
  }
  const kept = narrow(randperm(padded, { device: matrix.device }), 0, 0, rows);
  // sqrt(N / m) of the sampling and 1 / sqrt(N) of the transform.
  return mul(indexSelect(mixed, 0, kept), rows ** -0.5);
}

/** Entries other than zero in each column of a sparse sketch. */
const PER_COLUMN = 4;

/** Each row goes with a random sign to a random row in each of a few bands of rows (Kane, Nelson 2014). */
function sparseSigns(matrix: Tensor, rows: number): Tensor {
  const [n = 0, d = 0] = matrix.shape;
  const bands = Math.min(PER_COLUMN, rows);
  const parts = Array.from({ length: bands }, (_, band) => {
    const height = Math.floor(((band + 1) * rows) / bands) - Math.floor((band * rows) / bands);
    const indices = expand(randint(0, height, [n, 1], { device: matrix.device }), [n, d]);
    return scatterAdd(zeros([height, d], { device: matrix.device }), 0, indices, mul(matrix, signColumn(matrix)));
  });
  return mul(cat(parts, 0), bands ** -0.5);
}

const rowsOf = ({ shape: [rows = 0] }: Tensor): number => rows;

const signColumn = (matrix: Tensor): Tensor => signsLike(empty(matrix.device, [rowsOf(matrix), 1]));
