/** The namespace `optim`. */
export { AdaGrad, type AdaGradOptions } from "./adagrad.ts";
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export { clipGradNorm, clipGradValue, decayGroups } from "./checked.ts";
export * as schedule from "./checked-schedule.ts";
export type { ClipNormOptions } from "./clip.ts";
export { DiagonalNewton, type DiagonalNewtonGroup, type DiagonalNewtonOptions } from "./diagonal-newton.ts";
export { type AnyOptimizer, GradScaler, type GradScalerOptions, type GradScalerState } from "./grad-scaler.ts";
export type { Parametrized } from "./groups.ts";
export { Lion, type LionOptions } from "./lion.ts";
export { Muon, type MuonOptions } from "./muon.ts";
export { type HeldParameter, Optimizer } from "./optimizer.ts";
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
export { type SavedPreconditioner, Shampoo, type ShampooOptions, type ShampooSchedule } from "./shampoo.ts";
export type { SkipFlag } from "./skipped-steps.ts";
export type { OptimizerState } from "./state.ts";
