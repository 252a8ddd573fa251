/**
 * Everything but the namespaces, with operations as functions only: `relu(x)`, not `x.relu()`. A page that imports this, and
 * `gradwell/nn` and so on beside it, carries only the operations that it calls.
 */
import "./ops/tensor-methods.ts";

export type { AutocastOptions } from "./autograd/autocast.ts";
export type { BackwardOptions, GradOptions } from "./autograd/backward.ts";
export type { Op } from "./autograd/op.ts";
export type {
  BackwardContext,
  ForwardContext,
  InputGradients,
  Inputs,
  OpDefinition,
  Outputs,
  Producer,
} from "./autograd/op-types.ts";
export type { Captured, CaptureOptions } from "./capture/capture.ts";
export {
  autocast,
  backward,
  capture,
  currentDevice,
  defineOp,
  detectAnomaly,
  grad,
  isGradEnabled,
  keep,
  manualSeed,
  noGrad,
  profile,
  scope,
  tune,
} from "./checked.ts";
export * from "./errors.ts";
export type { DebugLevel } from "./gpu/debug.ts";
export type { Device } from "./gpu/device.ts";
export type { DeviceFeatures, DeviceInfo } from "./gpu/device-info.ts";
export { init } from "./gpu/init.ts";
export type { InitOptions } from "./gpu/init-options.ts";
export type { Profile, ProfileRow } from "./gpu/profiler.ts";
export { type ResumeOptions, resumeOnLoss } from "./gpu/resume.ts";
export type { AdapterLimits } from "./gpu/roofline.ts";
export type { ParamValue } from "./gpu/shader.ts";
export type { Bindable, KernelOptions, UserKernel, UserKernelArgs, Workgroups } from "./gpu/user-kernel.ts";
export type { Operand } from "./kernels/elementwise/run.ts";
export type { Tuned, TunedShape } from "./kernels/matmul/tune.ts";
export {
  abs,
  add,
  addmm,
  arange,
  argmax,
  argmin,
  avgPool2d,
  cat,
  chunk,
  clamp,
  clone,
  contiguous,
  conv2d,
  cos,
  cumsum,
  detach,
  div,
  einsum,
  elu,
  eq,
  erf,
  exp,
  expand,
  eye,
  flatten,
  flip,
  full,
  gather,
  ge,
  gelu,
  gt,
  indexSelect,
  isfinite,
  isinf,
  isnan,
  le,
  leakyRelu,
  linspace,
  log,
  log1p,
  logicalNot,
  logSoftmax,
  logsumexp,
  lt,
  matmul,
  max,
  maximum,
  maxPool2d,
  mean,
  min,
  minimum,
  mul,
  narrow,
  ne,
  neg,
  norm,
  ones,
  onesLike,
  pad,
  permute,
  pow,
  prod,
  rand,
  randint,
  randn,
  randperm,
  reciprocal,
  relu,
  reshape,
  rsqrt,
  scatterAdd,
  sigmoid,
  sign,
  silu,
  sin,
  slice,
  softmax,
  softplus,
  split,
  sqrt,
  square,
  squeeze,
  stack,
  std,
  sub,
  sum,
  t,
  tanh,
  tensor,
  to,
  transpose,
  tril,
  triu,
  unsqueeze,
  variance as var,
  where,
  zeros,
  zerosLike,
} from "./ops/checked.ts";
export type { Conv2dOptions, Padding } from "./ops/conv.ts";
export type { PoolOptions } from "./ops/pool.ts";
export type { Dim, ReduceOptions } from "./ops/reduce.ts";
export type { Pair, WindowOptions } from "./ops/sliding-window.ts";
export type { VarianceOptions } from "./ops/statistics.ts";
export type { CreateOptions, TensorOptions } from "./tensor/create.ts";
export type { NestedNumbers, TensorData } from "./tensor/host.ts";
export type { Nested, TypedArray } from "./tensor/readback.ts";
export type { Shape } from "./tensor/shape.ts";
export type { Dtype } from "./tensor/storage.ts";
export { Tensor } from "./tensor/tensor.ts";
