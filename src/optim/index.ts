/** The namespace `optim`. */
export { AdaGrad, type AdaGradOptions } from "./adagrad.ts";
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export { clipGradNorm, clipGradValue, decayGroups } from "./checked.ts";
export * as schedule from "./checked-schedule.ts";
export type { ClipNormOptions } from "./clip.ts";
export { DiagonalNewton, type DiagonalNewtonOptions } from "./diagonal-newton.ts";
export { GradScaler, type GradScalerOptions, type GradScalerState } from "./grad-scaler.ts";
export type { Parametrized } from "./groups.ts";
export { Lion, type LionOptions } from "./lion.ts";
export { Muon, type MuonOptions } from "./muon.ts";
export { Optimizer } from "./optimizer.ts";
export type {
  BaseOptions,
  GroupInput,
  LearningRate,
  OptimizerSpec,
  OptionDefaults,
  ParamGroup,
  ParamsInput,
  StateBuffer,
} from "./optimizer-spec.ts";
export { RMSProp, type RMSPropOptions } from "./rmsprop.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
export { Shampoo, type ShampooOptions } from "./shampoo.ts";
export type { OptimizerState } from "./state.ts";
