/** Losses and functional layers as users call them: their arguments are checked before anything happens. */
import { ACTIVATION_NAMES } from "../activations.ts";
import {
  callable,
  checked,
  checkedAsync,
  count,
  either,
  finite,
  flag,
  integer,
  integerIn,
  maybe,
  must,
  numberIn,
  oneOf,
  options,
  orNull,
  probability,
} from "../arguments.ts";
import { scaledDotProductAttention as attention } from "../ops/attention.ts";
import { embedding as embed } from "../ops/embedding.ts";
import { linear as affine } from "../ops/linear.ts";
import { sizes, tensorArgument as x } from "../tensor/arguments.ts";
import * as functional from "./functional.ts";
import * as losses from "./losses.ts";
import { Module } from "./module.ts";
import { layerStatistics as statistics } from "./statistics.ts";

const module = /* @__PURE__ */ must("a module", (value) => value instanceof Module);
const reduction = /* @__PURE__ */ oneOf("mean", "sum", "none");
const pair = { x, target: x };

export const crossEntropy = /* @__PURE__ */ checked(
  "crossEntropy",
  () => ({
    logits: x,
    target: x,
    options: options({ weight: x, ignoreIndex: integer, reduction, labelSmoothing: probability }),
  }),
  losses.crossEntropy,
);
export const linearCrossEntropy = /* @__PURE__ */ checked(
  "linearCrossEntropy",
  () => ({
    x,
    weight: x,
    target: x,
    options: options({ bias: x, ignoreIndex: integer, reduction, labelSmoothing: probability }),
  }),
  losses.linearCrossEntropy,
);
export const nllLoss = /* @__PURE__ */ checked(
  "nllLoss",
  () => ({ ...pair, options: options({ weight: x, ignoreIndex: integer, reduction }) }),
  losses.nllLoss,
);
export const mseLoss = /* @__PURE__ */ checked(
  "mseLoss",
  () => ({ ...pair, options: options({ reduction }) }),
  losses.mseLoss,
);
export const l1Loss = /* @__PURE__ */ checked(
  "l1Loss",
  () => ({ ...pair, options: options({ reduction }) }),
  losses.l1Loss,
);
export const huberLoss = /* @__PURE__ */ checked(
  "huberLoss",
  () => ({ ...pair, options: options({ reduction, delta: numberIn(Number.MIN_VALUE) }) }),
  losses.huberLoss,
);
export const bceWithLogits = /* @__PURE__ */ checked(
  "bceWithLogits",
  () => ({ ...pair, options: options({ posWeight: x, reduction }) }),
  losses.bceWithLogits,
);

export const linear = /* @__PURE__ */ checked(
  "linear",
  () => ({
    x,
    weight: x,
    bias: orNull(x),
    options: options({ activation: oneOf(...ACTIVATION_NAMES), slope: finite }),
  }),
  affine,
);
export const layerNorm = /* @__PURE__ */ checked(
  "layerNorm",
  () => ({ x, normalizedShape: either(count, sizes), weight: orNull(x), bias: orNull(x), eps: maybe(numberIn(0)) }),
  functional.layerNorm,
);
export const rmsNorm = /* @__PURE__ */ checked(
  "rmsNorm",
  () => ({ x, normalizedShape: either(count, sizes), weight: orNull(x), eps: maybe(numberIn(0)) }),
  functional.rmsNorm,
);
export const batchNorm = /* @__PURE__ */ checked(
  "batchNorm",
  () => ({
    x,
    runningMean: orNull(x),
    runningVar: orNull(x),
    weight: orNull(x),
    bias: orNull(x),
    options: options({ training: flag, momentum: orNull(probability), eps: numberIn(0) }),
  }),
  functional.batchNorm,
);
export const dropout = /* @__PURE__ */ checked(
  "dropout",
  () => ({ x, p: maybe(probability), training: maybe(either(flag, options({ training: flag }))) }),
  functional.dropout,
);
export const embedding = /* @__PURE__ */ checked(
  "embedding",
  () => ({ index: x, weight: x, options: options({ paddingIdx: integer }) }),
  embed,
);
export const scaledDotProductAttention = /* @__PURE__ */ checked(
  "scaledDotProductAttention",
  () => ({
    q: x,
    k: x,
    v: x,
    options: options({ attnMask: x, dropout: probability, isCausal: flag, scale: finite }),
  }),
  attention,
);
export const layerStatistics = /* @__PURE__ */ checkedAsync(
  "layerStatistics",
  () => ({ model: module, lossFn: callable, options: options({ bins: integerIn(1, 4096) }) }),
  statistics,
);
