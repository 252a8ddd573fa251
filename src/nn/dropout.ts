import { checkNumber } from "../errors.ts";
import { dropout } from "../ops/dropout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** Sets each element to 0 with probability `p` while training, the others to x / (1 - p). Srivastava et al. 2014. */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    checkNumber("Dropout", "p", p, 0, 1);
    super();
    this.p = p;
  }

  override get isInitTransparent(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.training);
  }
}
