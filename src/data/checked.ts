/** Files and statistics as users call them: their arguments are checked before anything happens. */
import { anything, checked, checkedAsync, flag, maybe, must, oneOf, options, text } from "../arguments.ts";
import { isPlainObject } from "../plain-object.ts";
import { device, dims, operand, tensorArgument as x } from "../tensor/arguments.ts";
import * as checkpoints from "./checkpoint.ts";
import * as files from "./checkpoint-file.ts";
import * as idx from "./idx.ts";
import * as safetensors from "./safetensors.ts";
import * as statistics from "./standardize.ts";

// `bytesOfFile` knows every form that bytes may have, and what a checkpoint holds is checked part by part.
const bytes = anything;
const plain = /* @__PURE__ */ must("an object", isPlainObject);
const named = /* @__PURE__ */ must("an object of tensors by name", isPlainObject);

export const idxImages = /* @__PURE__ */ checked(
  "idxImages",
  () => ({ bytes, options: options({ flatten: flag }) }),
  idx.idxImages,
);
export const idxLabels = /* @__PURE__ */ checked("idxLabels", () => ({ bytes }), idx.idxLabels);
export const standardize = /* @__PURE__ */ checked(
  "standardize",
  () => ({ x, options: options({ mean: operand, std: operand, dim: dims, missing: oneOf("error", "skip"), data: x }) }),
  statistics.standardize,
);
export const saveSafetensors = /* @__PURE__ */ checkedAsync(
  "saveSafetensors",
  () => ({ tensors: named, metadata: maybe(plain) }),
  safetensors.saveSafetensors,
);
export const loadSafetensors = /* @__PURE__ */ checked(
  "loadSafetensors",
  () => ({ bytes, options: options({ device }) }),
  safetensors.loadSafetensors,
);
export const safetensorsMetadata = /* @__PURE__ */ checked(
  "safetensorsMetadata",
  () => ({ bytes }),
  safetensors.safetensorsMetadata,
);
export const saveCheckpoint = /* @__PURE__ */ checkedAsync(
  "saveCheckpoint",
  () => ({ content: plain }),
  checkpoints.saveCheckpoint,
);
export const loadCheckpoint = /* @__PURE__ */ checked(
  "loadCheckpoint",
  () => ({ bytes, target: maybe(plain) }),
  checkpoints.loadCheckpoint,
);
export const writeCheckpoint = /* @__PURE__ */ checkedAsync(
  "writeCheckpoint",
  () => ({ path: text, content: plain }),
  files.writeCheckpoint,
);
export const readCheckpoint = /* @__PURE__ */ checkedAsync(
  "readCheckpoint",
  () => ({ path: text, into: maybe(plain) }),
  files.readCheckpoint,
);
