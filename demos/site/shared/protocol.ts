/** Every message between a page and its worker. A page sends requests; a worker answers with reports when it has any. */
import type { ActivationName, InitName, NormName, OptimizerName } from "./settings.ts";

/** Reports of every worker about itself. */
export type CommonReport =
  | { type: "device"; description: string; isSoftware: boolean; timestamps: boolean; optimizers: OptimizerName[] }
  | { type: "lost"; reason: string }
  | { type: "recovered"; step: number }
  | { type: "failed"; message: string };

/** One network of a race. */
export interface RunConfig {
  label: string;
  init: InitName;
  norm: NormName;
  activation: ActivationName;
  optimizer: OptimizerName;
  lr: number;
  /** Widths of the hidden layers. */
  hidden: number[];
}

/** Networks that see the same batches in the same order. */
export interface RaceConfig {
  runs: RunConfig[];
  batchSize: number;
  seed: number;
  /** The number of steps of the race. */
  steps: number;
  /** True when distributions of weights, activations and gradients are requested. */
  distributions: boolean;
}

export type RaceRequest =
  | { type: "open"; data: string }
  /** `id` comes back with `started`: reports between the two are about an earlier race. */
  | { type: "start"; id: number; race: RaceConfig; running: boolean }
  | { type: "run" }
  | { type: "pause" }
  | { type: "step"; count: number }
  | { type: "predict"; pixels: Float32Array }
  | { type: "loseDevice" };

export type RaceReport =
  | CommonReport
  | { type: "loaded"; trainImages: number; testImages: number }
  | { type: "started"; id: number; parameters: number }
  /** Mean loss of each batch since the last report, per run; `step` counts the steps done. */
  | { type: "losses"; step: number; losses: Float32Array[]; stepsPerSecond: number }
  /** Share of the test images that each run gets right. */
  | { type: "accuracy"; step: number; accuracy: number[] }
  | { type: "distributions"; step: number; layers: LayerDistributions[] }
  | { type: "finished"; step: number }
  | { type: "prediction"; probabilities: Float32Array };

export interface LayerDistributions {
  name: string;
  weights: Distribution;
  activations: Distribution;
  /** Distribution of log10 |gradient|. */
  gradients: Distribution;
}

/** Histograms of several runs over the same bins. */
export interface Distribution {
  /** Left edges of the bins, all of the same width. */
  edges: number[];
  /** Percent of the values in each bin, per run. */
  shares: number[][];
}

export type SurfaceName = "quadratic" | "rosenbrock" | "saddle";

export type SurfaceRequest =
  | ({ type: "start" } & WalkConfig)
  | { type: "run" }
  | { type: "pause" }
  | { type: "step"; count: number };

export interface WalkConfig {
  /** As in a race. */
  id: number;
  surface: SurfaceName;
  condition: number;
  from: [number, number];
  runs: SurfaceRun[];
  steps: number;
}

export interface SurfaceRun {
  optimizer: OptimizerName;
  lr: number;
}

export type SurfaceReport =
  | CommonReport
  | { type: "started"; id: number }
  /** New points (x, y, x, y, ...) of every run's way. */
  | { type: "points"; step: number; points: Float32Array[] }
  | { type: "finished"; step: number };

/** Initial values of a buffer of the shader bench. */
export type Fill = "random" | "zeros" | "ones" | "counting";

export interface BenchBuffer {
  name: string;
  elements: number;
  fill: Fill;
}

export type BenchRequest =
  | { type: "reflect"; wgsl: string }
  | { type: "run"; wgsl: string; buffers: BenchBuffer[]; params: Record<string, number>; workgroups: number[] }
  | { type: "suite" };

export interface BenchRow {
  kernel: string;
  count: number;
  microseconds: number;
  gflops: number;
  gbps: number;
  percentOfLimit: number;
}

export type BenchReport =
  | CommonReport
  | { type: "interface"; bindings: { name: string; type: string; writable: boolean }[]; params: string[]; size: number }
  | { type: "outputs"; row: BenchRow; limits: Limits; outputs: { name: string; values: number[]; mean: number }[] }
  | { type: "suite"; rows: BenchRow[]; limits: Limits };

export interface Limits {
  gflops: number;
  gbps: number;
}
