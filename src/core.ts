/**
 * Everything but the namespaces, with operations as functions only: `relu(x)`, not `x.relu()`. A page that imports this, and
 * `gradwell/nn` and so on beside it, carries only the operations that it calls.
 */
import "./ops/tensor-methods.ts";

export { detectAnomaly } from "./autograd/anomaly.ts";
export { type AutocastOptions, autocast } from "./autograd/autocast.ts";
export { type BackwardOptions, backward, type GradOptions, grad } from "./autograd/backward.ts";
export { isGradEnabled, noGrad } from "./autograd/modes.ts";
export { defineOp, type Op } from "./autograd/op.ts";
export type {
  BackwardContext,
  ForwardContext,
  InputGradients,
  Inputs,
  OpDefinition,
  Outputs,
  Producer,
} from "./autograd/op-types.ts";
export { type Captured, type CaptureOptions, capture } from "./capture/capture.ts";
export * from "./errors.ts";
export type { DebugLevel } from "./gpu/debug.ts";
export { currentDevice } from "./gpu/default-device.ts";
export type { Device } from "./gpu/device.ts";
export type { DeviceFeatures, DeviceInfo } from "./gpu/device-info.ts";
export { type InitOptions, init } from "./gpu/init.ts";
export { type Profile, type ProfileRow, profile } from "./gpu/profiler.ts";
export type { AdapterLimits } from "./gpu/roofline.ts";
export type { ParamValue } from "./gpu/shader.ts";
export type { Bindable, KernelOptions, UserKernel, UserKernelArgs, Workgroups } from "./gpu/user-kernel.ts";
export type { Operand } from "./kernels/elementwise/run.ts";
export { type Tuned, type TunedShape, tune } from "./kernels/matmul/tune.ts";
export { add, div, eq, ge, gt, le, lt, maximum, minimum, mul, ne, sub, where } from "./ops/binary.ts";
export { expand } from "./ops/broadcast.ts";
export { to } from "./ops/cast.ts";
export { cat, chunk, pad, split, stack } from "./ops/cat-split.ts";
export { type Conv2dOptions, conv2d, type Padding } from "./ops/conv.ts";
export { einsum } from "./ops/einsum.ts";
export { gather, indexSelect, scatterAdd } from "./ops/indexing.ts";
export { addmm, matmul } from "./ops/matmul.ts";
export {
  clone,
  contiguous,
  detach,
  flatten,
  flip,
  narrow,
  permute,
  reshape,
  slice,
  squeeze,
  t,
  transpose,
  unsqueeze,
} from "./ops/movement.ts";
export { avgPool2d, maxPool2d, type PoolOptions } from "./ops/pool.ts";
export { pow } from "./ops/pow.ts";
export { argmax, argmin, type Dim, max, mean, min, prod, type ReduceOptions, sum } from "./ops/reduce.ts";
export type { Pair, WindowOptions } from "./ops/sliding-window.ts";
export { logSoftmax, softmax } from "./ops/softmax.ts";
export { cumsum, logsumexp, norm, std, type VarianceOptions, variance as var } from "./ops/statistics.ts";
export { tril, triu } from "./ops/tril-triu.ts";
export {
  abs,
  clamp,
  cos,
  elu,
  erf,
  exp,
  gelu,
  isfinite,
  leakyRelu,
  log,
  log1p,
  logicalNot,
  neg,
  reciprocal,
  relu,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  tanh,
} from "./ops/unary.ts";
export {
  arange,
  type CreateOptions,
  eye,
  full,
  linspace,
  ones,
  onesLike,
  rand,
  randint,
  randn,
  randperm,
  type TensorOptions,
  tensor,
  zeros,
  zerosLike,
} from "./tensor/create.ts";
export type { NestedNumbers, TensorData } from "./tensor/host.ts";
export { manualSeed } from "./tensor/random.ts";
export type { Nested, TypedArray } from "./tensor/readback.ts";
export { keep, scope } from "./tensor/scope.ts";
export type { Shape } from "./tensor/shape.ts";
export type { Dtype } from "./tensor/storage.ts";
export { Tensor } from "./tensor/tensor.ts";
