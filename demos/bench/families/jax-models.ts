/**
 * The families' networks for jax-js, as functions of their parameters to be traced under `jit`. A function owns its
 * arguments: `x.ref` is passed where x is needed again.
 */
import * as jax from "@jax-js/jax";
import { EPS } from "../work.ts";
import type { Family } from "./families.ts";

const { numpy: np, nn, lax } = jax;
// biome-ignore lint/suspicious/noExplicitAny: the types of jax-js are only there when the peers are installed.
export type JaxArray = any;
export type JaxArrays = Record<string, JaxArray>;

export interface JaxModel {
  loss(params: JaxArrays, inputs: JaxArrays): JaxArray;
  predict(params: JaxArrays, inputs: JaxArrays, training: boolean): JaxArray;
}

const EMBEDDING = /^(tok|pos|center|context)\./;

/** True if a weight is stored (in, out), as is usual there. */
export const isKernel = (name: string, shape: readonly number[]): boolean =>
  shape.length === 2 && !EMBEDDING.test(name);

/** Parameters by name; each may be taken once, for a function owns it. */
const linear = (params: JaxArrays, name: string, x: JaxArray): JaxArray => {
  const product = np.matmul(x, params[`${name}.weight`]);
  const bias = params[`${name}.bias`];
  return bias ? product.add(bias) : product;
};

function conv(params: JaxArrays, name: string, x: JaxArray, stride = 1): JaxArray {
  const kernel = params[`${name}.weight`];
  const side = (kernel.shape[2] - 1) / 2;
  const padding = [
    [side, side],
    [side, side],
  ];
  const y = lax.convGeneralDilated(x, kernel, [stride, stride], padding);
  const bias = params[`${name}.bias`];
  return bias ? y.add(bias.reshape([1, -1, 1, 1])) : y;
}

function batchNorm(params: JaxArrays, name: string, x: JaxArray, training: boolean): JaxArray {
  const of = (part: string) => params[`${name}.${part}`].reshape(x.ndim === 4 ? [1, -1, 1, 1] : [1, -1]);
  const axes = x.ndim === 4 ? [0, 2, 3] : [0];
  const [mean, variance] = training
    ? [x.ref.mean(axes, { keepdims: true }), undefined]
    : [of("running_mean"), of("running_var")];
  const centered = x.sub(mean);
  const spread = variance ?? np.square(centered.ref).mean(axes, { keepdims: true });
  return centered
    .div(np.sqrt(spread.add(EPS)))
    .mul(of("weight"))
    .add(of("bias"));
}

const layerNorm = (params: JaxArrays, name: string, x: JaxArray): JaxArray =>
  nn.standardize(x, -1).mul(params[`${name}.weight`]).add(params[`${name}.bias`]);

function crossEntropy(logits: JaxArray, labels: JaxArray): JaxArray {
  const classes = logits.shape.at(-1);
  return nn.logSoftmax(logits).mul(nn.oneHot(labels, classes)).sum(-1).mean().neg();
}

/** Windows that do not overlap are a reshape. */
function pool(x: JaxArray): JaxArray {
  const [batch, channels, height, width] = x.shape;
  return np.max(x.reshape([batch, channels, height / 2, 2, width / 2, 2]), [3, 5]);
}

const convnet: JaxModel["predict"] = (params, { x }, training) => {
  let y = x;
  for (const [at, norm] of [
    [0, 1],
    [4, 5],
  ]) {
    y = pool(nn.relu(batchNorm(params, `net.${norm}`, conv(params, `net.${at}`, y), training)));
  }
  return linear(params, "net.9", y.reshape([y.shape[0], -1]));
};

const residual: JaxModel["predict"] = (params, { x }, training) => {
  const convNorm = (at: string, norm: string, y: JaxArray, stride = 1) =>
    batchNorm(params, norm, conv(params, at, y, stride), training);
  let y = nn.relu(convNorm("net.0", "net.1", x));
  for (let i = 0; i < 4; i++) {
    const [block, stride] = [`net.${i + 3}`, i === 2 ? 2 : 1];
    const inner = nn.relu(convNorm(`${block}.body.0`, `${block}.body.1`, y.ref, stride));
    const body = convNorm(`${block}.body.3`, `${block}.body.4`, inner);
    const shortcut = i === 2 ? convNorm(`${block}.shortcut.0`, `${block}.shortcut.1`, y, stride) : y;
    y = nn.relu(body.add(shortcut));
  }
  return linear(params, "net.8", y.mean([2, 3]));
};

const lstm: JaxModel["predict"] = (params, { x }) => {
  const [batch, steps] = x.shape;
  const recurrent = params["net.lstm.weight_hh_l0"];
  const width = recurrent.shape[0];
  // One product for the inputs of all steps.
  const inputs = np
    .matmul(x, params["net.lstm.weight_ih_l0"])
    .add(params["net.lstm.bias_ih_l0"])
    .add(params["net.lstm.bias_hh_l0"]);
  let [h, c] = [np.zeros([batch, width]), np.zeros([batch, width])];
  for (let t = 0; t < steps; t++) {
    const gates = inputs.ref.slice([], t).add(np.matmul(h, recurrent.ref));
    const [i, f, g, o] = np.split(gates, 4, 1);
    c = nn
      .sigmoid(f)
      .mul(c)
      .add(nn.sigmoid(i).mul(np.tanh(g)));
    h = nn.sigmoid(o).mul(np.tanh(c.ref));
  }
  for (const left of [inputs, recurrent, c]) left.dispose();
  return linear(params, "net.head", h);
};

const mlp: JaxModel["predict"] = (params, { x }, training) => {
  let y = x;
  for (const i of [0, 3]) y = nn.relu(batchNorm(params, `net.${i + 1}`, linear(params, `net.${i}`, y), training));
  return linear(params, "net.6", y);
};

const wide: JaxModel["predict"] = (params, { x }) => linear(params, "net.2", nn.relu(linear(params, "net.0", x)));

function gpt({ heads = 1, layers = 0, vocabulary = 0 }: Family["sizes"]): JaxModel["predict"] {
  const attend = (params: JaxArrays, name: string, x: JaxArray) => {
    const [batch, length, width] = x.shape;
    const joint = np.matmul(x, params[`${name}.in_proj_weight`]).add(params[`${name}.in_proj_bias`]);
    const byHead = (one: JaxArray) => np.swapaxes(one.reshape([batch, length, heads, width / heads]), 1, 2);
    const [q, k, v] = np.split(joint, 3, 2).map(byHead);
    // Its own dotProductAttention calls an einsum that fails before Node 22.
    const scores = np.matmul(q, np.swapaxes(k, 2, 3)).mul((width / heads) ** -0.5);
    const allowed = np.tril(np.ones([length, length])).notEqual(0);
    const y = np.matmul(nn.softmax(np.where(allowed, scores, -1e9), -1), v);
    return linear(params, `${name}.out_proj`, np.swapaxes(y, 1, 2).reshape([batch, length, width]));
  };
  return (params, { x }) => {
    let y = np.matmul(nn.oneHot(x, vocabulary), params["tok.weight"]).add(params["pos.weight"]);
    for (let i = 0; i < layers; i++) {
      const block = `blocks.${i}`;
      y = y.ref.add(attend(params, `${block}.attn`, layerNorm(params, `${block}.ln1`, y)));
      const normed = layerNorm(params, `${block}.ln2`, y.ref);
      const hidden = nn.gelu(linear(params, `${block}.mlp.0`, normed), { approximate: false });
      y = y.add(linear(params, `${block}.mlp.2`, hidden));
    }
    return linear(params, "head", layerNorm(params, "norm", y));
  };
}

/** Scores (N, K) of the words (N, K) near the centers (N, width). */
const scores = (center: JaxArray, context: JaxArray, words: JaxArray): JaxArray =>
  np.matmul(np.take(context, words, 0), center.reshape([center.shape[0], center.shape[1], 1])).reshape(words.shape);

const word2vec: JaxModel = {
  predict: (params, { x, context }) =>
    scores(np.take(params["center.weight"], x, 0), params["context.weight"], context),
  loss(params, { x, context, negatives }) {
    const center = np.take(params["center.weight"], x, 0);
    const words = params["context.weight"];
    const near = scores(center.ref, words.ref, context);
    const far = scores(center, words, negatives);
    return nn.softplus(near.neg()).sum(1).add(nn.softplus(far).sum(1)).mean();
  },
};

const encode = (params: JaxArrays, x: JaxArray) => nn.relu(linear(params, "encoder.0", x));
const decode = (params: JaxArrays, z: JaxArray) => linear(params, "decoder.2", nn.relu(linear(params, "decoder.0", z)));

const vae: JaxModel = {
  predict: (params, { x }) => decode(params, linear(params, "mean", encode(params, x))),
  loss(params, { x, noise }) {
    const batch = x.shape[0];
    const hidden = encode(params, x.ref);
    const mean = linear(params, "mean", hidden.ref);
    const logVar = linear(params, "logVar", hidden);
    const logits = decode(params, mean.ref.add(noise.mul(np.exp(logVar.ref.mul(0.5)))));
    // softplus(z) - x z, the cross entropy of x and sigmoid(z).
    const reconstruction = nn.softplus(logits.ref).sub(x.mul(logits)).sum();
    const divergence = logVar.ref.add(1).sub(np.square(mean)).sub(np.exp(logVar)).sum().mul(-0.5);
    return reconstruction.add(divergence).div(batch);
  },
};

export function jaxModelOf({ name, sizes }: Family): JaxModel {
  const classifier = (predict: JaxModel["predict"]): JaxModel => ({
    predict,
    loss: (params, { target, ...inputs }) => crossEntropy(predict(params, inputs, true), target),
  });
  switch (name) {
    case "convnet":
      return classifier(convnet);
    case "residual":
      return classifier(residual);
    case "gpt128":
    case "gpt256":
      return classifier(gpt(sizes));
    case "lstm":
      return classifier(lstm);
    case "mlp":
      return classifier(mlp);
    case "wide-mlp":
      return {
        predict: wide,
        loss: (params, { target, ...inputs }) => np.square(wide(params, inputs, true).sub(target)).mean(),
      };
    case "word2vec":
      return word2vec;
    case "vae":
      return vae;
    default:
      throw new Error(`no model of '${name}'`);
  }
}
