import { count, flag, options as optionsOf, probability, signature } from "../arguments.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { isFloat } from "../kernels/promotion.ts";
import { attentionWeights, scaledDotProductAttention } from "../ops/attention.ts";
import { add, logicalAnd, where } from "../ops/binary.ts";
import { sameLifetime, splitViews, unbind } from "../ops/cat-split.ts";
import { linear } from "../ops/linear.ts";
import { matmul } from "../ops/matmul.ts";
import { contiguous, permute, reshape, squeeze, unsqueeze } from "../ops/movement.ts";
import { mean } from "../ops/reduce.ts";
import { logicalNot } from "../ops/unary.ts";
import { tensorArgument } from "../tensor/arguments.ts";
import { sameShape, sizeAt } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { drawBlocks } from "./default-weight.ts";
import { zeros } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { parameter } from "./parameter.ts";

export interface MultiheadAttentionOptions {
  /** Biases of all four projections. Default true. */
  bias?: boolean;
  /** Probability with which an attention weight is set to 0 while training. Default 0. */
  dropout?: number;
  /** Inputs and outputs are (N, L, E) rather than (L, N, E). Default false. */
  batchFirst?: boolean;
  /** Features of the keys. Default embedDim. */
  kdim?: number;
  /** Features of the values. Default embedDim. */
  vdim?: number;
}

export interface MultiheadAttentionCall {
  /** (L, S) or (N * numHeads, L, S). bool: true where attention is forbidden; f32: added to the scores. */
  attnMask?: Tensor;
  /** (N, S). bool: true for keys that no query may see; f32: added to the scores. */
  keyPaddingMask?: Tensor;
  /** Query i sees the keys 0 to i only, besides what the masks say. Default false. */
  isCausal?: boolean;
  /** Returns the attention weights too. Default true. */
  needWeights?: boolean;
  /** Averages these over the heads. Default true. */
  averageAttnWeights?: boolean;
}

const LAYER = "MultiheadAttention";

const checkArguments = /* @__PURE__ */ signature(LAYER, () => ({
  embedDim: count,
  numHeads: count,
  options: optionsOf({ dropout: probability, bias: flag, batchFirst: flag, kdim: count, vdim: count }),
}));
const checkInputs = /* @__PURE__ */ signature(LAYER, () => ({
  query: tensorArgument,
  key: tensorArgument,
  value: tensorArgument,
  call: optionsOf({
    attnMask: tensorArgument,
    keyPaddingMask: tensorArgument,
    isCausal: flag,
    needWeights: flag,
    averageAttnWeights: flag,
  }),
}));

/**
 * Attention of `numHeads` heads side by side. Vaswani et al. 2017. `inProjWeight` (3 embedDim, embedDim) holds the
 * projections of query, key and value; where these differ in width there are `qProjWeight`, `kProjWeight` (embedDim, kdim)
 * and `vProjWeight` (embedDim, vdim) instead. A query that boolean masks leave without any key attends to nothing (0, not NaN).
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly kdim: number;
  readonly vdim: number;
  declare inProjWeight: Tensor | null;
  declare qProjWeight: Tensor | null;
  declare kProjWeight: Tensor | null;
  declare vProjWeight: Tensor | null;
  declare inProjBias: Tensor | null;
  readonly outProj: Linear;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    checkArguments(arguments);
    check(embedDim % numHeads === 0, ArgumentError, () =>
      expected(LAYER, "numHeads", `a divisor of embedDim ${embedDim}`, numHeads),
    );
    const { bias = true, dropout = 0, batchFirst = false, kdim = embedDim, vdim = embedDim } = options;
    super();
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    this.kdim = kdim;
    this.vdim = vdim;
    const joint = kdim === embedDim && vdim === embedDim;
    const projection = (blocks: number, width: number) =>
      parameter([blocks * embedDim, width], (weight) => drawBlocks(weight, blocks));
    this.registerParameter("inProjWeight", joint ? projection(3, embedDim) : null);
    this.registerParameter("qProjWeight", joint ? null : projection(1, embedDim));
    this.registerParameter("kProjWeight", joint ? null : projection(1, kdim));
    this.registerParameter("vProjWeight", joint ? null : projection(1, vdim));
    this.registerParameter("inProjBias", bias ? parameter([3 * embedDim], zeros()) : null);
    this.outProj = new Linear(embedDim, embedDim, { bias });
  }

  /** PyTorch's names: `in_proj_weight`, `out_proj.weight`. */
  protected override stateName(property: string): string {
    return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  }

  /**
   * `[output, weights]`: output like query; weights (N, L, S), by head (N, numHeads, L, S), or null without `needWeights`.
   * query (N, L, embedDim), key (N, S, kdim) and value (N, S, vdim) with batchFirst, (L, N, embedDim), (S, N, kdim) and
   * (S, N, vdim) without; all three may lack the batch.
   */
  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    call: MultiheadAttentionCall = {},
  ): [Tensor, Tensor | null] {
    checkInputs(arguments);
    this.#check(query, key, value, call);
    if (query.ndim === 3) return this.#attend(query, key, value, call);
    const at = this.batchFirst ? 0 : 1;
    const { keyPaddingMask: mask } = call;
    // One tensor stays one: it is then projected in one product.
    const q = unsqueeze(query, at);
    const k = key === query ? q : unsqueeze(key, at);
    const v = value === query ? q : value === key ? k : unsqueeze(value, at);
    const [y, weights] = this.#attend(q, k, v, mask ? { ...call, keyPaddingMask: unsqueeze(mask, 0) } : call);
    return weights ? sameLifetime(squeeze(y, at), squeeze(weights, 0)) : [squeeze(y, at), null];
  }

  #attend(query: Tensor, key: Tensor, value: Tensor, call: MultiheadAttentionCall): [Tensor, Tensor | null] {
    const { isCausal = false, needWeights = true, averageAttnWeights = true } = call;
    const [q, k, v] = this.#project(query, key, value, needWeights);
    const attnMask = this.#mask(call);
    const options = { isCausal, dropout: this.training ? this.dropout : 0, ...(attnMask && { attnMask }) };
    const join = (heads: Tensor) =>
      this.outProj.forward(reshape(permute(heads, this.batchFirst ? [0, 2, 1, 3] : [2, 0, 1, 3]), query.shape));
    if (!needWeights) return [join(scaledDotProductAttention(q, k, v, options)), null];
    const weights = attentionWeights(q, k, options);
    const y = join(matmul(weights, v));
    return sameLifetime(y, averageAttnWeights ? mean(weights, 1) : weights);
  }

  /**
   * Queries, keys and values as (N, numHeads, L, headDim), copied to be contiguous if `dense`. Arguments that are one tensor
   * are projected in one matmul.
   */
  #project(query: Tensor, key: Tensor, value: Tensor, dense: boolean): [Tensor, Tensor, Tensor] {
    const { inProjWeight: weight, inProjBias: bias, embedDim } = this;
    if (weight && query === key && key === value) {
      return this.#heads(query, weight, bias, dense) as [Tensor, Tensor, Tensor];
    }
    const shared = weight !== null && key === value;
    const blocks = [1, ...(shared ? [2] : [1, 1])].map((block) => block * embedDim);
    const weights = weight ? splitViews(weight, blocks, 0) : [this.qProjWeight, this.kProjWeight, this.vProjWeight];
    const biases = bias ? splitViews(bias, blocks, 0) : [];
    const inputs = [query, key, ...(shared ? [] : [value])];
    const heads = inputs.flatMap((x, i) => this.#heads(x, elementAt(weights, i), biases[i] ?? null, dense));
    return [elementAt(heads, 0), elementAt(heads, 1), elementAt(heads, 2)];
  }

  /** x's projections by the blocks of `weight`, each (N, numHeads, L, headDim). */
  #heads(x: Tensor, weight: Tensor, bias: Tensor | null, dense: boolean): Tensor[] {
    const blocks = sizeAt(weight.shape, 0) / this.embedDim;
    const width = this.embedDim / this.numHeads;
    const y = reshape(linear(x, weight, bias ?? undefined), [...x.shape.slice(0, 2), blocks, this.numHeads, width]);
    const heads = permute(y, this.batchFirst ? [2, 0, 3, 1, 4] : [2, 1, 3, 0, 4]);
    return unbind(dense ? contiguous(heads) : heads);
  }

  /** Both masks as one that `attentionWeights` takes: true where attention is allowed, or what is added to the scores. */
  #mask({ attnMask, keyPaddingMask }: MultiheadAttentionCall): Tensor | undefined {
    const byHead = attnMask?.ndim === 3 ? reshape(attnMask, [-1, this.numHeads, ...attnMask.shape.slice(1)]) : attnMask;
    const byKey = keyPaddingMask && unsqueeze(unsqueeze(keyPaddingMask, 1), 1);
    const masks = [byHead, byKey].filter((mask) => mask !== undefined);
    if (masks.every(({ dtype }) => dtype === "bool"))
      return combined(
        masks.map((mask) => logicalNot(mask)),
        logicalAnd,
      );
    return combined(
      masks.map((mask) => (mask.dtype === "bool" ? where(mask, -Infinity, 0) : mask)),
      add,
    );
  }

  #check(query: Tensor, key: Tensor, value: Tensor, call: MultiheadAttentionCall): void {
    const { embedDim, batchFirst } = this;
    const widths = { query: embedDim, key: this.kdim, value: this.vdim };
    for (const [argument, one] of Object.entries({ query, key, value })) {
      const width = widths[argument as keyof typeof widths];
      const form = batchFirst ? `(N, L, ${width})` : `(L, N, ${width})`;
      check(one instanceof Tensor && isFloat(one.dtype), DtypeError, () =>
        expected(LAYER, argument, "a float tensor", one?.dtype ?? one),
      );
      const fits = (one.ndim === 2 || one.ndim === 3) && one.ndim === query.ndim && one.shape.at(-1) === width;
      check(fits, ShapeError, () => expected(LAYER, argument, `a shape ${form}, or without N in all`, one));
    }
    check(sameShape(key.shape.slice(0, -1), value.shape.slice(0, -1)), ShapeError, () =>
      expected(LAYER, "value", `the key's shape [${key.shape}], but for the last dim`, value),
    );
    const batch = batchFirst ? 0 : 1;
    check(query.ndim === 2 || query.shape[batch] === key.shape[batch], ShapeError, () =>
      expected(LAYER, "key", `the query's batch of ${query.shape[batch]}`, key),
    );
    this.#checkMasks(query, key, call);
  }

  #checkMasks(query: Tensor, key: Tensor, { attnMask, keyPaddingMask }: MultiheadAttentionCall): void {
    const at = this.batchFirst ? query.ndim - 2 : 0;
    const [rows, keys] = [sizeAt(query.shape, at), sizeAt(key.shape, at)];
    const batch = query.ndim === 3 ? [sizeAt(query.shape, 1 - at)] : [];
    const perHead = [(batch[0] ?? 1) * this.numHeads, rows, keys];
    const wanted: [string, Tensor | undefined, number[][]][] = [
      ["attnMask", attnMask, [[rows, keys], perHead]],
      ["keyPaddingMask", keyPaddingMask, [[...batch, keys]]],
    ];
    for (const [argument, mask, shapes] of wanted) {
      if (mask === undefined) continue;
      check(mask instanceof Tensor && (mask.dtype === "bool" || isFloat(mask.dtype)), DtypeError, () =>
        expected(LAYER, argument, "a bool or float tensor", mask?.dtype ?? mask),
      );
      const known = shapes.map((shape) => `[${shape}]`).join(" or ");
      check(
        shapes.some((shape) => sameShape(mask.shape, shape)),
        ShapeError,
        () => expected(LAYER, argument, `shape ${known}`, mask),
      );
    }
  }
}

const combined = (masks: readonly Tensor[], join: (a: Tensor, b: Tensor) => Tensor): Tensor | undefined =>
  masks.length > 0 ? masks.reduce(join) : undefined;
