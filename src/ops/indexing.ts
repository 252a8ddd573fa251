/** Reads and sums at indices given by a tensor. Sums run in a fixed order: the same bits every time. */
import { isGradEnabled } from "../autograd/modes.ts";
import { defineOp, type Op } from "../autograd/op.ts";
import { check, DtypeError, expected, ShapeError } from "../errors.ts";
import { runGather, runIndexSelect } from "../kernels/indexing/gather.ts";
import { checkIndices, checkRoom, defineIndexFault, type IndexFault } from "../kernels/indexing/index-check.ts";
import { addElements, addRows } from "../kernels/indexing/scatter-sorted.ts";
import { isFloat } from "../kernels/promotion.ts";
import { fill } from "../tensor/copy.ts";
import { normalizeDim, sameShape, sizeAt } from "../tensor/shape.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { add } from "./binary.ts";
import { pad } from "./cat-split.ts";
import { narrow, reshape } from "./movement.ts";

interface IndexAttrs {
  readonly dim: number;
  /** Size of `dim` in the tensor that is read, or added to. */
  readonly length: number;
  readonly fault: IndexFault;
  /** Memory for the result of indexAdd: a leaf's gradient. */
  readonly into?: Tensor | undefined;
}

type Inputs = [x: Tensor, index: Tensor];

const gatherOp: Op<IndexAttrs, Tensor> = defineOp<IndexAttrs>({
  name: "gather",
  computeDtype: "f32",
  forward(ctx, [x, index]: Inputs, { dim, fault }) {
    ctx.save(index);
    return runGather(x, index, dim, fault);
  },
  backward: (ctx, gradY: Tensor) => scatterAddOp([gradY, ctx.saved[0]], ctx.attrs),
});

/** Zeros with `src` added at indices along `dim`, an index per element. */
const scatterAddOp: Op<IndexAttrs, Tensor> = defineOp<IndexAttrs>({
  name: "scatterAdd",
  computeDtype: "f32",
  forward(ctx, [src, index]: Inputs, { dim, length }) {
    ctx.save(index);
    const y = empty(ctx.device, src.shape.with(dim, length), src.dtype);
    if (src.size === 0) fill(y, 0);
    if (src.size * y.size > 0) addElements(y, src, index, dim);
    return y;
  },
  backward: (ctx, gradY: Tensor) => gatherOp([gradY, ctx.saved[0]], ctx.attrs),
});

const selectOp: Op<IndexAttrs, Tensor> = defineOp<IndexAttrs>({
  name: "indexSelect",
  computeDtype: "f32",
  forward(ctx, [x, index]: Inputs, { dim, fault }) {
    ctx.save(index);
    return runIndexSelect(x, index, dim, fault);
  },
  backward(ctx, gradY: Tensor) {
    const into = isGradEnabled() ? undefined : ctx.gradSlot(0);
    return indexAddOp([gradY, ctx.saved[0]], { ...ctx.attrs, into });
  },
});

/** Zeros with the rows of `src` added at one list of indices. */
const indexAddOp: Op<IndexAttrs, Tensor> = defineOp<IndexAttrs>({
  name: "indexAdd",
  computeDtype: "f32",
  forward(ctx, [src, index]: Inputs, { dim, length, into }) {
    ctx.save(index);
    const y = into ?? empty(ctx.device, src.shape.with(dim, length));
    if (src.size === 0) fill(y, 0);
    else if (y.size > 0) addRows(y, src, index, dim);
    return y;
  },
  backward: (ctx, gradY: Tensor) => selectOp([gradY, ctx.saved[0]], ctx.attrs),
});

function checkIndex(op: string, index: Tensor): void {
  const valid = index instanceof Tensor && (index.dtype === "i32" || index.dtype === "u32");
  check(valid, DtypeError, () => expected(op, "index", "a tensor of dtype i32 or u32", index?.dtype ?? index));
}

const GATHER = /* @__PURE__ */ defineIndexFault("gather");
const INDEX_SELECT = /* @__PURE__ */ defineIndexFault("indexSelect");
const SCATTER_ADD = /* @__PURE__ */ defineIndexFault("scatterAdd");

/** `x` at the indices of `index` (1-D, i32 or u32) along `dim`. One out of range gives 0, and the next read throws. */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  checkIndex("indexSelect", index);
  check(index.ndim <= 1, ShapeError, () => expected("indexSelect", "index", "at most 1 dim", index));
  const at = normalizeDim("indexSelect", dim, x.ndim);
  if (x.ndim === 0) return reshape(indexSelect(reshape(x, [1]), 0, index), []);
  checkRoom("indexSelect", sizeAt(x.shape, at), index);
  return selectRows(x, at, index, INDEX_SELECT);
}

/** indexSelect of checked arguments, with the fault of the calling op. */
export const selectRows = (x: Tensor, dim: number, index: Tensor, fault: IndexFault): Tensor =>
  selectOp([x, index], { dim, length: sizeAt(x.shape, dim), fault });

/** Narrows `x` to the sizes of `index` in all dims but `dim`. */
function cutTo(op: string, argument: string, x: Tensor, index: Tensor, dim: number): Tensor {
  const fits = x.ndim === index.ndim && index.shape.every((size, d) => d === dim || size <= sizeAt(x.shape, d));
  check(
    fits,
    ShapeError,
    () =>
      `${op}: argument 'index' expected as many dims as '${argument}' ([${x.shape}]) and, but for dim ${dim}, no larger ones; got [${index.shape}]`,
  );
  return index.shape.reduce((cut, size, d) => (d === dim || size === cut.shape[d] ? cut : narrow(cut, d, 0, size)), x);
}

/** y[i][j][k] = x[i][index[i][j][k]][k] for dim 1, likewise for others. An index out of range gives 0, and the next read throws. */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  checkIndex("gather", index);
  const at = normalizeDim("gather", dim, x.ndim);
  if (x.ndim === 0) return reshape(gather(reshape(x, [1]), 0, reshape(index, [index.size])), index.shape);
  const length = sizeAt(x.shape, at);
  const cut = cutTo("gather", "x", x, index, at);
  checkRoom("gather", length, index);
  return gatherOp([cut, index], { dim: at, length, fault: GATHER });
}

/**
 * x with src[i][j][k] added at [i][index[i][j][k]][k] for dim 1, likewise for others. Elements with an index out of range are
 * left out, and the next read throws.
 */
export function scatterAdd(x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  checkIndex("scatterAdd", index);
  check(src.dtype === x.dtype || (isFloat(src.dtype) && isFloat(x.dtype)), DtypeError, () =>
    expected("scatterAdd", "src", `dtype ${x.dtype}`, src.dtype),
  );
  const at = normalizeDim("scatterAdd", dim, x.ndim);
  if (x.ndim === 0) {
    const line = (one: Tensor) => reshape(one, [one.size]);
    return reshape(scatterAdd(line(x), 0, line(index), line(src)), []);
  }
  cutTo("scatterAdd", "x", x, index, at);
  let values = cutTo("scatterAdd", "src", src, index, at);
  if (values.shape[at] !== index.shape[at]) values = narrow(values, at, 0, sizeAt(index.shape, at));
  const length = sizeAt(x.shape, at);
  checkRoom("scatterAdd", length, index);
  checkIndices(SCATTER_ADD, index, length);
  const sums = scatterAddOp([values, index], { dim: at, length, fault: SCATTER_ADD });
  if (sameShape(sums.shape, x.shape)) return add(x, sums);
  const rest = sums.shape.map((size, d) => [0, (x.shape[d] ?? size) - size] as const);
  return add(x, pad(sums, rest));
}
