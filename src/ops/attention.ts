/** Scaled dot-product attention. Vaswani et al. 2017. */
import { ArgumentError, check, checkKeys, checkNumber, DtypeError, expected, ShapeError } from "../errors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { ones } from "../tensor/create.ts";
import { broadcastShapes, sameShape, sizeAt } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { add, logicalAnd, mul, where } from "./binary.ts";
import { dropout as drop } from "./dropout.ts";
import { matmul } from "./matmul.ts";
import { transpose } from "./movement.ts";
import { softmax } from "./softmax.ts";
import { tril } from "./tril-triu.ts";

export interface AttentionOptions {
  /** Broadcasts to (..., L, S). bool: true where attention is allowed; floats: added to the scores. */
  attnMask?: Tensor;
  /** Query i sees only the keys 0 to i. Default false. */
  isCausal?: boolean;
  /** Factor of the scores. Default 1 / sqrt(E). */
  scale?: number;
  /** Probability of a weight being 0. Default 0. */
  dropout?: number;
}

const OP = "scaledDotProductAttention";

/** Returns the weights (..., L, S): before dropout each row sums to 1. */
export function attentionWeights(q: Tensor, k: Tensor, options: AttentionOptions): Tensor {
  const { attnMask, isCausal = false, scale = 1 / Math.sqrt(sizeAt(q.shape, -1)), dropout = 0 } = options;
  if (attnMask) checkMask(attnMask, q, k);
  let scores = matmul(mul(q, scale), transpose(k, -1, -2));
  if (attnMask && isFloat(attnMask.dtype)) scores = add(scores, attnMask);
  const allowed = allowedPairs(scores, attnMask?.dtype === "bool" ? attnMask : undefined, isCausal);
  if (!allowed) return drop(softmax(scores, -1), dropout);
  // The outer `where` is for rows without any key, whose softmax is NaN.
  const weights = where(allowed, softmax(where(allowed, scores, -Infinity), -1), 0);
  return drop(weights, dropout);
}

/** Returns the pairs (L, S) of a query and a key that may attend, or undefined for all. */
function allowedPairs(scores: Tensor, mask: Tensor | undefined, isCausal: boolean): Tensor | undefined {
  if (!isCausal) return mask;
  const causal = tril(ones(scores.shape.slice(-2), { dtype: "bool", device: scores.device }));
  return mask ? logicalAnd(mask, causal) : causal;
}

/**
 * `softmax(scale q k^T) v` with masks. q (..., L, E), k (..., S, E), v (..., S, Ev); y (..., L, Ev). A query that a
 * boolean mask leaves without any key gives 0, and takes no gradient; one whose additive mask is all -inf gives NaN.
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  checkKeys(OP, options, ["attnMask", "isCausal", "scale", "dropout"]);
  checkOperands(q, k, v);
  checkAttention(OP, options);
  return matmul(attentionWeights(q, k, options), v);
}

function checkOperands(q: Tensor, k: Tensor, v: Tensor): void {
  for (const [argument, one] of Object.entries({ q, k, v })) {
    check(one instanceof Tensor && isFloat(one.dtype), DtypeError, () =>
      expected(OP, argument, "a float tensor", one?.dtype ?? one),
    );
    check(one.ndim >= 2, ShapeError, () => expected(OP, argument, "at least 2 dims", one));
  }
  check(k.shape[k.ndim - 1] === q.shape[q.ndim - 1], ShapeError, () =>
    expected(OP, "k", `a last dim of ${q.shape[q.ndim - 1]}, as q has`, k),
  );
  check(v.shape[v.ndim - 2] === k.shape[k.ndim - 2], ShapeError, () =>
    expected(OP, "v", `${k.shape[k.ndim - 2]} rows, as k has`, v),
  );
}

/** Checks the options that attention shares with its layer. */
export function checkAttention(op: string, { isCausal = false, scale, dropout = 0 }: AttentionOptions): void {
  check(typeof isCausal === "boolean", ArgumentError, () => expected(op, "isCausal", "true or false", isCausal));
  if (scale !== undefined) checkNumber(op, "scale", scale);
  checkNumber(op, "dropout", dropout, 0, 1);
}

function checkMask(mask: Tensor, q: Tensor, k: Tensor): void {
  const known = mask instanceof Tensor && (mask.dtype === "bool" || isFloat(mask.dtype));
  check(known, DtypeError, () => expected(OP, "attnMask", "a bool or float tensor", mask?.dtype ?? mask));
  const lead = broadcastShapes(OP, q.shape.slice(0, -2), k.shape.slice(0, -2));
  const scores = [...lead, sizeAt(q.shape, -2), sizeAt(k.shape, -2)];
  check(sameShape(broadcastShapes(OP, mask.shape, scores), scores), ShapeError, () =>
    expected(OP, "attnMask", `a shape that broadcasts to [${scores}]`, mask),
  );
}
