/** gradwell: the training step and inference as captured functions. */
import { adapterKind, adapterName } from "../../../src/gpu/adapter/adapter.ts";
import {
  capture,
  type Device,
  data,
  init,
  manualSeed,
  noGrad,
  optim,
  profile,
  type Tensor,
  tensor,
} from "../../../src/index.ts";
import { type Family, type InputSpec, type OptimizerSpec, SEED } from "./families.ts";
import { type FamilyData, firstOf, type HostArray, type HostArrays, LARGEST_INFERENCE } from "./file.ts";
import { modelOf, type Tensors } from "./gradwell-models.ts";
import type { FamilyLibrary, FamilyRunning } from "./library.ts";

export async function open(): Promise<FamilyLibrary> {
  // What is timed is what a new user gets.
  const device = await init({ tuning: false });
  return {
    device: adapterName(device.gpu.adapterInfo),
    kind: adapterKind(device.gpu.adapterInfo),
    write,
    prepare: async (family, given) => running(device, family, given),
    close: () => device.close(),
  };
}

/** Parameters as gradwell draws them from a seed, and data. */
export async function write(family: Family): Promise<Uint8Array> {
  manualSeed(SEED);
  state = SEED;
  const model = modelOf(family);
  const named: [string, Tensor][] = Object.entries(model.stateDict()).map(([name, value]) => [`param.${name}`, value]);
  for (const [name, spec] of Object.entries(family.inputs)) {
    named.push([`input.${name}`, draw(spec)]);
    named.push([`infer.${name}`, draw({ ...spec, shape: [LARGEST_INFERENCE, ...spec.shape.slice(1)] })]);
  }
  const file = await data.saveSafetensors(Object.fromEntries(named));
  for (const [, value] of named) value.dispose();
  return file;
}

/** Numbers of a generator on the host: the same on every adapter. */
let state = SEED;
function next(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

function draw(spec: InputSpec): Tensor {
  const { shape } = spec;
  const count = shape.reduce((product, size) => product * size, 1);
  if ("classes" in spec) {
    return tensor(
      Int32Array.from({ length: count }, () => Math.floor(next() * spec.classes)),
      { shape },
    );
  }
  return tensor(
    Float32Array.from({ length: count }, () => spec.low + next() * (spec.high - spec.low)),
    { shape },
  );
}

const upload = ({ values, shape }: HostArray): Tensor => tensor(values, { shape });
const uploadAll = (arrays: HostArrays): Tensors =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, upload(array)]));

function optimizerOf(spec: OptimizerSpec, params: Tensor[]): optim.Adam | optim.AdamW | optim.SGD {
  switch (spec.kind) {
    case "adam":
      return new optim.Adam(params, { lr: spec.lr });
    case "adamw":
      return new optim.AdamW(params, { lr: spec.lr, weightDecay: spec.weightDecay });
    case "sgd":
      return new optim.SGD(params, { lr: spec.lr, momentum: spec.momentum });
  }
}

export function running(device: Device, family: Family, given: FamilyData): FamilyRunning {
  const model = modelOf(family);
  const values = uploadAll(given.params);
  model.loadStateDict(values);
  for (const one of Object.values(values)) one.dispose();
  const params = model.parameters();
  const { optimizer: spec } = family;
  const optimizer = optimizerOf(spec, params);
  const clip = spec.kind === "adamw" ? spec.clip : undefined;
  const inputs = uploadAll(given.inputs);
  const step = capture(() => {
    optimizer.zeroGrad();
    const loss = model.loss(inputs);
    loss.backward();
    if (clip !== undefined) optim.clipGradNorm(params, clip).dispose();
    optimizer.step();
    return loss;
  });
  const predict = capture((batch: Tensors) => noGrad(() => model.predict(batch)));
  const batches = new Map<number, Tensors>();
  let loss: Tensor | undefined;
  return {
    step() {
      loss = step();
    },
    sync: () => device.sync(),
    async loss() {
      if (!loss) throw new Error("no step has been taken");
      return loss.item();
    },
    async infer(batch) {
      model.eval();
      const first = batches.get(batch) ?? uploadAll(mapArrays(given.infer, (array) => firstOf(array, batch)));
      batches.set(batch, first);
      const y = await predict(first).data();
      model.train();
      return y as Float32Array;
    },
    async bytes() {
      const rows = await profile(() => void step());
      return rows.reduce((sum, { gbps, microseconds }) => sum + gbps * microseconds * 1e3, 0);
    },
    dispose() {
      step.dispose();
      predict.dispose();
      optimizer.dispose();
      for (const one of [...params, ...[inputs, ...batches.values()].flatMap(Object.values<Tensor>)]) one.dispose();
    },
  };
}

const mapArrays = (arrays: HostArrays, fn: (array: HostArray) => HostArray): HostArrays =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, fn(array)]));
