import { ACTIVATION_NAMES, type Activation, slopeOf } from "../activations.ts";
import { count, flag, oneOf, options as optionsOf, signature } from "../arguments.ts";
import { linear } from "../ops/linear.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { drawDefault, type NextActivation } from "./default-weight.ts";
import { type Initializer, zeros } from "./init.ts";
import { Module } from "./module.ts";
import { checkInput, initializer } from "./options.ts";
import { parameter } from "./parameter.ts";

export interface LinearLayerOptions {
  /** Default true. */
  bias?: boolean;
  /** Applied to the result, in the same kernel. Default "none". */
  activation?: Activation;
  /** Default: He normal before activations of the ReLU family, Xavier uniform otherwise. */
  weightInit?: Initializer;
}

const checkArguments = /* @__PURE__ */ signature("Linear", () => ({
  inFeatures: count,
  outFeatures: count,
  options: optionsOf({ bias: flag, activation: oneOf(...ACTIVATION_NAMES), weightInit: initializer }),
}));

/** `y = activation(x weight^T + bias)`. x (..., inFeatures), weight (outFeatures, inFeatures), bias (outFeatures), zero at first. */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly activation: Activation;
  declare weight: Tensor;
  declare bias: Tensor | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearLayerOptions = {}) {
    checkArguments(arguments);
    const { bias = true, activation = "none", weightInit } = options;
    super();
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.activation = activation;
    const draw = weightInit ?? ((weight: Tensor) => drawDefault(weight, followerOf(activation), activation !== "none"));
    this.registerParameter("weight", parameter([outFeatures, inFeatures], draw));
    this.registerParameter("bias", bias ? parameter([outFeatures], zeros()) : null);
  }

  override forward(x: Tensor): Tensor {
    checkInput("Linear", arguments);
    return this.forwardWith(x, this.activation);
  }

  /** `forward` with the activation of a layer that comes after this one. */
  forwardWith(x: Tensor, activation: Activation, slope?: number): Tensor {
    return linear(x, this.weight, this.bias ?? undefined, { activation, ...(slope !== undefined && { slope }) });
  }
}

function followerOf(activation: Activation): NextActivation {
  const slope = slopeOf(activation);
  return slope === undefined ? undefined : { slope };
}
