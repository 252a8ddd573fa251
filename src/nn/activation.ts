/** Activations as layers. */

import { ACTIVATIONS, type Activation, DEFAULT_SLOPE } from "../activations.ts";
import { finite, integer, maybe, signature } from "../arguments.ts";
import { softmax } from "../ops/softmax.ts";
import { gelu, leakyRelu, relu, sigmoid, silu, tanh } from "../ops/unary.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { NextActivation } from "./default-weight.ts";
import { Module } from "./module.ts";
import { checkInput, takesNothing } from "./options.ts";

const checkLeaky = /* @__PURE__ */ signature("LeakyReLU", () => ({ negativeSlope: maybe(finite) }));
const checkSoftmax = /* @__PURE__ */ signature("Softmax", () => ({ dim: maybe(integer) }));

/** An elementwise function that a linear layer before it can fuse. Not exported: what extends it directly is built in. */
export abstract class ActivationLayer extends Module {
  /** The name that `nn.linear` knows it by. */
  abstract readonly activation: Activation;
  /** The slope below 0 that it has or resembles; undefined outside the ReLU family. Default weights depend on it. */
  abstract readonly slope: number | undefined;

  abstract override forward(x: Tensor): Tensor;

  /** The activation that a weight before this layer is drawn for. */
  get follower(): NextActivation {
    return this.slope === undefined ? undefined : { slope: this.slope };
  }
}

/** max(x, 0). */
export class ReLU extends ActivationLayer {
  override readonly activation = "relu";
  override readonly slope = ACTIVATIONS.relu.slope;

  constructor() {
    takesNothing("ReLU", arguments);
    super();
  }

  override forward(x: Tensor): Tensor {
    checkInput("ReLU", arguments);
    return relu(x);
  }
}

/** x above 0, `negativeSlope` x below. */
export class LeakyReLU extends ActivationLayer {
  override readonly activation = "leakyRelu";
  override readonly slope: number;

  constructor(negativeSlope = DEFAULT_SLOPE) {
    checkLeaky(arguments);
    super();
    this.slope = negativeSlope;
  }

  override forward(x: Tensor): Tensor {
    checkInput("LeakyReLU", arguments);
    return leakyRelu(x, this.slope);
  }
}

/** x Phi(x), exact. Hendrycks and Gimpel 2016. */
export class GELU extends ActivationLayer {
  override readonly activation = "gelu";
  override readonly slope = ACTIVATIONS.gelu.slope;

  constructor() {
    takesNothing("GELU", arguments);
    super();
  }

  override forward(x: Tensor): Tensor {
    checkInput("GELU", arguments);
    return gelu(x);
  }
}

/** x sigmoid(x). */
export class SiLU extends ActivationLayer {
  override readonly activation = "silu";
  override readonly slope = ACTIVATIONS.silu.slope;

  constructor() {
    takesNothing("SiLU", arguments);
    super();
  }

  override forward(x: Tensor): Tensor {
    checkInput("SiLU", arguments);
    return silu(x);
  }
}

export class Tanh extends ActivationLayer {
  override readonly activation = "tanh";
  override readonly slope = undefined;

  constructor() {
    takesNothing("Tanh", arguments);
    super();
  }

  override forward(x: Tensor): Tensor {
    checkInput("Tanh", arguments);
    return tanh(x);
  }
}

export class Sigmoid extends ActivationLayer {
  override readonly activation = "sigmoid";
  override readonly slope = undefined;

  constructor() {
    takesNothing("Sigmoid", arguments);
    super();
  }

  override forward(x: Tensor): Tensor {
    checkInput("Sigmoid", arguments);
    return sigmoid(x);
  }
}

/** exp(x) / sum(exp(x)) along `dim`. Default: the last dim. */
export class Softmax extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    checkSoftmax(arguments);
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    checkInput("Softmax", arguments);
    return softmax(x, this.dim);
  }
}
