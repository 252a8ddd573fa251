/** TensorFlow.js: its own operations, losses and optimizer inside `tidy`; channels last and kernels (in, out), its native layouts. */
import * as tf from "@tensorflow/tfjs";
import { CPU, installWebGpu } from "../adapter.ts";
import { type Library, type Running, Unsupported } from "../library.ts";
import { ADAM, type Arrays, EPS, layersOf, type Work } from "../work.ts";

// biome-ignore lint/suspicious/noExplicitAny: the types of TensorFlow.js are only there when the peers are installed.
type TfTensor = any;
type Of<K extends Work["kind"]> = Work & { kind: K };

export async function open(backend: "webgpu" | "wasm"): Promise<Library> {
  const adapter = backend === "webgpu" ? installWebGpu() : () => CPU;
  // The module looks for WebGPU when it is loaded.
  await (backend === "webgpu" ? import("@tensorflow/tfjs-backend-webgpu") : import("@tensorflow/tfjs-backend-wasm"));
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no backend ${backend} here`);
  await tf.ready();
  return {
    version: tf.version.tfjs,
    device: adapter(),
    prepare: async (work, inputs) => running(stepOf(work, inputs), backend),
    close: async () => undefined,
  };
}

interface Step {
  /** Inside a tidy: what it returns lives until the next run. */
  run: () => Record<string, TfTensor>;
  /** Turns what was computed into the layouts of the reference. */
  results?: (last: Record<string, TfTensor>) => Record<string, TfTensor>;
  dispose?: () => void;
}

function running(step: Step, backend: string): Running {
  let last: Record<string, TfTensor> = {};
  return {
    run() {
      tf.dispose(last);
      last = tf.tidy(step.run);
    },
    sync: () => (backend === "webgpu" ? drained(tf.backend()) : Promise.resolve()),
    async results() {
      const named = tf.tidy(() => step.results?.(last) ?? last);
      const values = Object.entries(named).map(
        async ([name, value]) => [name, await (value as TfTensor).data()] as const,
      );
      return Object.fromEntries(await Promise.all(values));
    },
    dispose() {
      tf.dispose(last);
      step.dispose?.();
      tf.disposeVariables();
    },
  };
}

/** It submits what it recorded only every fifteen dispatches or when a value is read; reading would copy the whole result. */
export async function drained(backend: TfTensor): Promise<void> {
  if (backend.commandEncoder) {
    backend.endComputePassEncoder();
    backend.submitQueue();
  }
  await backend.queue.onSubmittedWorkDone();
}

function stepOf(work: Work, inputs: Arrays): Step {
  switch (work.kind) {
    case "matmul":
      return matmulStep(work, inputs);
    case "layerNorm":
    case "batchNorm":
      return normStep(work, inputs);
    case "crossEntropy": {
      const logits = tf.tensor(inputs.logits, [work.rows, work.classes]);
      const labels = tf.oneHot(tf.tensor1d(inputs.labels, "int32"), work.classes).toFloat();
      const fn = tf.valueAndGrad((x: TfTensor) => tf.losses.softmaxCrossEntropy(labels, x));
      return {
        run() {
          const { value, grad } = fn(logits);
          return { loss: value, gradLogits: grad };
        },
        dispose: () => tf.dispose([logits, labels]),
      };
    }
    case "adam":
      return adamStep(work, inputs);
    case "mlp":
      return mlpStep(work, inputs);
    case "add": {
      if (work.raw) throw new Unsupported("the loop without a library is measured once");
      const [a, b] = [onDevice(tf.tensor(inputs.a)), tf.tensor(inputs.b)];
      return {
        run() {
          let y = a;
          for (let i = 0; i < work.repeats; i++) y = tf.add(y, b);
          return { y };
        },
        dispose: () => tf.dispose([a, b]),
      };
    }
  }
}

/** Small operations on values that are still on the CPU are done there; in training, values come from the device. */
function onDevice(x: TfTensor): TfTensor {
  if (tf.getBackend() !== "webgpu") return x;
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  try {
    return tf.tidy(() => x.add(0));
  } finally {
    tf.env().set("WEBGPU_CPU_FORWARD", true);
    x.dispose();
  }
}

function matmulStep({ form, m, n, k }: Of<"matmul">, inputs: Arrays): Step {
  const a = tf.tensor(inputs.a, form === "tn" ? [k, m] : [m, k]);
  const b = tf.tensor(inputs.b, form === "nt" ? [n, k] : [k, n]);
  return { run: () => ({ y: tf.matMul(a, b, form === "tn", form === "nt") }), dispose: () => tf.dispose([a, b]) };
}

/** Channels go last in its layout, and the statistics are over all dims before them. */
function normStep({ kind, shape }: Of<"layerNorm" | "batchNorm">, inputs: Arrays): Step {
  const image = shape.length === 4;
  const channelsLast = (x: TfTensor) => (image ? x.transpose([0, 2, 3, 1]) : x);
  const channelsFirst = (x: TfTensor) => (image ? x.transpose([0, 3, 1, 2]) : x);
  const [x, gradY] = ["x", "gradY"].map((name) => tf.tidy(() => channelsLast(tf.tensor(inputs[name], shape))));
  const [weight, bias] = ["weight", "bias"].map((name) => tf.tensor(inputs[name]));
  const axes = kind === "layerNorm" ? [-1] : image ? [0, 1, 2] : [0];
  const normalize = (input: TfTensor, scale: TfTensor, shift: TfTensor) => {
    const { mean, variance } = tf.moments(input, axes, kind === "layerNorm");
    if (kind === "batchNorm") return tf.batchNorm(input, mean, variance, shift, scale, EPS);
    return input.sub(mean).mul(variance.add(EPS).rsqrt()).mul(scale).add(shift);
  };
  const fn = tf.valueAndGrads(normalize);
  return {
    run() {
      const { value, grads } = fn([x, weight, bias], gradY);
      return { y: value, gradX: grads[0], gradWeight: grads[1], gradBias: grads[2] };
    },
    results: (last) => ({ ...last, y: channelsFirst(last.y), gradX: channelsFirst(last.gradX) }),
    dispose: () => tf.dispose([x, gradY, weight, bias]),
  };
}

const adam = () => tf.train.adam(ADAM.lr, ADAM.beta1, ADAM.beta2, ADAM.eps);

function adamStep({ tensors, size }: Of<"adam">, inputs: Arrays): Step {
  const part = (name: string, i: number) => tf.tensor1d(inputs[name]?.slice(i * size, (i + 1) * size));
  const optimizer = adam();
  const grads: Record<string, TfTensor> = {};
  const params: Record<string, TfTensor> = {};
  for (let i = 0; i < tensors; i++) {
    const variable = tf.variable(part("param", i));
    params[`param${i}`] = variable;
    grads[variable.name] = part("grad", i);
  }
  return {
    run() {
      optimizer.applyGradients(grads);
      return {};
    },
    results: () => params,
    dispose() {
      tf.dispose(grads);
      optimizer.dispose();
    },
  };
}

function mlpStep({ widths, batch }: Of<"mlp">, inputs: Arrays): Step {
  const classes = widths.at(-1) as number;
  const x = tf.tensor(inputs.x, [batch, widths[0] as number]);
  const labels = tf.oneHot(tf.tensor1d(inputs.labels, "int32"), classes).toFloat();
  const layers = layersOf(widths).map(([fanIn, fanOut], i) => ({
    kernel: tf.variable(tf.tidy(() => tf.tensor(inputs[`weight${i}`], [fanOut, fanIn]).transpose())),
    bias: tf.variable(tf.tensor1d(inputs[`bias${i}`])),
  }));
  const optimizer = adam();
  const lossOf = () => {
    let hidden = x;
    layers.forEach(({ kernel, bias }, i) => {
      hidden = tf.matMul(hidden, kernel).add(bias);
      if (i < layers.length - 1) hidden = hidden.relu();
    });
    return tf.losses.softmaxCrossEntropy(labels, hidden);
  };
  return {
    run: () => ({ loss: optimizer.minimize(lossOf, true) }),
    results: (last) => {
      const named = layers.flatMap(({ kernel, bias }, i) => [
        [`weight${i}`, kernel.transpose()],
        [`bias${i}`, bias],
      ]);
      return { ...last, ...Object.fromEntries(named) };
    },
    dispose() {
      tf.dispose([x, labels]);
      optimizer.dispose();
    },
  };
}
