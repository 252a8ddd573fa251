/** Checkpoints: a run's model, optimizer, step and random state in one safetensors file. */
import { ArgumentError, check, checkKeys, DataError, expected } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import type { Device } from "../gpu/device.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { FileBytes } from "./bytes.ts";
import { loadSafetensors, safetensorsMetadata, saveSafetensors } from "./safetensors.ts";

/** A module, or anything else whose state is tensors by name. */
export interface HasTensors {
  stateDict(): Record<string, Tensor>;
  loadStateDict(map: Record<string, Tensor>): unknown;
}
/** An optimizer, or anything else whose state is made of objects, lists, numbers, strings and tensors. */
export interface HasState {
  stateDict(): object;
  loadStateDict(state: object): unknown;
}
/** Where the random numbers stand: a device's `random`. */
export interface RandomState {
  seed: number;
  call: number;
}

export interface CheckpointContent {
  model: HasTensors;
  optimizer?: HasState;
  /** Whatever the program counts. Default 0. */
  step?: number;
  /** The state of the random numbers; true (default): the device's, false: none. */
  rng?: boolean | RandomState;
}
export interface CheckpointTarget {
  model?: HasTensors;
  optimizer?: HasState;
  /** Whether the device's random numbers go on where they were. Default true. */
  rng?: boolean;
}
export interface Checkpoint {
  readonly step: number;
  readonly rng: RandomState | undefined;
}

const FORMAT = "gradwell-checkpoint";
const VERSION = "1";
const MODEL = "model.";
const OPTIMIZER = "optimizer.";

/**
 * The file of a checkpoint: a safetensors file whose tensors are `model.<name>` and `optimizer.<path>`. A run that is
 * continued from it by `loadCheckpoint` computes the same bits as one that never stopped.
 */
export async function saveCheckpoint(content: CheckpointContent): Promise<Uint8Array<ArrayBuffer>> {
  checkKeys("saveCheckpoint", content, ["model", "optimizer", "step", "rng"]);
  const { model, optimizer, step = 0, rng = true } = content;
  checkHolder("saveCheckpoint", "model", model);
  if (optimizer) checkHolder("saveCheckpoint", "optimizer", optimizer);
  check(Number.isSafeInteger(step) && step >= 0, ArgumentError, () =>
    expected("saveCheckpoint", "step", "a whole number >= 0", step),
  );
  // Copies that the state dicts make are freed when the file is there; tensors that were there before stay.
  return scope(() => {
    const state = model.stateDict();
    const tensors: Record<string, Tensor> = {};
    for (const [name, tensor] of Object.entries(state)) tensors[MODEL + name] = tensor;
    const metadata: Record<string, string> = { format: FORMAT, version: VERSION, step: String(step) };
    if (rng) metadata.rng = JSON.stringify(rng === true ? deviceOf(state).random : rng);
    if (optimizer) metadata.optimizer = JSON.stringify(pack(optimizer.stateDict(), "", tensors));
    return saveSafetensors(tensors, metadata);
  });
}

/**
 * Puts a checkpoint's state into a model and an optimizer that were made like the saved ones, sets the device's random
 * numbers, and gives the step. DataError where the file is no checkpoint or lacks what is asked for.
 */
export function loadCheckpoint(bytes: FileBytes, target: CheckpointTarget): Checkpoint {
  checkKeys("loadCheckpoint", target, ["model", "optimizer", "rng"]);
  const { model, optimizer, rng: wanted = true } = target;
  if (model) checkHolder("loadCheckpoint", "model", model);
  if (optimizer) checkHolder("loadCheckpoint", "optimizer", optimizer);
  const { step, rng, optimizer: packed } = readMetadata(bytes);
  check(!optimizer || packed, DataError, () => "loadCheckpoint: the checkpoint was saved without an optimizer");
  const device = model ? deviceOf(model.stateDict()) : currentDevice();
  const tensors = loadSafetensors(bytes, { device });
  try {
    const unpacked = optimizer && unpack(packed, tensors);
    model?.loadStateDict(withPrefix(tensors, MODEL));
    if (unpacked) optimizer.loadStateDict(unpacked as object);
  } finally {
    for (const tensor of Object.values(tensors)) tensor.dispose();
  }
  if (wanted && rng) Object.assign(device.random, rng);
  return { step, rng };
}

function readMetadata(bytes: FileBytes): Checkpoint & { optimizer: unknown } {
  const { format, version, step, rng, optimizer } = safetensorsMetadata(bytes);
  check(format === FORMAT && version === VERSION, DataError, () =>
    expected("loadCheckpoint", "bytes", `a file of saveCheckpoint (version ${VERSION})`, `${format} ${version ?? ""}`),
  );
  const state = parsed("rng", rng) as Partial<RandomState> | undefined;
  const counts = [Number(step), state?.seed ?? 0, state?.call ?? 0];
  check(
    counts.every(Number.isSafeInteger),
    DataError,
    () => `loadCheckpoint: step or rng is damaged (${step}, ${rng})`,
  );
  return { step: Number(step), rng: state as RandomState | undefined, optimizer: parsed("optimizer", optimizer) };
}

function parsed(name: string, json: string | undefined): unknown {
  try {
    return json === undefined ? undefined : JSON.parse(json);
  } catch (cause) {
    throw new DataError(`loadCheckpoint: the metadata '${name}' is not JSON`, { cause });
  }
}

/** A state as JSON would hold it, its tensors put among `tensors` and replaced by their names. */
function pack(value: unknown, path: string, tensors: Record<string, Tensor>): unknown {
  if (value instanceof Tensor) {
    const name = OPTIMIZER + path;
    tensors[name] = value;
    return { $tensor: name };
  }
  const inside = (key: string | number) => (path ? `${path}.${key}` : String(key));
  if (Array.isArray(value)) return value.map((one, i) => pack(one, inside(i), tensors));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, pack(one, inside(key), tensors)]));
  }
  const fits = value === null || typeof value === "boolean" || typeof value === "string" || Number.isFinite(value);
  check(fits || value === undefined, ArgumentError, () =>
    expected("saveCheckpoint", inside("").slice(0, -1), "a tensor, list, object, string or finite number", value),
  );
  return value;
}

function unpack(value: unknown, tensors: Readonly<Record<string, Tensor>>): unknown {
  if (Array.isArray(value)) return value.map((one) => unpack(one, tensors));
  if (typeof value !== "object" || value === null) return value;
  if ("$tensor" in value) {
    const found = tensors[String(value.$tensor)];
    check(found, DataError, () => `loadCheckpoint: the tensor '${value.$tensor}' is missing in the file`);
    return found;
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, unpack(one, tensors)]));
}

function withPrefix(tensors: Readonly<Record<string, Tensor>>, prefix: string): Record<string, Tensor> {
  const own = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

const deviceOf = (state: Record<string, Tensor>): Device => Object.values(state)[0]?.device ?? currentDevice();

function checkHolder(op: string, argument: string, value: unknown): void {
  const methods = value as Partial<HasState> | undefined;
  const holds = typeof methods?.stateDict === "function" && typeof methods.loadStateDict === "function";
  check(holds, ArgumentError, () => expected(op, argument, "something with stateDict() and loadStateDict()", value));
}
