/** Embedding: rows of a table by index. */
import { ArgumentError, check, checkKeys, DtypeError, expected, ShapeError } from "../errors.ts";
import { checkRoom, defineIndexFault } from "../kernels/indexing/index-check.ts";
import { Tensor } from "../tensor/tensor.ts";
import { eq, where } from "./binary.ts";
import { selectRows } from "./indexing.ts";
import { detach, reshape, unsqueeze } from "./movement.ts";

export interface EmbeddingCall {
  /** Rows of this index get no gradient. Negative ones count from the end. */
  paddingIdx?: number;
}

/** Checks `paddingIdx` and returns it counted from the front. */
export function normalizePaddingIdx(op: string, paddingIdx: number | undefined, rows: number): number | undefined {
  if (paddingIdx === undefined) return undefined;
  check(Number.isSafeInteger(paddingIdx) && paddingIdx >= -rows && paddingIdx < rows, ArgumentError, () =>
    expected(op, "paddingIdx", `an integer from ${-rows} to ${rows - 1}`, paddingIdx),
  );
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
}

const EMBEDDING = /* @__PURE__ */ defineIndexFault("embedding");

/**
 * `y[...] = weight[index[...]]`. index (...), i32 or u32; weight (rows, width); y (..., width). An index out of range gives
 * a row of 0 without a gradient, and the next read throws.
 */
export function embedding(index: Tensor, weight: Tensor, options: EmbeddingCall = {}): Tensor {
  checkKeys("embedding", options, ["paddingIdx"]);
  const isIndex = index instanceof Tensor && (index.dtype === "i32" || index.dtype === "u32");
  check(isIndex, DtypeError, () =>
    expected("embedding", "index", "a tensor of dtype i32 or u32", index?.dtype ?? index),
  );
  check(weight instanceof Tensor && weight.ndim === 2, ShapeError, () =>
    expected("embedding", "weight", "a tensor (rows, width)", weight),
  );
  const flat = reshape(index, [index.size]);
  const [size = 0, width = 0] = weight.shape;
  checkRoom("embedding", size, flat);
  let rows = selectRows(weight, 0, flat, EMBEDDING);
  const paddingIdx = normalizePaddingIdx("embedding", options.paddingIdx, size);
  if (paddingIdx !== undefined && weight.requiresGrad) {
    rows = where(unsqueeze(eq(flat, paddingIdx), 1), detach(rows), rows);
  }
  return reshape(rows, [...index.shape, width]);
}
