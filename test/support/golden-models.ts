/** The models of the golden training runs that are more than a Sequential; their PyTorch counterparts are in test/golden/areas. */
import { nn, type Tensor, zeros } from "../../src/index.ts";
import type { GoldenCase } from "./golden.ts";
import { withState } from "./golden-module.ts";

interface Sizes {
  readonly vocabulary: number;
  readonly time: number;
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  readonly blocks: number;
}

class Block extends nn.Module {
  norm1: nn.LayerNorm;
  attention: nn.MultiheadAttention;
  norm2: nn.LayerNorm;
  fc1: nn.Linear;
  fc2: nn.Linear;

  constructor({ width, heads, hidden }: Sizes) {
    super();
    this.norm1 = new nn.LayerNorm(width);
    this.attention = new nn.MultiheadAttention(width, heads, { bias: false, batchFirst: true });
    this.norm2 = new nn.LayerNorm(width);
    this.fc1 = new nn.Linear(width, hidden, { activation: "gelu" });
    this.fc2 = new nn.Linear(hidden, width);
  }

  override forward(x: Tensor): Tensor {
    const y = this.norm1.forward(x);
    const [attended] = this.attention.forward(y, y, y, { isCausal: true, needWeights: false });
    const z = x.add(attended as Tensor);
    return z.add(this.fc2.forward(this.fc1.forward(this.norm2.forward(z))));
  }
}

class Transformer extends nn.Module {
  embedding: nn.Embedding;
  position: Tensor;
  blocks: Block[];
  norm: nn.LayerNorm;
  head: nn.Linear;

  constructor(sizes: Sizes) {
    super();
    this.embedding = new nn.Embedding(sizes.vocabulary, sizes.width);
    this.position = zeros([sizes.time, sizes.width], { requiresGrad: true });
    this.blocks = Array.from({ length: sizes.blocks }, () => new Block(sizes));
    this.norm = new nn.LayerNorm(sizes.width);
    this.head = new nn.Linear(sizes.width, sizes.vocabulary);
  }

  override forward(tokens: Tensor): Tensor {
    const x: Tensor = this.embedding.forward(tokens).add(this.position);
    return this.head.forward(this.norm.forward(this.blocks.reduce((y, block) => block.forward(y), x)));
  }
}

export const transformerOf = (one: GoldenCase): nn.Module => withState(new Transformer(one.args[0] as Sizes), one);

type Kind = "RNN" | "LSTM" | "GRU";

/** A linear layer on the last output of a recurrent one, batch first. */
class Classifier extends nn.Module {
  rnn: nn.RNN | nn.LSTM | nn.GRU;
  head: nn.Linear;

  constructor(kind: Kind, args: [number, number, nn.RecurrentOptions]) {
    super();
    this.rnn = new nn[kind](...args);
    this.head = new nn.Linear(args[1], 3);
  }

  override forward(x: Tensor): Tensor {
    const [output] = this.rnn.forward(x);
    return this.head.forward(output.narrow(1, -1, 1).squeeze(1));
  }
}

export function classifierOf(one: GoldenCase): nn.Module {
  const [kind, args] = one.args as [Kind, [number, number, nn.RecurrentOptions]];
  return withState(new Classifier(kind, args), one);
}
