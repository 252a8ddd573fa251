/** jax-js: the whole step, optimizer included, is one function under `jit`, and inference another. */
import * as jax from "@jax-js/jax";
import { CPU, installWebGpu } from "../adapter.ts";
import { adam, ratesAt, versionOf } from "../libraries/jax.ts";
import type { Family, OptimizerSpec } from "./families.ts";
import { type FamilyData, firstOf, type HostArray, type HostArrays } from "./file.ts";
import { isKernel, type JaxArray, type JaxArrays, jaxModelOf } from "./jax-models.ts";
import type { FamilyLibrary, FamilyRunning } from "./library.ts";

const { numpy: np, jit, valueAndGrad, blockUntilReady } = jax;

export async function open(device: "webgpu" | "wasm"): Promise<FamilyLibrary> {
  const adapter = device === "webgpu" ? installWebGpu() : () => CPU;
  await jax.init(device);
  jax.defaultDevice(device);
  return {
    version: versionOf(),
    device: adapter(),
    prepare: async (family, data) => running(family, data),
    close: async () => undefined,
  };
}

const isBuffer = (name: string) => /running_(mean|var)$|num_batches_tracked$/.test(name);

function upload({ values, shape }: HostArray): JaxArray {
  return np.array(values, values instanceof Int32Array ? { dtype: np.int32 } : undefined).reshape(shape);
}

const uploadAll = (arrays: HostArrays): JaxArrays =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, upload(array)]));

const refs = (arrays: JaxArrays): JaxArrays =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, array.ref]));

const zerosLike = (arrays: JaxArray[]): JaxArray[] => arrays.map(({ shape }) => np.zeros(shape));

/** A parameter with what its optimizer keeps for it. */
type Slot = JaxArray[];

/** The step of one parameter, to be traced. */
function updated(spec: OptimizerSpec, [param, ...kept]: Slot, grad: JaxArray, rates: JaxArray[]): Slot {
  if (spec.kind === "sgd") {
    const momentum = kept[0].mul(spec.momentum).add(grad);
    return [param.sub(momentum.ref.mul(spec.lr)), momentum];
  }
  const decayed = spec.kind === "adamw" ? param.mul(1 - spec.lr * spec.weightDecay) : param;
  return adam(
    decayed,
    kept[0],
    kept[1],
    grad,
    rates.map((rate) => rate.ref),
  );
}

function clipped(grads: JaxArray[], clip: number): JaxArray[] {
  const squares = grads.map((grad) => np.square(grad.ref).sum()).reduce((sum, one) => sum.add(one));
  const factor = np.minimum(np.array(clip).div(np.sqrt(squares).add(1e-6)), 1);
  const scaled = grads.map((grad) => grad.mul(factor.ref));
  factor.dispose();
  return scaled;
}

function running(family: Family, data: FamilyData): FamilyRunning {
  const { optimizer: spec } = family;
  const model = jaxModelOf(family);
  const all = Object.entries(data.params).filter(([name]) => !name.endsWith("num_batches_tracked"));
  const load = ([name, array]: [string, HostArray]) =>
    isKernel(name, array.shape) ? np.transpose(upload(array)) : upload(array);
  const trained = all.filter(([name]) => !isBuffer(name));
  const names = trained.map(([name]) => name);
  const named = (values: JaxArray[]): JaxArrays => Object.fromEntries(names.map((name, i) => [name, values[i]]));
  const params = trained.map(load);
  const buffers = Object.fromEntries(all.filter(([name]) => isBuffer(name)).map((one) => [one[0], load(one)]));
  const kept = spec.kind === "sgd" ? [zerosLike(params)] : [zerosLike(params), zerosLike(params)];
  let state: Slot[] = params.map((param, i) => [param, ...kept.map((values) => values[i])]);

  const step = jit((slots: Slot[], inputs: JaxArrays, rates: JaxArray[]) => {
    const lossOf = (values: JaxArray[], given: JaxArrays) => model.loss(named(values), given);
    const [loss, found] = valueAndGrad(lossOf)(
      slots.map(([param]) => param.ref),
      inputs,
    );
    const grads = spec.kind === "adamw" && spec.clip !== undefined ? clipped(found, spec.clip) : found;
    const next = slots.map((slot, i) => updated(spec, slot, grads[i], rates));
    for (const rate of rates) rate.dispose();
    return [loss, next];
  });
  const predict = jit((values: JaxArray[], rest: JaxArrays, inputs: JaxArrays) =>
    model.predict({ ...named(values), ...rest }, inputs, false),
  );

  const inputs = uploadAll(data.inputs);
  const batches = new Map<number, JaxArrays>();
  /** The training step's only inputs of inference. */
  const examples = Object.fromEntries(
    Object.entries(data.infer).filter(([name]) => name === "x" || name === "context"),
  );
  let loss: JaxArray;
  let t = 0;
  return {
    step() {
      loss?.dispose();
      [loss, state] = step(state, refs(inputs), spec.kind === "sgd" ? [] : ratesAt(++t, spec.lr));
    },
    sync: () => blockUntilReady([...state.flat(), ...(loss ? [loss] : [])]),
    loss: async () => (await loss.ref.data())[0],
    async infer(batch) {
      const arrays = Object.entries(examples).map(([name, array]) => [name, firstOf(array, batch)]);
      const first = batches.get(batch) ?? uploadAll(Object.fromEntries(arrays));
      batches.set(batch, first);
      const y = predict(
        state.map(([param]) => param.ref),
        refs(buffers),
        refs(first),
      );
      return y.data();
    },
    dispose() {
      const owned = [inputs, buffers, ...batches.values()].flatMap((arrays) => Object.values(arrays));
      for (const array of [...state.flat(), ...owned, ...(loss ? [loss] : [])]) array.dispose();
    },
  };
}
