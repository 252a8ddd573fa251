/** A linear layer and the cross entropy of its result as one operation: for vocabularies whose logits would not fit. */
import { AUTOCAST_F32 } from "../autograd/autocast.ts";
import { defineOp } from "../autograd/op.ts";
import { runLinearCrossEntropy } from "../kernels/linear-loss.ts";
import { sumWeights } from "../kernels/loss.ts";
import { contiguous } from "../tensor/copy.ts";
import { sizeAt } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { div, mul } from "./binary.ts";
import { linear } from "./linear.ts";
import { type CrossEntropyAttrs, crossEntropyLabels } from "./loss.ts";

type LinearLossInputs = readonly [x: Tensor, weight: Tensor, bias: Tensor | undefined, target: Tensor];

/**
 * Sum or mean of the cross entropy of `x W^T + b`: x (N, features), weight (classes, features), bias (classes), labels (N).
 * The gradients are made in forward, block by block, with the logits at hand; backward multiplies them by its own.
 */
export const linearLoss = defineOp<CrossEntropyAttrs>({
  name: "linearCrossEntropy",
  ...AUTOCAST_F32,
  forward(ctx, [x, weight, bias, target]: LinearLossInputs, { reduction, ignoreIndex, labelSmoothing }) {
    const dense = (tensor: Tensor) => ctx.disposeAfterForward(contiguous(tensor));
    const labels = dense(target);
    const operands = { x: dense(x), weight: dense(weight), bias: bias && dense(bias), labels };
    const [needsX = false, needsWeight = false, needsBias = false] = ctx.needsInputGrad;
    const needs = { x: needsX, weight: needsWeight, bias: needsBias };
    const found = runLinearCrossEntropy(operands, { ignoreIndex, labelSmoothing, needs });
    // An unwanted gradient of the weight, which came with the bias's, is freed at once.
    if (found.gradWeight) ctx.disposeAfterForward(found.gradWeight);
    const wanted = [found.gradX, needsWeight ? found.gradWeight : undefined, found.gradBias];
    const made = wanted.filter((one) => one !== undefined).map((one) => ctx.disposeAfterForward(one));
    if (reduction === "sum") {
      ctx.save(...made);
      return found.loss;
    }
    const count = ctx.disposeAfterForward(sumWeights(labels, sizeAt(weight.shape, 0), ignoreIndex));
    ctx.save(count, ...made);
    return div(ctx.disposeAfterForward(found.loss), count);
  },
  backward(ctx, gradY: Tensor) {
    const isMean = ctx.attrs.reduction === "mean";
    const [first, ...rest] = ctx.saved;
    if (!first) return undefined;
    const factor = isMean ? div(gradY, first) : gradY;
    const made = isMean ? rest : [first, ...rest];
    return [0, 1, 2].map((i) => {
      const gradient = ctx.needsInputGrad[i] ? made.shift() : undefined;
      return gradient && mul(gradient, factor);
    });
  },
  decomposition([x, weight, bias, target]: LinearLossInputs, attrs) {
    return crossEntropyLabels([linear(x, weight, bias), target, undefined], attrs);
  },
});
