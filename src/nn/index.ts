/** The namespace `nn`: modules, layers, losses and, as `nn.init`, initializers. */

export type { Activation } from "../activations.ts";
export type { Reduction } from "../ops/loss.ts";
export { GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Tanh } from "./activation.ts";
export { MultiheadAttention, type MultiheadAttentionCall, type MultiheadAttentionOptions } from "./attention.ts";
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions } from "./batch-norm.ts";
export {
  batchNorm,
  bceWithLogits,
  crossEntropy,
  dropout,
  embedding,
  huberLoss,
  l1Loss,
  layerNorm,
  layerStatistics,
  linear,
  linearCrossEntropy,
  mseLoss,
  nllLoss,
  rmsNorm,
  scaledDotProductAttention,
} from "./checked.ts";
export * as init from "./checked-init.ts";
export { ModuleDict, ModuleList } from "./containers.ts";
export { Conv2d, type Conv2dLayerOptions } from "./conv.ts";
export type { NextActivation } from "./default-weight.ts";
export { Dropout } from "./dropout.ts";
export { Embedding, type EmbeddingOptions } from "./embedding.ts";
export { Flatten } from "./flatten.ts";
export type { Named } from "./forward-trace.ts";
export type { AttentionOptions, BatchNormCall, EmbeddingCall, LinearOptions } from "./functional.ts";
export { GroupNorm, LayerNorm, type LayerNormOptions, RMSNorm, type RMSNormOptions } from "./layer-norm.ts";
export { Linear, type LinearLayerOptions } from "./linear.ts";
export type { CrossEntropyOptions, LabelLossOptions, LinearCrossEntropyOptions, LossOptions } from "./losses.ts";
export { Module } from "./module.ts";
export { AvgPool2d, MaxPool2d, type PoolLayerOptions } from "./pooling.ts";
export type { RecurrentOptions } from "./recurrent.ts";
export { GRU, LSTM, RNN, type RNNOptions } from "./rnn.ts";
export { Sequential } from "./sequential.ts";
export type { LoadOptions, LoadResult, StateDict } from "./state-dict.ts";
export type { Distribution, LayerStatistics } from "./statistics.ts";
export type { SummaryOptions } from "./summary.ts";
