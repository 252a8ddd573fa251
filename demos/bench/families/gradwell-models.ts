/** The families' networks as a user of gradwell would write them. */
import { nn, type Tensor } from "../../../src/index.ts";
import type { Family } from "./families.ts";

export type Tensors = Record<string, Tensor>;

export interface FamilyModel extends nn.Module {
  loss(inputs: Tensors): Tensor;
  /** The result of inference on the input `x`. */
  predict(inputs: Tensors): Tensor;
}

/** An input or parameter that is known to be there. */
const given = (tensors: Tensors, name: string): Tensor => {
  const found = tensors[name];
  if (!found) throw new Error(`no tensor '${name}'`);
  return found;
};

class Classifier extends nn.Module implements FamilyModel {
  readonly net: nn.Module;

  constructor(net: nn.Module) {
    super();
    this.net = net;
  }

  override forward(x: Tensor): Tensor {
    return this.net.forward(x) as Tensor;
  }

  loss(inputs: Tensors): Tensor {
    return nn.crossEntropy(this.predict(inputs), given(inputs, "target"));
  }

  predict(inputs: Tensors): Tensor {
    return this.forward(given(inputs, "x"));
  }
}

function convnet(): nn.Module {
  const block = (from: number, to: number) => [
    new nn.Conv2d(from, to, 3, { padding: 1 }),
    new nn.BatchNorm2d(to),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  ];
  return new nn.Sequential(...block(1, 16), ...block(16, 32), new nn.Flatten(), new nn.Linear(32 * 7 * 7, 10));
}

const convNorm = (from: number, to: number, size: number, stride = 1): nn.Module[] => [
  new nn.Conv2d(from, to, size, { padding: (size - 1) / 2, stride, bias: false }),
  new nn.BatchNorm2d(to),
];

class ResidualBlock extends nn.Module {
  readonly body: nn.Sequential;
  readonly shortcut: nn.Sequential;

  constructor(from: number, to: number, stride: number) {
    super();
    this.body = new nn.Sequential(...convNorm(from, to, 3, stride), new nn.ReLU(), ...convNorm(to, to, 3));
    this.shortcut = new nn.Sequential(...(from === to ? [] : convNorm(from, to, 1, stride)));
  }

  override forward(x: Tensor): Tensor {
    return this.body.forward(x).add(this.shortcut.forward(x)).relu();
  }
}

class GlobalPool extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.mean([2, 3]);
  }
}

function residual(): nn.Module {
  const widths = [32, 32, 64, 64];
  const blocks = widths.map((to, i) => new ResidualBlock(widths[i - 1] ?? 32, to, i === 2 ? 2 : 1));
  return new nn.Sequential(...convNorm(3, 32, 3), new nn.ReLU(), ...blocks, new GlobalPool(), new nn.Linear(64, 10));
}

class LastOutput extends nn.Module {
  readonly lstm: nn.LSTM;
  readonly head: nn.Linear;

  constructor(inputs: number, width: number, classes: number) {
    super();
    this.lstm = new nn.LSTM(inputs, width, { batchFirst: true });
    this.head = new nn.Linear(width, classes);
  }

  override forward(x: Tensor): Tensor {
    const [, [hidden]] = this.lstm.forward(x);
    return this.head.forward(hidden.squeeze(0));
  }
}

function mlp(): nn.Module {
  const hidden = (from: number, to: number) => [new nn.Linear(from, to), new nn.BatchNorm1d(to), new nn.ReLU()];
  return new nn.Sequential(...hidden(784, 512), ...hidden(512, 512), new nn.Linear(512, 10));
}

class Regression extends Classifier {
  override loss(inputs: Tensors): Tensor {
    return nn.mseLoss(this.predict(inputs), given(inputs, "target"));
  }
}

class Block extends nn.Module {
  readonly ln1: nn.LayerNorm;
  readonly attn: nn.MultiheadAttention;
  readonly ln2: nn.LayerNorm;
  readonly mlp: nn.Sequential;

  constructor(width: number, heads: number) {
    super();
    this.ln1 = new nn.LayerNorm(width);
    this.attn = new nn.MultiheadAttention(width, heads, { batchFirst: true });
    this.ln2 = new nn.LayerNorm(width);
    this.mlp = new nn.Sequential(new nn.Linear(width, 4 * width), new nn.GELU(), new nn.Linear(4 * width, width));
  }

  override forward(x: Tensor): Tensor {
    const normed = this.ln1.forward(x);
    const [attended] = this.attn.forward(normed, normed, normed, { isCausal: true, needWeights: false });
    const y = x.add(attended);
    return y.add(this.mlp.forward(this.ln2.forward(y)));
  }
}

class GPT extends nn.Module implements FamilyModel {
  readonly tok: nn.Embedding;
  readonly pos: nn.Embedding;
  readonly blocks: nn.Sequential;
  readonly norm: nn.LayerNorm;
  readonly head: nn.Linear;

  constructor({ vocabulary = 0, width = 0, heads = 0, layers = 0, length = 0 }: Family["sizes"]) {
    super();
    const embedding = { weightInit: nn.init.normal(0, 0.02) };
    this.tok = new nn.Embedding(vocabulary, width, embedding);
    this.pos = new nn.Embedding(length, width, embedding);
    this.blocks = new nn.Sequential(...Array.from({ length: layers }, () => new Block(width, heads)));
    this.norm = new nn.LayerNorm(width);
    this.head = new nn.Linear(width, vocabulary, { bias: false });
  }

  override forward(x: Tensor): Tensor {
    const embedded = this.tok.forward(x).add(this.pos.weight);
    return this.head.forward(this.norm.forward(this.blocks.forward(embedded)));
  }

  loss(inputs: Tensors): Tensor {
    const logits = this.predict(inputs);
    return nn.crossEntropy(logits.reshape([-1, this.tok.numEmbeddings]), given(inputs, "target").reshape([-1]));
  }

  predict(inputs: Tensors): Tensor {
    return this.forward(given(inputs, "x"));
  }
}

class Word2Vec extends nn.Module implements FamilyModel {
  readonly center: nn.Embedding;
  readonly context: nn.Embedding;

  constructor({ vocabulary = 0, width = 0 }: Family["sizes"]) {
    super();
    const embedding = { weightInit: nn.init.normal(0, 0.1) };
    this.center = new nn.Embedding(vocabulary, width, embedding);
    this.context = new nn.Embedding(vocabulary, width, embedding);
  }

  /** Scores (N, K) of the words (N, K) near the words (N). */
  override forward(center: Tensor, words: Tensor): Tensor {
    return this.context.forward(words).matmul(this.center.forward(center).unsqueeze(2)).squeeze(2);
  }

  loss(inputs: Tensors): Tensor {
    const near = this.forward(given(inputs, "x"), given(inputs, "context"));
    const far = this.forward(given(inputs, "x"), given(inputs, "negatives"));
    return near.neg().softplus().sum(1).add(far.softplus().sum(1)).mean();
  }

  predict(inputs: Tensors): Tensor {
    return this.forward(given(inputs, "x"), given(inputs, "context"));
  }
}

class VAE extends nn.Module implements FamilyModel {
  readonly encoder: nn.Sequential;
  readonly mean: nn.Linear;
  readonly logVar: nn.Linear;
  readonly decoder: nn.Sequential;

  constructor(pixels: number, hidden: number, width: number) {
    super();
    this.encoder = new nn.Sequential(new nn.Linear(pixels, hidden), new nn.ReLU());
    this.mean = new nn.Linear(hidden, width);
    this.logVar = new nn.Linear(hidden, width);
    this.decoder = new nn.Sequential(new nn.Linear(width, hidden), new nn.ReLU(), new nn.Linear(hidden, pixels));
  }

  override forward(x: Tensor): Tensor {
    return this.decoder.forward(this.mean.forward(this.encoder.forward(x)));
  }

  loss(inputs: Tensors): Tensor {
    const x = given(inputs, "x");
    const hidden = this.encoder.forward(x);
    const [mean, logVar] = [this.mean.forward(hidden), this.logVar.forward(hidden)];
    const logits = this.decoder.forward(mean.add(given(inputs, "noise").mul(logVar.mul(0.5).exp())));
    const reconstruction = nn.bceWithLogits(logits, x, { reduction: "sum" });
    const divergence = logVar.add(1).sub(mean.square()).sub(logVar.exp()).sum().mul(-0.5);
    return reconstruction.add(divergence).div(x.shape[0] as number);
  }

  predict(inputs: Tensors): Tensor {
    return this.forward(given(inputs, "x"));
  }
}

export function modelOf({ name, sizes }: Family): FamilyModel {
  switch (name) {
    case "convnet":
      return new Classifier(convnet());
    case "residual":
      return new Classifier(residual());
    case "gpt128":
    case "gpt256":
      return new GPT(sizes);
    case "lstm":
      return new Classifier(new LastOutput(28, sizes.width ?? 0, 10));
    case "mlp":
      return new Classifier(mlp());
    case "wide-mlp":
      return new Regression(new nn.Sequential(new nn.Linear(1024, 4096), new nn.ReLU(), new nn.Linear(4096, 1024)));
    case "word2vec":
      return new Word2Vec(sizes);
    case "vae":
      return new VAE(784, 400, sizes.width ?? 0);
    default:
      throw new Error(`no model of '${name}'`);
  }
}
