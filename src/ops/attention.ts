/** Scaled dot-product attention. Vaswani et al. 2017; without the matrix of weights: Dao et al. 2022. */
import { AUTOCAST_MATMUL, withComputePrecision } from "../autograd/autocast.ts";
import { isGradEnabled } from "../autograd/modes.ts";
import { cast, defineOp, type Op } from "../autograd/op.ts";
import { ArgumentError, check, checkKeys, checkNumber, DtypeError, expected, ShapeError } from "../errors.ts";
import { type AttentionVariant, attentionVariant } from "../gpu/launch-policy.ts";
import { type AttentionSettings, canFuse, runAttention, runAttentionBackward } from "../kernels/attention.ts";
import { isFloat } from "../kernels/promotion.ts";
import { ones } from "../tensor/create.ts";
import { nextRandomCall } from "../tensor/random.ts";
import { broadcastShapes, type Shape, sameShape, sizeAt } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { add, logicalAnd, mul, where } from "./binary.ts";
import { expand } from "./broadcast.ts";
import { dropout as drop, dropoutOp } from "./dropout.ts";
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
  const { attnMask, isCausal = false, dropout = 0, scale = defaultScale(q) } = options;
  if (attnMask) checkMask(attnMask, q, k);
  return drop(softmaxOfScores(q, k, attnMask, { isCausal, scale }), dropout);
}

const defaultScale = (q: Tensor): number => 1 / Math.sqrt(sizeAt(q.shape, -1));

function softmaxOfScores(
  q: Tensor,
  k: Tensor,
  mask: Tensor | undefined,
  { scale, isCausal }: Pick<AttentionSettings, "scale" | "isCausal">,
): Tensor {
  let scores = matmul(mul(q, scale), transpose(k, -1, -2));
  if (mask && isFloat(mask.dtype)) scores = add(scores, mask);
  const allowed = allowedPairs(scores, mask?.dtype === "bool" ? mask : undefined, isCausal);
  if (!allowed) return softmax(scores, -1);
  // The outer `where` is for rows without any key, whose softmax is NaN.
  return where(allowed, softmax(where(allowed, scores, -Infinity), -1), 0);
}

/** Returns the pairs (L, S) of a query and a key that may attend, or undefined for all. */
function allowedPairs(scores: Tensor, mask: Tensor | undefined, isCausal: boolean): Tensor | undefined {
  if (!isCausal) return mask;
  const causal = tril(ones(scores.shape.slice(-2), { dtype: "bool", device: scores.device }));
  return mask ? logicalAnd(mask, causal) : causal;
}

interface FusedAttrs extends AttentionSettings {
  readonly variant: AttentionVariant;
}

type Operands = readonly [q: Tensor, k: Tensor, v: Tensor];
type Inputs = readonly [q: Tensor, k: Tensor, v: Tensor, mask?: Tensor];

/** q, k, v and the mask as the kernels take them: see `AttentionOperands`. */
const fusedOp: Op<FusedAttrs, Tensor> = defineOp<FusedAttrs>({
  name: OP,
  forward(ctx, operands: Inputs, attrs) {
    const { y, stats } = runAttention(operands, attrs, attrs.variant);
    const [q, k, v, mask] = operands;
    ctx.save(y, ctx.disposeAfterForward(stats), q, k, v, ...(mask ? [mask] : []));
    return y;
  },
  backward(ctx, gradY: Tensor) {
    const { attrs, needsInputGrad } = ctx;
    const [y, stats, ...operands] = ctx.saved as readonly [Tensor, Tensor, ...Inputs];
    const needsKV = needsInputGrad[1] === true || needsInputGrad[2] === true;
    return runAttentionBackward(operands, attrs, attrs.variant, { y, stats, gradY }, needsKV);
  },
  decomposition: ([q, k, v, mask]: Inputs, attrs) => composedAttention([q, k, v], mask, attrs),
});

/** Attention in plain operations. */
export function composedAttention([q, k, v]: Operands, mask: Tensor | undefined, settings: AttentionSettings): Tensor {
  const weights = softmaxOfScores(q, k, mask, settings);
  const { dropout: p, call } = settings;
  return matmul(call ? dropoutOp([weights], { p, call }) : weights, v);
}

/**
 * `softmax(scale q k^T) v` with masks. q (..., L, E), k (..., S, E), v (..., S, Ev); y (..., L, Ev). A query that a
 * boolean mask leaves without any key gives 0, and takes no gradient; one whose additive mask is all -inf gives NaN.
 * No (L, S) matrix is kept, but for a mask that takes a gradient. y's dims lie in memory in the order of q's.
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  checkKeys(OP, options, ["attnMask", "isCausal", "scale", "dropout"]);
  checkOperands(q, k, v);
  checkAttention(OP, options);
  const { attnMask, isCausal = false, scale = defaultScale(q), dropout = 0 } = options;
  if (attnMask) checkMask(attnMask, q, k);
  const lead = broadcastShapes(OP, q.shape.slice(0, -2), k.shape.slice(0, -2));
  const isShared = sameShape(broadcastShapes(OP, lead, v.shape.slice(0, -2)), lead);
  const call = dropout > 0 ? nextRandomCall(q.device) : undefined;
  const settings = { isCausal, scale, dropout, call };
  const variant = isShared && !takesGradient(attnMask) ? fusedVariant([q, k, v], lead, isCausal) : undefined;
  if (!variant) return composedAttention([q, k, v], attnMask, settings);
  const full = (x: Tensor) => {
    const shape = [...lead, ...x.shape.slice(-2)];
    return sameShape(x.shape, shape) ? x : expand(x, shape);
  };
  return fusedAttention([full(q), full(k), full(v)], attnMask, settings, variant);
}

/** The form of the kernels for q, k and v that broadcast to `lead` in front, or undefined where plain operations are to be taken. */
function fusedVariant(operands: Operands, lead: Shape, isCausal: boolean): AttentionVariant | undefined {
  const [q, k] = operands;
  if (!canFuse(operands, lead)) return undefined;
  const needsGrad = operands.some(takesGradient);
  return attentionVariant(q.device, { queries: sizeAt(q.shape, -2), keys: sizeAt(k.shape, -2), isCausal, needsGrad });
}

/** Attention by the kernels of `variant`. q, k and v are of one batch; the mask takes no gradient. */
export function fusedAttention(
  operands: Operands,
  attnMask: Tensor | undefined,
  settings: AttentionSettings,
  variant: AttentionVariant,
): Tensor {
  const mask = attnMask?.dtype === "f16" ? cast(attnMask, "f32") : attnMask;
  return withComputePrecision(AUTOCAST_MATMUL, operands, (alike) =>
    fusedOp([...alike, mask], { ...settings, variant }),
  );
}

const takesGradient = (x: Tensor | undefined): boolean => x?.requiresGrad === true && isGradEnabled();

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
