/** Reading and adding at places given by a tensor. Sums run in a fixed order: the same bits every time. */

import { isGradEnabled } from "../autograd/modes.ts";
import { defineOp, type Op } from "../autograd/op.ts";
import type { ForwardContext } from "../autograd/op-types.ts";
import { check, DtypeError, expected, ShapeError } from "../errors.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { gather as gatherShader } from "../gpu/shaders.generated.ts";
import {
  checkIndices,
  checkRoom,
  defineIndexFault,
  faultCode,
  type IndexFault,
} from "../kernels/indexing/index-check.ts";
import { addElements, addRows, innerSize } from "../kernels/indexing/scatter-sorted.ts";
import { isFloat } from "../kernels/promotion.ts";
import { contiguous, fill } from "../tensor/copy.ts";
import { normalizeDim, sameShape } from "../tensor/shape.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { add } from "./binary.ts";
import { pad } from "./cat-split.ts";
import { narrow, reshape } from "./movement.ts";

/** What an adjoint must know: the dim, its size in the tensor that was read, its fault, and where a leaf's gradient may go. */
interface Indices {
  readonly dim: number;
  readonly length: number;
  readonly fault: IndexFault;
  readonly into?: Tensor | undefined;
}

/** y[..., j, ...] = x[..., index, ...]; `shared`: one list of places for every line. */
function runGather(ctx: ForwardContext, x: Tensor, index: Tensor, { dim, fault }: Indices, shared: boolean): Tensor {
  const y = empty(ctx.device, shared ? x.shape.with(dim, index.size) : index.shape, x.dtype);
  const length = x.shape[dim] as number;
  if (y.size === 0) return y;
  ctx.device.run(
    gatherShader,
    {
      ...{
        x: ctx.disposeAfterForward(contiguous(x)).binding,
        index: ctx.disposeAfterForward(contiguous(index)).binding,
        y: y.binding,
      },
      ...{ size: y.size, count: y.shape[dim] as number, length, inner: innerSize(x.shape, dim) },
      ...{ faults: ctx.device.faults.binding, faultCode: faultCode(fault, index) },
    },
    strideGroups(ctx.device, y.size),
    { SHARED: shared },
  );
  return y;
}

const gatherOp: Op<Indices, Tensor> = defineOp<Indices>({
  name: "gather",
  computeDtype: "f32",
  forward(ctx, [x, index]: [Tensor, Tensor], attrs) {
    ctx.save(index);
    return runGather(ctx, x, index, attrs, false);
  },
  backward: (ctx, g: Tensor) => scatterAddOp([g, ctx.saved[0]], ctx.attrs),
});

/** Zeros with `src` added at places along `dim`, every element's own. */
const scatterAddOp: Op<Indices, Tensor> = defineOp<Indices>({
  name: "scatterAdd",
  computeDtype: "f32",
  forward(ctx, [src, index]: [Tensor, Tensor], { dim, length }) {
    ctx.save(index);
    const y = empty(ctx.device, src.shape.with(dim, length), src.dtype);
    if (src.size === 0) fill(y, 0);
    if (src.size * y.size > 0) addElements(y, src, index, dim);
    return y;
  },
  backward: (ctx, g: Tensor) => gatherOp([g, ctx.saved[0]], ctx.attrs),
});

const selectOp: Op<Indices, Tensor> = defineOp<Indices>({
  name: "indexSelect",
  computeDtype: "f32",
  forward(ctx, [x, index]: [Tensor, Tensor], attrs) {
    ctx.save(index);
    return runGather(ctx, x, index, attrs, true);
  },
  backward(ctx, g: Tensor) {
    const into = isGradEnabled() ? undefined : ctx.gradSlot(0);
    return indexAddOp([g, ctx.saved[0]], { ...ctx.attrs, into });
  },
});

/** Zeros with the rows of `src` added at one list of places: sorted once, then every row sums its own. */
const indexAddOp: Op<Indices, Tensor> = defineOp<Indices>({
  name: "indexAdd",
  computeDtype: "f32",
  forward(ctx, [src, index]: [Tensor, Tensor], { dim, length, into }) {
    ctx.save(index);
    const y = into ?? empty(ctx.device, src.shape.with(dim, length));
    if (src.size === 0) fill(y, 0);
    else if (y.size > 0) addRows(y, src, index, dim);
    return y;
  },
  backward: (ctx, g: Tensor) => selectOp([g, ctx.saved[0]], ctx.attrs),
});

function checkIndex(op: string, index: Tensor): void {
  const whole = index instanceof Tensor && (index.dtype === "i32" || index.dtype === "u32");
  check(whole, DtypeError, () => expected(op, "index", "a tensor of dtype i32 or u32", index?.dtype ?? index));
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
  checkRoom("indexSelect", x.shape[at] as number, index);
  return selectRows(x, at, index, INDEX_SELECT);
}

/** indexSelect of checked arguments, whose faults are another op's. */
export const selectRows = (x: Tensor, dim: number, index: Tensor, fault: IndexFault): Tensor =>
  selectOp([x, index], { dim, length: x.shape[dim] as number, fault });

/** `x` cut to the places that `index` reaches in all dims but `dim`. */
function cutTo(op: string, argument: string, x: Tensor, index: Tensor, dim: number): Tensor {
  const fits = x.ndim === index.ndim && index.shape.every((size, d) => d === dim || size <= (x.shape[d] as number));
  check(
    fits,
    ShapeError,
    () =>
      `${op}: argument 'index' expected as many dims as '${argument}' ([${x.shape}]) and, but for dim ${dim}, no larger ones; got [${index.shape}]`,
  );
  return index.shape.reduce((cut, size, d) => (d === dim || size === cut.shape[d] ? cut : narrow(cut, d, 0, size)), x);
}

/** y[i][j][k] = x[i][index[i][j][k]][k] for dim 1, and likewise for others. An index out of range gives 0, and the next read throws. */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  checkIndex("gather", index);
  const at = normalizeDim("gather", dim, x.ndim);
  if (x.ndim === 0) return reshape(gather(reshape(x, [1]), 0, reshape(index, [index.size])), index.shape);
  const length = x.shape[at] as number;
  const cut = cutTo("gather", "x", x, index, at);
  checkRoom("gather", length, index);
  return gatherOp([cut, index], { dim: at, length, fault: GATHER });
}

/**
 * x with src[i][j][k] added at [i][index[i][j][k]][k] for dim 1, and likewise for others. What goes to an index out of range
 * is left out, and the next read throws.
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
  if (values.shape[at] !== index.shape[at]) values = narrow(values, at, 0, index.shape[at] as number);
  const length = x.shape[at] as number;
  checkRoom("scatterAdd", length, index);
  checkIndices(SCATTER_ADD, index, length);
  const placed = scatterAddOp([values, index], { dim: at, length, fault: SCATTER_ADD });
  if (sameShape(placed.shape, x.shape)) return add(x, placed);
  return add(
    x,
    pad(
      placed,
      x.shape.map((size, d) => [0, size - (placed.shape[d] as number)] as const),
    ),
  );
}
