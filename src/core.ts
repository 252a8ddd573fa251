/**
 * Everything but the namespaces, with operations as functions only: `relu(x)`, not `x.relu()`. A page that imports this, and
 * `gradwell/nn` and so on beside it, carries only the operations that it calls.
 */
import "./core-methods.ts";

export type { AutocastOptions } from "./autograd/autocast.ts";
export type { BackwardOptions, GradOptions } from "./autograd/backward.ts";
export type { Op } from "./autograd/op.ts";
export type {
  BackwardContext,
  ForwardContext,
  InputGradients,
  InputGradients as Gradients,
  Inputs,
  OpDefinition,
  Outputs,
  Producer,
  SavedTensors,
} from "./autograd/op-types.ts";
export type { Capturable, Captured, CaptureOptions } from "./capture/capture.ts";
export type { HostArray, TypedNumbers } from "./capture/host-arrays.ts";
export {
  arange,
  autocast,
  backward,
  capture,
  currentDevice,
  defineOp,
  detectAnomaly,
  eye,
  full,
  grad,
  isGradEnabled,
  keep,
  linspace,
  manualSeed,
  noGrad,
  ones,
  onesLike,
  profile,
  rand,
  randint,
  randn,
  randperm,
  resumeOnLoss,
  scope,
  tensor,
  tune,
  zeros,
  zerosLike,
} from "./checked.ts";
export {
  AnomalyError,
  ArgumentError,
  CaptureError,
  DataError,
  DeviceLostError,
  DisposedError,
  DtypeError,
  GradwellError,
  NoAdapterError,
  OutOfMemoryError,
  ShapeError,
  ValidationError,
} from "./errors.ts";
export type { DebugLevel } from "./gpu/debug.ts";
export type { Device } from "./gpu/device.ts";
export type { DeviceFeatures, DeviceInfo } from "./gpu/device-info.ts";
export { init } from "./gpu/init.ts";
export type { InitOptions } from "./gpu/init-options.ts";
export type { Profile, ProfileRow } from "./gpu/profiler.ts";
export type { Access, Binding, Override, Param, Reflection } from "./gpu/reflect.ts";
export type { ResumeOptions } from "./gpu/resume.ts";
export type { AdapterLimits } from "./gpu/roofline.ts";
export type { MemoryUse } from "./gpu/runtime.ts";
export type { Cost as KernelCost, ParamValue } from "./gpu/shader.ts";
export type { TuningMode } from "./gpu/tuning.ts";
export type { Bindable, KernelOptions, UserKernel, UserKernelArgs, UserShader, Workgroups } from "./gpu/user-kernel.ts";
export type { Operand } from "./kernels/elementwise/run.ts";
export type { Tuned, TunedShape } from "./kernels/tuning/tune.ts";
export type { PadOptions } from "./ops/cat-split.ts";
export * from "./ops/checked.ts";
export type { Conv2dOptions, Padding } from "./ops/conv.ts";
export type { Pair, PoolOptions, WindowOptions } from "./ops/pool.ts";
export type { Dim, ReduceOptions } from "./ops/reduce.ts";
export type { VarianceOptions } from "./ops/statistics.ts";
export type { CreateOptions, TensorOptions } from "./tensor/create.ts";
export type { NestedNumbers, TensorData } from "./tensor/host.ts";
export type { Nested, TypedArray } from "./tensor/readback.ts";
export type { Owned } from "./tensor/scope.ts";
export type { Shape } from "./tensor/shape.ts";
export type { Dtype } from "./tensor/storage.ts";
export { Tensor } from "./tensor/tensor.ts";
