/** Losses. */
import { logSoftmax, nn } from "gradwell";
import type { Call, Operators } from "../call.ts";

function optionsOf(call: Call) {
  const weight = call.optional(2);
  const ignoreIndex = call.attribute<number>("ignore_index");
  return {
    reduction: call.text("reduction", "mean") as nn.Reduction,
    ...(weight && { weight }),
    ...(ignoreIndex !== undefined && { ignoreIndex }),
  };
}

export const loss: Operators = {
  NegativeLogLikelihoodLoss: (call) => nn.nllLoss(call.x, call.tensor(1), optionsOf(call)),
  SoftmaxCrossEntropyLoss: (call) => [
    nn.crossEntropy(call.x, call.tensor(1), optionsOf(call)),
    ...(call.wants(1) ? [logSoftmax(call.x, 1)] : []),
  ],
};
