/** Data: files in, batches out, and what a training run leaves behind. */
export type { FileBytes } from "./bytes.ts";
export {
  type Checkpoint,
  type CheckpointContent,
  type CheckpointTarget,
  type HasState,
  type HasTensors,
  loadCheckpoint,
  type RandomState,
  saveCheckpoint,
} from "./checkpoint.ts";
export { IdxField, type IdxImagesOptions, idxImages, idxLabels } from "./idx.ts";
export { type Batch, DataLoader, type DataLoaderOptions, type Field } from "./loader.ts";
export { type LoadSafetensorsOptions, loadSafetensors, safetensorsMetadata, saveSafetensors } from "./safetensors.ts";
export { type Standardized, type StandardizeOptions, standardize } from "./standardize.ts";
