/** The families' networks for TensorFlow.js: channels last, kernels (in, out), losses and optimizers of its own. */
import * as tf from "@tensorflow/tfjs";
import { EPS } from "../work.ts";
import type { Family } from "./families.ts";
import type { HostArray } from "./file.ts";

// biome-ignore lint/suspicious/noExplicitAny: the types of TensorFlow.js are only there when the peers are installed.
export type TfTensor = any;
export type TfTensors = Record<string, TfTensor>;

export interface TfModel {
  loss(inputs: TfTensors): TfTensor;
  predict(inputs: TfTensors, training: boolean): TfTensor;
}

const EMBEDDING = /^(tok|pos|center|context)\./;
export const isBuffer = (name: string): boolean => /running_(mean|var)$|num_batches_tracked$/.test(name);

/** A parameter in the layout of TensorFlow.js. */
export function layoutOf(name: string, { shape, values }: HostArray): TfTensor {
  return tf.tidy(() => {
    const plain = tf.tensor(values, shape, values instanceof Int32Array ? "int32" : "float32");
    if (shape.length === 4) return plain.transpose([2, 3, 1, 0]);
    return shape.length === 2 && !EMBEDDING.test(name) ? plain.transpose() : plain;
  });
}

/** An input; images go channels last. */
export function inputOf({ shape, values }: HostArray): TfTensor {
  return tf.tidy(() => {
    const plain = tf.tensor(values, shape, values instanceof Int32Array ? "int32" : "float32");
    return shape.length === 4 ? plain.transpose([0, 2, 3, 1]) : plain;
  });
}

/** Layers over parameters by name. */
class Layers {
  readonly params: TfTensors;

  constructor(params: TfTensors) {
    this.params = params;
  }

  linear(name: string, x: TfTensor): TfTensor {
    return this.product(x, `${name}.weight`, `${name}.bias`);
  }

  /** Leading dims become rows: one product of matrices. */
  product(x: TfTensor, weight: string, bias: string): TfTensor {
    const kernel = this.params[weight];
    const rows = x.rank > 2 ? x.reshape([-1, x.shape.at(-1)]) : x;
    const product = tf.matMul(rows, kernel);
    const y = this.params[bias] ? product.add(this.params[bias]) : product;
    return x.rank > 2 ? y.reshape([...x.shape.slice(0, -1), kernel.shape[1]]) : y;
  }

  /** Padded so that stride 1 keeps the size; "same" would shift a stride of 2. */
  conv(name: string, x: TfTensor, stride = 1): TfTensor {
    const kernel = this.params[`${name}.weight`];
    const side = (kernel.shape[0] - 1) / 2;
    const [input, padding] =
      stride === 1 || side === 0
        ? [x, "same"]
        : [
            tf.pad(x, [
              [0, 0],
              [side, side],
              [side, side],
              [0, 0],
            ]),
            "valid",
          ];
    const y = tf.conv2d(input, kernel, stride, padding);
    const bias = this.params[`${name}.bias`];
    return bias ? y.add(bias) : y;
  }

  batchNorm(name: string, x: TfTensor, training: boolean): TfTensor {
    const of = (part: string) => this.params[`${name}.${part}`];
    const axes = x.shape.slice(0, -1).map((_: number, i: number) => i);
    const { mean, variance } = training
      ? tf.moments(x, axes)
      : { mean: of("running_mean"), variance: of("running_var") };
    return tf.batchNorm(x, mean, variance, of("bias"), of("weight"), EPS);
  }

  layerNorm(name: string, x: TfTensor): TfTensor {
    const { mean, variance } = tf.moments(x, -1, true);
    const normed = x.sub(mean).mul(variance.add(EPS).rsqrt());
    return normed.mul(this.params[`${name}.weight`]).add(this.params[`${name}.bias`]);
  }
}

const crossEntropy = (logits: TfTensor, labels: TfTensor): TfTensor =>
  tf.losses.softmaxCrossEntropy(tf.oneHot(labels, logits.shape.at(-1)).toFloat(), logits);

const gelu = (x: TfTensor): TfTensor => x.mul(0.5).mul(tf.erf(x.mul(Math.SQRT1_2)).add(1));

function convnet(layers: Layers): TfModel["predict"] {
  return ({ x }, training) => {
    let y = x;
    for (const [conv, norm] of [
      [0, 1],
      [4, 5],
    ]) {
      y = layers.batchNorm(`net.${norm}`, layers.conv(`net.${conv}`, y), training).relu();
      y = tf.maxPool(y, 2, 2, "valid");
    }
    // The rows of the kernel follow channels first.
    return layers.linear("net.9", y.transpose([0, 3, 1, 2]).reshape([y.shape[0], -1]));
  };
}

function residual(layers: Layers): TfModel["predict"] {
  return ({ x }, training) => {
    const convNorm = (conv: string, norm: string, y: TfTensor, stride = 1) =>
      layers.batchNorm(norm, layers.conv(conv, y, stride), training);
    let y = convNorm("net.0", "net.1", x).relu();
    for (let i = 0; i < 4; i++) {
      const [block, stride] = [`net.${i + 3}`, i === 2 ? 2 : 1];
      const inner = convNorm(`${block}.body.0`, `${block}.body.1`, y, stride).relu();
      const body = convNorm(`${block}.body.3`, `${block}.body.4`, inner);
      const shortcut = i === 2 ? convNorm(`${block}.shortcut.0`, `${block}.shortcut.1`, y, stride) : y;
      y = body.add(shortcut).relu();
    }
    return layers.linear("net.8", y.mean([1, 2]));
  };
}

function lstm(layers: Layers): TfModel["predict"] {
  const { params } = layers;
  return ({ x }) => {
    const [batch, steps] = x.shape;
    // One product for the inputs of all steps.
    const inputs = layers.product(x, "net.lstm.weight_ih_l0", "net.lstm.bias_ih_l0").add(params["net.lstm.bias_hh_l0"]);
    const recurrent = params["net.lstm.weight_hh_l0"];
    const width = recurrent.shape[0];
    let [h, c] = [tf.zeros([batch, width]), tf.zeros([batch, width])];
    for (const input of tf.unstack(inputs, 1).slice(0, steps)) {
      const [i, f, g, o] = tf.split(input.add(tf.matMul(h, recurrent)), 4, 1);
      c = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
      h = o.sigmoid().mul(c.tanh());
    }
    return layers.linear("net.head", h);
  };
}

function mlp(layers: Layers): TfModel["predict"] {
  return ({ x }, training) => {
    let y = x;
    for (const i of [0, 3]) y = layers.batchNorm(`net.${i + 1}`, layers.linear(`net.${i}`, y), training).relu();
    return layers.linear("net.6", y);
  };
}

function gpt(layers: Layers, { heads = 1, layers: count = 0, length = 0 }: Family["sizes"]): TfModel["predict"] {
  const { params } = layers;
  const allowed = tf.linalg.bandPart(tf.ones([length, length]), -1, 0);
  const mask = tf.keep(tf.tidy(() => tf.sub(allowed, 1).mul(1e9)));
  const attend = (name: string, x: TfTensor) => {
    const [batch, , width] = x.shape;
    const joint = layers.product(x, `${name}.in_proj_weight`, `${name}.in_proj_bias`);
    const byHead = joint.reshape([batch, length, 3, heads, width / heads]).transpose([2, 0, 3, 1, 4]);
    const [q, k, v] = tf.unstack(byHead);
    const scores = tf.matMul(q, k, false, true).mul((width / heads) ** -0.5);
    const y = tf.matMul(scores.add(mask).softmax(), v);
    return layers.linear(`${name}.out_proj`, y.transpose([0, 2, 1, 3]).reshape(x.shape));
  };
  return ({ x }) => {
    let y = tf.gather(params["tok.weight"], x).add(params["pos.weight"]);
    for (let i = 0; i < count; i++) {
      const block = `blocks.${i}`;
      y = y.add(attend(`${block}.attn`, layers.layerNorm(`${block}.ln1`, y)));
      const hidden = gelu(layers.linear(`${block}.mlp.0`, layers.layerNorm(`${block}.ln2`, y)));
      y = y.add(layers.linear(`${block}.mlp.2`, hidden));
    }
    return layers.linear("head", layers.layerNorm("norm", y));
  };
}

function word2vec({ params }: Layers): TfModel {
  const scores = (center: TfTensor, words: TfTensor) =>
    tf
      .matMul(tf.gather(params["context.weight"], words), tf.gather(params["center.weight"], center).expandDims(2))
      .squeeze([2]);
  return {
    predict: ({ x, context }) => scores(x, context),
    loss: ({ x, context, negatives }) =>
      scores(x, context).neg().softplus().sum(1).add(scores(x, negatives).softplus().sum(1)).mean(),
  };
}

function vae(layers: Layers): TfModel {
  const encode = (x: TfTensor) => layers.linear("encoder.0", x).relu();
  const decode = (z: TfTensor) => layers.linear("decoder.2", layers.linear("decoder.0", z).relu());
  return {
    predict: ({ x }) => decode(layers.linear("mean", encode(x))),
    loss({ x, noise }) {
      const hidden = encode(x);
      const [mean, logVar] = [layers.linear("mean", hidden), layers.linear("logVar", hidden)];
      const logits = decode(mean.add(noise.mul(logVar.mul(0.5).exp())));
      const reconstruction = tf.losses.sigmoidCrossEntropy(x, logits, 1, 0, tf.Reduction.SUM);
      const divergence = logVar.add(1).sub(mean.square()).sub(logVar.exp()).sum().mul(-0.5);
      return reconstruction.add(divergence).div(x.shape[0]);
    },
  };
}

export function tfModelOf({ name, sizes }: Family, params: TfTensors): TfModel {
  const layers = new Layers(params);
  const classifier = (predict: TfModel["predict"]): TfModel => ({
    predict,
    loss: (inputs) => crossEntropy(predict(inputs, true), inputs.target),
  });
  const wide: TfModel["predict"] = ({ x }) => layers.linear("net.2", layers.linear("net.0", x).relu());
  switch (name) {
    case "convnet":
      return classifier(convnet(layers));
    case "residual":
      return classifier(residual(layers));
    case "gpt128":
    case "gpt256":
      return classifier(gpt(layers, sizes));
    case "lstm":
      return classifier(lstm(layers));
    case "mlp":
      return classifier(mlp(layers));
    case "wide-mlp":
      return { predict: wide, loss: (inputs) => tf.losses.meanSquaredError(inputs.target, wide(inputs, true)) };
    case "word2vec":
      return word2vec(layers);
    case "vae":
      return vae(layers);
    default:
      throw new Error(`no model of '${name}'`);
  }
}
