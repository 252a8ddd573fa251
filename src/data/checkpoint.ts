/** Checkpoints: all that a run needs to continue, in one safetensors file with a checksum. */

import { noGrad } from "../autograd/modes.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, checkKeys, DataError, expected } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { clone } from "../ops/movement.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { bytesOfFile, type FileBytes } from "./bytes.ts";
import { crc32 } from "./checksum.ts";
import { packState, parseState, unpackState } from "./nested.ts";
import { loadSafetensors, safetensorsMetadata, saveSafetensors } from "./safetensors.ts";

/** A module, or anything else whose state is tensors by name. */
export interface HasTensors {
  stateDict(): Record<string, Tensor>;
  loadStateDict(map: Record<string, Tensor>): unknown;
}
/** An optimizer, gradient scaler or loader, or anything else whose state is objects, lists, numbers, strings and tensors. */
export interface HasState {
  stateDict(): object;
  loadStateDict(state: object): unknown;
}
/** A position in the stream of random numbers: a device's `random`. */
export interface RandomState {
  seed: number;
  call: number;
}

export interface CheckpointContent {
  model: HasTensors;
  optimizer?: HasState;
  /** A `GradScaler`. */
  scaler?: HasState;
  /** A `DataLoader`: its epoch, and its position within it. */
  loader?: HasState;
  /** The number of steps taken. Default 0. */
  step?: number;
  /** The number of epochs finished. Default 0. */
  epoch?: number;
  /** The state of the random numbers; true (default): the device's, false: none. */
  rng?: boolean | RandomState;
  /** Anything that JSON can hold: hyperparameters, the best loss so far. */
  metadata?: unknown;
}
export interface CheckpointTarget {
  model?: HasTensors;
  optimizer?: HasState;
  scaler?: HasState;
  loader?: HasState;
  /** Restores the device's random numbers. Default true. */
  rng?: boolean;
}
export interface Checkpoint {
  readonly step: number;
  readonly epoch: number;
  readonly rng: RandomState | undefined;
  readonly metadata: unknown;
}

const FORMAT = "gradwell-checkpoint";
/** Version 1 had no checksum, and neither scaler, loader, epoch nor metadata. */
const VERSION = "2";
const VERSIONS: readonly unknown[] = ["1", VERSION];
const MODEL = "model.";
/** The parts whose state is more than tensors by name. */
const PARTS = ["optimizer", "scaler", "loader"] as const;
const CONTENT_KEYS = ["model", ...PARTS, "step", "epoch", "rng", "metadata"];
const TARGET_KEYS = ["model", ...PARTS, "rng"];

/**
 * Returns the file of a checkpoint: a safetensors file whose tensors are `model.<name>`, `optimizer.<path>` and so on, with
 * a CRC-32 over all of it. A run that is continued from it by `loadCheckpoint` computes the same bits as one that never
 * stopped. Training may continue while the promise is pending: the file holds the state at the call.
 */
export async function saveCheckpoint(content: CheckpointContent): Promise<Uint8Array<ArrayBuffer>> {
  const op = "saveCheckpoint";
  checkKeys(op, content, CONTENT_KEYS);
  const { model, step = 0, epoch = 0, rng = true } = content;
  checkHolder(op, "model", model);
  for (const part of PARTS) if (content[part] !== undefined) checkHolder(op, part, content[part]);
  for (const [name, count] of Object.entries({ step, epoch }))
    check(isCount(count), ArgumentError, () => expected(op, name, "an integer >= 0", count));
  check(typeof rng === "boolean" || isRandomState(rng), ArgumentError, () =>
    expected(op, "rng", "true, false or { seed, call } with integers, call >= 0", rng),
  );
  // Copies that the state dicts make are freed when the file is there; tensors that were there before stay.
  return scope(async () => {
    const state = model.stateDict();
    const tensors: Record<string, Tensor> = {};
    for (const [name, tensor] of Object.entries(state)) tensors[MODEL + name] = tensor;
    const metadata: Record<string, string> = { format: FORMAT, version: VERSION, checksum: NO_CHECKSUM };
    Object.assign(metadata, { step: String(step), epoch: String(epoch) });
    if (rng) metadata.rng = JSON.stringify(rng === true ? runtimeOf(deviceOf(state)).random : rng);
    for (const part of PARTS) {
      const held = content[part]?.stateDict();
      if (held) metadata[part] = JSON.stringify(packState(op, held, `${part}.`, tensors));
    }
    if (content.metadata !== undefined)
      metadata.metadata = JSON.stringify(packState(op, content.metadata, "metadata.", tensors));
    return sealed(await saveSafetensors(tensors, metadata));
  });
}

/**
 * Puts a checkpoint's state into a model, an optimizer and so on that were made like the saved ones, sets the device's
 * random numbers, and returns step, epoch and metadata. All or nothing: where one part refuses its state, the others
 * keep theirs. DataError if the file is no checkpoint, is damaged, or lacks a part of `target`.
 */
export function loadCheckpoint(bytes: FileBytes, target: CheckpointTarget = {}): Checkpoint {
  const op = "loadCheckpoint";
  checkKeys(op, target, TARGET_KEYS);
  const { model, rng: wanted = true } = target;
  check(typeof wanted === "boolean", ArgumentError, () => expected(op, "rng", "true or false", wanted));
  if (model !== undefined) checkHolder(op, "model", model);
  const parts = PARTS.filter((part) => target[part] !== undefined);
  for (const part of parts) checkHolder(op, part, target[part]);
  const { packed, ...read } = readMetadata(op, bytes);
  for (const part of parts)
    check(packed[part] !== undefined, DataError, () => `${op}: the checkpoint was saved without ${article(part)}`);
  const device = model ? deviceOf(model.stateDict()) : currentDevice();
  const tensors = loadSafetensors(bytes, { device });
  try {
    const states = parts.map((part) => unpackState(op, packed[part], tensors) as object);
    const metadata = unpackState(op, packed.metadata, tensors);
    restore([
      ...(model ? [{ holder: model as HasState, state: withPrefix(tensors, MODEL) }] : []),
      ...parts.map((part, i) => ({ holder: target[part] as HasState, state: states[i] as object })),
    ]);
    if (wanted && read.rng) Object.assign(runtimeOf(device).random, read.rng);
    return { ...read, metadata };
  } finally {
    for (const tensor of Object.values(tensors)) tensor.dispose();
  }
}

interface Restored {
  readonly holder: HasState;
  readonly state: object;
}

/** Loads all states, or, when one is refused, restores what every holder had. */
function restore(all: readonly Restored[]): void {
  scope(() => {
    const undo: (() => unknown)[] = [];
    try {
      for (const { holder, state } of all) {
        const before = copyOf(holder.stateDict()) as object;
        undo.unshift(() => holder.loadStateDict(before));
        holder.loadStateDict(state);
      }
    } catch (error) {
      for (const one of undo) {
        try {
          one();
        } catch {
          // The one that refuses any state, its own included: the first error says so.
        }
      }
      throw error;
    }
  });
}

/** A copy of the state, tensors included. */
function copyOf(state: unknown): unknown {
  if (state instanceof Tensor) return noGrad(() => clone(state));
  if (Array.isArray(state)) return state.map(copyOf);
  if (typeof state !== "object" || state === null) return state;
  return Object.fromEntries(Object.entries(state).map(([key, one]) => [key, copyOf(one)]));
}

type Packed = Partial<Record<(typeof PARTS)[number] | "metadata", unknown>>;

function readMetadata(op: string, bytes: FileBytes): Omit<Checkpoint, "metadata"> & { packed: Packed } {
  const texts = safetensorsMetadata(bytes);
  const { format, version, step, epoch = "0", rng } = texts;
  check(format === FORMAT && VERSIONS.includes(version), DataError, () =>
    expected(op, "bytes", `a file of saveCheckpoint (version 1 or ${VERSION})`, `${format} ${version ?? ""}`),
  );
  if (version === VERSION) checkSeal(op, bytesOfFile(op, bytes), texts.checksum);
  const state = rng === undefined ? undefined : parseState(op, "rng", rng);
  const counts = [step, epoch].map((text) => (/^\d+$/.test(text ?? "") ? Number(text) : -1));
  check(counts.every(isCount), DataError, () => `${op}: step or epoch is damaged (${step}, ${epoch})`);
  check(state === undefined || isRandomState(state), DataError, () => `${op}: the random state is damaged (${rng})`);
  const packed: Packed = {};
  for (const part of [...PARTS, "metadata"] as const) {
    const text = texts[part];
    if (text !== undefined) packed[part] = parseState(op, part, text);
  }
  return { step: elementAt(counts, 0), epoch: elementAt(counts, 1), rng: state as RandomState | undefined, packed };
}

/** Placeholder for the checksum while it is computed. */
const NO_CHECKSUM = "00000000";
const FIELD = '"checksum":"';

/** Writes the checksum of a file into its own metadata. */
function sealed(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = placeOfChecksum(file);
  check(at !== undefined, DataError, () => "saveCheckpoint: the metadata has no place for the checksum");
  file.set(new TextEncoder().encode(crc32(file).toString(16).padStart(8, "0")), at);
  return file;
}

function checkSeal(op: string, file: Uint8Array<ArrayBuffer>, checksum: string | undefined): void {
  const at = placeOfChecksum(file);
  const zeros = new TextEncoder().encode(NO_CHECKSUM);
  const found = at !== undefined && crc32(file.subarray(0, at), zeros, file.subarray(at + zeros.length));
  check(
    found !== false && checksum === found.toString(16).padStart(8, "0"),
    DataError,
    () => `${op}: the file is damaged: its checksum is ${checksum}, its content has another`,
  );
}

/** The byte at which the digits of the checksum begin; undefined where there are none. */
function placeOfChecksum(file: Uint8Array<ArrayBuffer>): number | undefined {
  // The field stands among the first of the metadata, which come first in the header.
  const text = new TextDecoder("latin1").decode(file.subarray(0, 512));
  const at = text.indexOf(FIELD);
  return at < 0 ? undefined : at + FIELD.length;
}

function withPrefix(tensors: Readonly<Record<string, Tensor>>, prefix: string): Record<string, Tensor> {
  const own = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

const deviceOf = (state: Record<string, Tensor>): Device => Object.values(state)[0]?.device ?? currentDevice();
const article = (part: string): string => (part === "optimizer" ? `an ${part}` : `a ${part}`);
const isCount = (value: unknown): boolean => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

/** Exactly a seed and a count of calls: nothing else may reach the device's own state. */
function isRandomState(value: unknown): value is RandomState {
  if (typeof value !== "object" || value === null) return false;
  const { seed, call, ...rest } = value as Partial<RandomState>;
  return Number.isSafeInteger(seed) && isCount(call) && Object.keys(rest).length === 0;
}

function checkHolder(op: string, argument: string, value: unknown): void {
  const methods = value as Partial<HasState> | null | undefined;
  const holds = typeof methods?.stateDict === "function" && typeof methods.loadStateDict === "function";
  check(holds, ArgumentError, () => expected(op, argument, "something with stateDict() and loadStateDict()", value));
}
