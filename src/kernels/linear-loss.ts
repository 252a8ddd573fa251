/** A linear layer and the cross entropy of its result, some rows at a time: the logits of all rows are never in memory. */

import type { BufferSlice } from "../gpu/buffer-pool.ts";
import type { Device } from "../gpu/device.ts";
import { bindingOf } from "../tensor/binding.ts";
import { addInPlace, fill } from "../tensor/copy.ts";
import { type Scratch, withScratch } from "../tensor/scratch.ts";
import { type Shape, sizeAt } from "../tensor/shape.ts";
import { empty, type Tensor, view } from "../tensor/tensor.ts";
import { defineLabelFault, runCrossEntropy } from "./loss.ts";
import { runMatmul } from "./matmul/run.ts";

const LABEL_OUT_OF_RANGE = /* @__PURE__ */ defineLabelFault("linearCrossEntropy");

/** Bytes of the logits that are in memory at a time, and again of their gradient. */
const BLOCK_BYTES = 2 ** 24;
/** Rows of a block are a multiple of this, so that each block begins where a buffer can be bound. */
const ROW_STEP = 64;

export interface LinearLossOperands {
  /** (rows, features), (classes, features), (classes) and i32 or u32 (rows), all contiguous. */
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly labels: Tensor;
}

export interface LinearLossParams {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  /** Which of x, weight and bias want a gradient. */
  readonly needs: { readonly x: boolean; readonly weight: boolean; readonly bias: boolean };
}

/** The sum of the rows' losses, and its gradients where they are wanted. */
export interface LinearLossResult {
  readonly loss: Tensor;
  readonly gradX: Tensor | undefined;
  readonly gradWeight: Tensor | undefined;
  readonly gradBias: Tensor | undefined;
}

export function runLinearCrossEntropy(operands: LinearLossOperands, params: LinearLossParams): LinearLossResult {
  const { x, weight } = operands;
  const { needs } = params;
  const [rows, classes] = [sizeAt(x.shape, 0), sizeAt(weight.shape, 0)];
  const result: LinearLossResult = {
    loss: zeros(x.device, []),
    gradX: needs.x ? empty(x.device, x.shape) : undefined,
    // The product that makes the weight's gradient makes the bias's too.
    gradWeight: needs.weight || needs.bias ? zeros(x.device, weight.shape) : undefined,
    gradBias: needs.bias ? zeros(x.device, [classes]) : undefined,
  };
  const block = Math.max(ROW_STEP, Math.floor(BLOCK_BYTES / (4 * classes) / ROW_STEP) * ROW_STEP);
  for (let first = 0; first < rows; first += block) {
    const part = { first, count: Math.min(block, rows - first) };
    withScratch((scratch) => addBlock(scratch, operands, params, result, part));
  }
  return result;
}

/** Rows from `first` on. */
interface Block {
  readonly first: number;
  readonly count: number;
}

/** The logits of a block, their losses and their gradient, which goes into the gradients of the operands. */
function addBlock(
  scratch: Scratch,
  { x, weight, bias, labels }: LinearLossOperands,
  { ignoreIndex, labelSmoothing, needs }: LinearLossParams,
  { loss, gradX, gradWeight, gradBias }: LinearLossResult,
  { first, count }: Block,
): void {
  const { device } = x;
  const [features, classes] = [sizeAt(x.shape, 1), sizeAt(weight.shape, 0)];
  const rows = rowsOf(x, features, first, count);
  const logits = scratch.empty(device, [count, classes]);
  const products = { a: rows, b: bindingOf(weight), c: bindingOf(logits), M: count, N: classes, K: features };
  runMatmul(device, { ...products, transB: true, ...(bias && { bias: bindingOf(bias) }) });
  const own = scratch.add(view(labels, [count], [1], labels.offset + first));
  const needsGrad = needs.x || needs.weight || needs.bias;
  const found = runCrossEntropy(
    { logits, labels: own, weight: undefined },
    { reduction: "sum", ignoreIndex, labelSmoothing, needsGrad, faultCode: LABEL_OUT_OF_RANGE, firstRow: first },
  );
  addInPlace(loss, scratch.add(found.loss));
  const g = found.gradLogits && bindingOf(scratch.add(found.gradLogits));
  if (!g) return;
  if (gradX) {
    const c = rowsOf(gradX, features, first, count);
    runMatmul(device, { a: g, b: bindingOf(weight), c, M: count, N: features, K: classes });
  }
  if (!gradWeight) return;
  const sums = gradBias && { biasGrad: bindingOf(gradBias) };
  const c = bindingOf(gradWeight);
  runMatmul(device, { a: g, b: rows, c, M: classes, N: features, K: count, transA: true, accumulate: true, ...sums });
}

/** The memory of `count` rows of a contiguous matrix. */
function rowsOf(matrix: Tensor, features: number, first: number, count: number): BufferSlice {
  const { buffer, offset } = bindingOf(matrix);
  return { buffer, offset: offset + 4 * first * features, size: Math.max(4, 4 * count * features) };
}

function zeros(device: Device, shape: Shape): Tensor {
  const made = empty(device, shape);
  fill(made, 0);
  return made;
}
