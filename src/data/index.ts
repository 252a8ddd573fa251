/** The namespace `data`: files, batches and checkpoints. */
export type { FileBytes } from "./bytes.ts";
export {
  idxImages,
  idxLabels,
  loadCheckpoint,
  loadSafetensors,
  readCheckpoint,
  safetensorsMetadata,
  saveCheckpoint,
  saveSafetensors,
  standardize,
  writeCheckpoint,
} from "./checked.ts";
export type {
  Checkpoint,
  CheckpointContent,
  CheckpointTarget,
  HasState,
  HasTensors,
  RandomState,
} from "./checkpoint.ts";
export { IdxField, type IdxImagesOptions } from "./idx.ts";
export { type Batch, DataLoader, type DataLoaderOptions, type DataLoaderState, type Field } from "./loader.ts";
export type { LoadSafetensorsOptions } from "./safetensors.ts";
export type { Standardized, StandardizeOptions } from "./standardize.ts";
