import { count, integer, options as optionsOf, signature } from "../arguments.ts";
import { embedding, normalizePaddingIdx } from "../ops/embedding.ts";
import { fill } from "../tensor/copy.ts";
import { sizeAt } from "../tensor/shape.ts";
import { type Tensor, view } from "../tensor/tensor.ts";
import { type Initializer, normal } from "./init.ts";
import { Module } from "./module.ts";
import { checkInput, initializer } from "./options.ts";
import { parameter } from "./parameter.ts";

export interface EmbeddingOptions {
  /** An index whose row is zero at first and gets no gradient; negative ones count from the end. */
  paddingIdx?: number;
  /** Default: standard normal. */
  weightInit?: Initializer;
}

const checkArguments = /* @__PURE__ */ signature("Embedding", () => ({
  numEmbeddings: count,
  embeddingDim: count,
  options: optionsOf({ paddingIdx: integer, weightInit: initializer }),
}));

/** A row of `weight` (numEmbeddings, embeddingDim) for every index. index (...), i32 or u32; y (..., embeddingDim). */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | undefined;
  declare weight: Tensor;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    checkArguments(arguments);
    const { paddingIdx, weightInit = normal() } = options;
    const padding = normalizePaddingIdx("Embedding", paddingIdx, numEmbeddings);
    super();
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = padding;
    this.registerParameter("weight", parameter([numEmbeddings, embeddingDim], weightInit));
    if (padding !== undefined) zeroRow(this.weight, padding);
  }

  override forward(index: Tensor): Tensor {
    checkInput("Embedding", arguments);
    return embedding(index, this.weight, this.paddingIdx === undefined ? {} : { paddingIdx: this.paddingIdx });
  }
}

function zeroRow(weight: Tensor, row: number): void {
  const width = sizeAt(weight.shape, 1);
  const values = view(weight, [width], [1], row * width);
  fill(values, 0);
  values.dispose();
}
