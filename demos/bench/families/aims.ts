/** Aims per family on lavapipe: ratios of the others' time to ours, and counts. */
export interface FamilyAims {
  /** Time of the best WebGPU peer over ours, at least. */
  webgpu: number;
  /** Time of PyTorch on the CPU over ours, at least. */
  torch: number;
  /** First step in a fresh process, in ms, at most. */
  coldMs: number;
  dispatches: number;
}

export const FAMILY_AIMS: Readonly<Record<string, FamilyAims>> = {
  convnet: { webgpu: 8, torch: 0.8, coldMs: 1200, dispatches: 28 },
  residual: { webgpu: 12, torch: 0.3, coldMs: 1500, dispatches: 90 },
  gpt128: { webgpu: 12, torch: 0.55, coldMs: 1500, dispatches: 110 },
  gpt256: { webgpu: 12, torch: 0.5, coldMs: 1500, dispatches: 160 },
  lstm: { webgpu: 14, torch: 0.65, coldMs: 1200, dispatches: 20 },
  mlp: { webgpu: 12, torch: 0.55, coldMs: 1200, dispatches: 20 },
  "wide-mlp": { webgpu: 10, torch: 0.7, coldMs: 1200, dispatches: 10 },
  word2vec: { webgpu: 6, torch: 1.3, coldMs: 1000, dispatches: 25 },
  vae: { webgpu: 10, torch: 0.6, coldMs: 1200, dispatches: 36 },
};
