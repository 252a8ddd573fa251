/** Data: files in, batches out, and what a training run leaves behind. */
export type { FileBytes } from "./bytes.ts";
export { IdxField, type IdxImagesOptions, idxImages, idxLabels } from "./idx.ts";
export { type Batch, DataLoader, type DataLoaderOptions, type Field } from "./loader.ts";
