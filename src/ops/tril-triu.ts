/** Triangles of matrices, batched over leading dims. */
import { defineOp, type Op } from "../autograd/op.ts";
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { triangle as triangleShader } from "../gpu/shaders.generated.ts";
import { contiguous } from "../tensor/copy.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

interface Triangle {
  readonly upper: boolean;
  readonly diagonal: number;
}

const triangleOp: Op<Triangle, Tensor> = defineOp<Triangle>({
  name: "triangle",
  computeDtype: "f32",
  forward(ctx, [x]: [Tensor], { upper, diagonal }) {
    const y = empty(ctx.device, x.shape, x.dtype);
    const [rows, columns] = x.shape.slice(-2) as [number, number];
    ctx.device.run(
      triangleShader,
      { x: ctx.disposeAfterForward(contiguous(x)).binding, y: y.binding, size: y.size, rows, columns, diagonal },
      strideGroups(ctx.device, y.size),
      { UPPER: upper },
    );
    return y;
  },
  backward: (ctx, g: Tensor) => triangleOp([g], ctx.attrs),
});

function triangle(op: string, x: Tensor, diagonal: number, upper: boolean): Tensor {
  check(x.ndim >= 2, ShapeError, () => expected(op, "x", "at least 2 dims", x));
  check(Number.isInteger(diagonal), ArgumentError, () => expected(op, "diagonal", "a whole number", diagonal));
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  // Diagonals beyond the corners are all alike, and kernels count in 32 bits.
  return triangleOp([x], { upper, diagonal: Math.max(-rows - 1, Math.min(columns + 1, diagonal)) });
}

/** The lower triangle of matrices, up to the `diagonal`-th diagonal above the main one (below, when negative); 0 elsewhere. */
export const tril = (x: Tensor, diagonal = 0): Tensor => triangle("tril", x, diagonal, false);
/** The upper triangle of matrices, from the `diagonal`-th diagonal above the main one on (below, when negative); 0 elsewhere. */
export const triu = (x: Tensor, diagonal = 0): Tensor => triangle("triu", x, diagonal, true);
