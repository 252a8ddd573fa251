/** Triangles of matrices, batched over leading dims. */
import { defineOp, type Op } from "../autograd/op.ts";
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { runTriangle } from "../kernels/tril-triu.ts";
import type { Tensor } from "../tensor/tensor.ts";

interface Triangle {
  readonly upper: boolean;
  readonly diagonal: number;
}

const triangleOp: Op<Triangle, Tensor> = defineOp<Triangle>({
  name: "triangle",
  computeDtype: "f32",
  forward: (_, [x]: [x: Tensor], { upper, diagonal }) => runTriangle(x, diagonal, upper),
  backward: (ctx, gradY: Tensor) => triangleOp([gradY], ctx.attrs),
});

function triangle(op: string, x: Tensor, diagonal: number, upper: boolean): Tensor {
  check(x.ndim >= 2, ShapeError, () => expected(op, "x", "at least 2 dims", x));
  check(Number.isInteger(diagonal), ArgumentError, () => expected(op, "diagonal", "an integer", diagonal));
  const [rows = 0, columns = 0] = x.shape.slice(-2);
  // Diagonals beyond the corners give the same result, and kernels count in 32 bits.
  return triangleOp([x], { upper, diagonal: Math.max(-rows - 1, Math.min(columns + 1, diagonal)) });
}

/** Lower triangle of matrices, up to the `diagonal`-th diagonal above the main one (below when negative); 0 elsewhere. */
export const tril = (x: Tensor, diagonal = 0): Tensor => triangle("tril", x, diagonal, false);
/** Upper triangle of matrices, from the `diagonal`-th diagonal above the main one on (below when negative); 0 elsewhere. */
export const triu = (x: Tensor, diagonal = 0): Tensor => triangle("triu", x, diagonal, true);
