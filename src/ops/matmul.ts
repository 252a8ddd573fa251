/** Matrix products: batched, broadcasting, transposed operands read without a copy. */

import { AUTOCAST_HALF, AUTOCAST_MATMUL, withComputePrecision } from "../autograd/autocast.ts";
import { defineOp } from "../autograd/op.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { matmulOf } from "../kernels/matmul/tensors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { contiguous } from "../tensor/copy.ts";
import { broadcastShapes, type Shape, sameShape, sizeAt, sizeOf } from "../tensor/shape.ts";
import { bytesOf } from "../tensor/storage.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { add, mul } from "./binary.ts";
import { expand } from "./broadcast.ts";
import { reshape, squeeze, transpose, unsqueeze } from "./movement.ts";
import { sum } from "./reduce.ts";

/** A matrix operand as the kernels take it. */
export interface MatrixOperand {
  /** The tensor to bind; disposed by `release` when it is a copy. */
  readonly tensor: Tensor;
  /** It is stored transposed. */
  readonly transposed: boolean;
  readonly release: () => void;
}

/** x (..., rows, cols) as dense matrices or their transposes; copied only when it is neither. */
export function matrixOperand(x: Tensor): MatrixOperand {
  const [rows, cols] = [sizeAt(x.shape, x.ndim - 2), sizeAt(x.shape, x.ndim - 1)];
  const swapped = [...x.shape.slice(0, -2), cols, rows];
  const transposedStrides = x.strides.map((_, i) => elementAt(x.strides, i < x.ndim - 2 ? i : 2 * x.ndim - 3 - i));
  const isTransposed =
    !x.isContiguous && hasStrides(swapped, transposedStrides) && (x.offset * bytesOf(x.dtype)) % 256 === 0;
  if (isTransposed) return { tensor: x, transposed: true, release: () => undefined };
  const dense = contiguous(x);
  return { tensor: dense, transposed: false, release: () => dense !== x && dense.dispose() };
}

/** Reports whether a tensor is dense, whatever the strides of dims of size 1 are. */
function hasStrides(shape: Shape, strides: Shape): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== step) return false;
    step *= sizeAt(shape, i);
  }
  return true;
}

/** a (batch, M, K) times b (batch, K, N); one of them may have batch 1. */
const productOp = defineOp<object, Tensor, [a: Tensor, b: Tensor]>({
  name: "matmul",
  ...AUTOCAST_HALF,
  bilinear: true,
  forward(ctx, [a, b]: [Tensor, Tensor]) {
    ctx.save(a, b);
    const [M, K, N] = [sizeAt(a.shape, 1), sizeAt(a.shape, 2), sizeAt(b.shape, 2)];
    const batch = sizeAt(a.shape[0] === 1 ? b.shape : a.shape, 0);
    const [left, right] = [matrixOperand(a), matrixOperand(b)];
    const product = {
      M,
      N,
      K,
      batch,
      transA: left.transposed,
      transB: right.transposed,
      strideA: a.shape[0] === 1 ? 0 : M * K,
      strideB: b.shape[0] === 1 ? 0 : K * N,
    };
    const out = empty(ctx.device, [batch, M, N], a.dtype);
    const { c: y } = matmulOf(ctx.device, product, { a: left.tensor, b: right.tensor, c: out });
    left.release();
    right.release();
    return y;
  },
  backward(ctx, g: Tensor) {
    const [a, b] = ctx.saved;
    return [
      ctx.needsInputGrad[0] ? sumBatch(product(g, transpose(b, 1, 2)), a) : undefined,
      ctx.needsInputGrad[1] ? sumBatch(product(transpose(a, 1, 2), g), b) : undefined,
    ];
  },
});

/** Sums a gradient over the batch where its operand was shared by all of it. */
function sumBatch(g: Tensor, operand: Tensor): Tensor {
  return g.shape[0] === operand.shape[0] ? g : sum(g, 0, { keepdim: true });
}

const product = (a: Tensor, b: Tensor): Tensor => productOp([a, b], {});

/**
 * Matrix product (..., M, K) x (..., K, N) -> (..., M, N), batch dims broadcasting; one-dimensional operands are a row
 * on the left and a column on the right, and lose that dim in the result. Floats, or i32 or u32 both.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkOperands("matmul", a, b);
  if (a.ndim === 1) return squeeze(matmul(unsqueeze(a, 0), b), b.ndim === 1 ? 0 : -2);
  if (b.ndim === 1) return squeeze(matmul(a, unsqueeze(b, 1)), -1);
  const [M, K, N] = [sizeAt(a.shape, a.ndim - 2), sizeAt(a.shape, a.ndim - 1), sizeAt(b.shape, b.ndim - 1)];
  check(
    b.shape[b.ndim - 2] === K,
    ShapeError,
    () => `matmul: inner sizes differ: a is [${a.shape}] (K = ${K}), b is [${b.shape}] (K = ${b.shape[b.ndim - 2]})`,
  );
  if (!isFloat(a.dtype)) return integerProduct(a, b);
  const lead = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  // With a single right matrix, a batch is one tall matmul.
  if (b.ndim === 2)
    return reshape(product(reshape(a, [1, sizeOf(a.shape.slice(0, -1)), K]), unsqueeze(b, 0)), [...lead, M, N]);
  const [x, y] = [batched(a, lead), batched(b, lead)];
  return reshape(product(x, y), [...lead, M, N]);
}

/** The matmul of integers, exact modulo 2^32; all (..., M, K, N) products are in memory at once. */
function integerProduct(a: Tensor, b: Tensor): Tensor {
  broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  return sum(mul(unsqueeze(a, -1), unsqueeze(b, -3)), -2);
}

/** (..., R, C) as (batch, R, C); batch 1 stands for any. */
function batched(x: Tensor, lead: Shape): Tensor {
  const matrix = x.shape.slice(-2);
  const own = sizeOf(x.shape.slice(0, -2));
  const full = own === 1 ? x : expand(x, [...lead, ...matrix]);
  return reshape(full, [own === 1 ? 1 : sizeOf(lead), ...matrix]);
}

function checkOperands(op: string, a: Tensor, b: Tensor): void {
  for (const [argument, x] of Object.entries({ a, b })) {
    check(x instanceof Tensor && x.dtype !== "bool", DtypeError, () =>
      expected(op, argument, "a tensor of numbers", x?.dtype ?? x),
    );
    check(x.ndim > 0, ShapeError, () => expected(op, argument, "at least one dim", x));
  }
  check((isFloat(a.dtype) && isFloat(b.dtype)) || a.dtype === b.dtype, DtypeError, () =>
    expected(op, "b", `a ${a.dtype} tensor, like a`, b.dtype),
  );
}

/** beta * input + alpha * (a x b) for matrices a (M, K), b (K, N) and an input that broadcasts to (M, N). */
export function addmm(
  input: Tensor,
  a: Tensor,
  b: Tensor,
  { beta = 1, alpha = 1 }: { beta?: number; alpha?: number } = {},
): Tensor {
  check(a.ndim === 2 && b.ndim === 2, ArgumentError, () => expected("addmm", "a, b", "matrices", [a, b]));
  const scaled = (x: Tensor, factor: number) => (factor === 1 ? x : mul(x, factor));
  const product = matmul(a, b);
  check(sameShape(broadcastShapes("addmm", input.shape, product.shape), product.shape), ShapeError, () =>
    expected("addmm", "input", `a shape that broadcasts to [${product.shape}]`, input),
  );
  return withComputePrecision(AUTOCAST_MATMUL, [input, product], ([offset, sum]) =>
    add(scaled(offset, beta), scaled(sum, alpha)),
  );
}
