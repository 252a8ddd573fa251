import { ArgumentError, check, checkKeys, expected } from "../errors.ts";
import type { Activation } from "../kernels/matmul/run.ts";
import { linear } from "../ops/linear.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { drawDefault, type NextActivation } from "./default-weight.ts";
import { type Initializer, zeros } from "./init.ts";
import { Module } from "./module.ts";
import { checkCount, checkFlag } from "./options.ts";
import { parameter } from "./parameter.ts";

export interface LinearLayerOptions {
  /** Default true. */
  bias?: boolean;
  /** Applied to the result, in the same kernel. Default "none". */
  activation?: Activation;
  /** Default: He normal before activations of the ReLU family, Xavier uniform otherwise. */
  weightInit?: Initializer;
}

/** The slope below 0 that each activation has or resembles; the others are outside the ReLU family. */
const SLOPES: Record<Activation, number | undefined> = {
  none: undefined,
  relu: 0,
  leakyRelu: 0.01,
  gelu: 0,
  silu: 0,
  tanh: undefined,
  sigmoid: undefined,
};

/** `y = activation(x weight^T + bias)`. x (..., inFeatures), weight (outFeatures, inFeatures), bias (outFeatures), zero at first. */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly activation: Activation;
  weight: Tensor;
  bias: Tensor | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearLayerOptions = {}) {
    checkCount("Linear", "inFeatures", inFeatures);
    checkCount("Linear", "outFeatures", outFeatures);
    checkKeys("Linear", options, ["bias", "activation", "weightInit"]);
    const { bias = true, activation = "none", weightInit } = options;
    checkFlag("Linear", "bias", bias);
    check(activation in SLOPES, ArgumentError, () =>
      expected("Linear", "activation", `one of ${Object.keys(SLOPES).join(", ")}`, activation),
    );
    check(weightInit === undefined || typeof weightInit === "function", ArgumentError, () =>
      expected("Linear", "weightInit", "an initializer, such as nn.init.heNormal()", weightInit),
    );
    super();
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.activation = activation;
    const draw = weightInit ?? ((weight: Tensor) => drawDefault(weight, followerOf(activation), activation !== "none"));
    this.weight = parameter([outFeatures, inFeatures], draw);
    this.bias = bias ? parameter([outFeatures], zeros()) : null;
  }

  override forward(x: Tensor): Tensor {
    return this.forwardWith(x, this.activation);
  }

  /** `forward` with the activation of a layer that comes after this one. */
  forwardWith(x: Tensor, activation: Activation, slope?: number): Tensor {
    return linear(x, this.weight, this.bias ?? undefined, { activation, ...(slope !== undefined && { slope }) });
  }
}

function followerOf(activation: Activation): NextActivation {
  const slope = SLOPES[activation];
  return slope === undefined ? undefined : { slope };
}
