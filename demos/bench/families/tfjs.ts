/** TensorFlow.js on WebGPU: steps of its own optimizers inside `tidy`. */
import * as tf from "@tensorflow/tfjs";
import { installWebGpu } from "../adapter.ts";
import { drained } from "../libraries/tfjs.ts";
import { ADAM } from "../work.ts";
import type { Family, OptimizerSpec } from "./families.ts";
import { type FamilyData, firstOf, type HostArrays } from "./file.ts";
import type { FamilyLibrary, FamilyRunning } from "./library.ts";
import { inputOf, isBuffer, layoutOf, type TfTensor, type TfTensors, tfModelOf } from "./tfjs-models.ts";

export async function open(): Promise<FamilyLibrary> {
  const adapter = installWebGpu();
  // The module looks for WebGPU when it is loaded.
  await import("@tensorflow/tfjs-backend-webgpu");
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js has no backend webgpu here");
  await tf.ready();
  return {
    version: tf.version.tfjs,
    device: adapter(),
    prepare: async (family, data) => running(family, data),
    close: async () => undefined,
  };
}

const uploadAll = (arrays: HostArrays): TfTensors =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, inputOf(array)]));

function paramsOf(arrays: HostArrays): TfTensors {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => {
      const value = layoutOf(name, array);
      return [name, isBuffer(name) ? value : tf.variable(value)];
    }),
  );
}

function optimizerOf(spec: OptimizerSpec): TfTensor {
  if (spec.kind === "sgd") return tf.train.momentum(spec.lr, spec.momentum);
  return tf.train.adam(spec.lr, ADAM.beta1, ADAM.beta2, ADAM.eps);
}

/** One step; its Adam knows neither decoupled decay nor clipping. */
function stepOf(spec: OptimizerSpec, variables: TfTensor[], lossOf: () => TfTensor): () => TfTensor {
  const optimizer = optimizerOf(spec);
  if (spec.kind !== "adamw") return () => optimizer.minimize(lossOf, true);
  const { clip, lr, weightDecay } = spec;
  return () => {
    const { value, grads } = tf.variableGrads(lossOf);
    for (const one of variables) one.assign(one.mul(1 - lr * weightDecay));
    optimizer.applyGradients(clip === undefined ? grads : clipped(grads, clip));
    return value;
  };
}

function clipped(grads: TfTensors, clip: number): TfTensors {
  const squares = Object.values(grads).map((grad) => grad.square().sum());
  // Its addN binds all of them at once, more than an adapter need allow.
  const total = squares.reduce((sum, one) => sum.add(one));
  const factor = tf.minimum(tf.scalar(clip).div(total.sqrt().add(1e-6)), 1);
  return Object.fromEntries(Object.entries(grads).map(([name, grad]) => [name, grad.mul(factor)]));
}

function running(family: Family, data: FamilyData): FamilyRunning {
  const params = paramsOf(data.params);
  const inputs = uploadAll(data.inputs);
  const model = tfModelOf(family, params);
  const variables = Object.entries(params).flatMap(([name, value]) => (isBuffer(name) ? [] : [value]));
  const step = stepOf(family.optimizer, variables, () => model.loss(inputs));
  const batches = new Map<number, TfTensors>();
  let loss: TfTensor;
  return {
    step() {
      tf.dispose(loss);
      loss = tf.tidy(step);
    },
    sync: () => drained(tf.backend()),
    loss: async () => (await loss.data())[0],
    async infer(batch) {
      const arrays = Object.entries(data.infer).map(([name, array]) => [name, firstOf(array, batch)]);
      const first = batches.get(batch) ?? uploadAll(Object.fromEntries(arrays));
      batches.set(batch, first);
      const y = tf.tidy(() => model.predict(first, false));
      const values = await y.data();
      y.dispose();
      return values;
    },
    dispose() {
      tf.dispose([loss, inputs, params, ...batches.values()]);
      tf.disposeVariables();
    },
  };
}
