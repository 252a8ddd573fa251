import { maybe, probability, signature } from "../arguments.ts";
import { dropout } from "../ops/dropout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";
import { checkInput } from "./options.ts";

const checkArguments = /* @__PURE__ */ signature("Dropout", () => ({ p: maybe(probability) }));

/** Sets each element to 0 with probability `p` while training, the others to x / (1 - p). Srivastava et al. 2014. */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    checkArguments(arguments);
    super();
    this.p = p;
  }

  override get isInitTransparent(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
    checkInput("Dropout", arguments);
    return dropout(x, this.p, this.training);
  }
}
