import { integer, maybe, signature } from "../arguments.ts";
import { flatten } from "../ops/movement.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";
import { checkInput } from "./options.ts";

const checkArguments = /* @__PURE__ */ signature("Flatten", () => ({
  startDim: maybe(integer),
  endDim: maybe(integer),
}));

/** Merges the dims from `startDim` to `endDim` (inclusive): by default all but the batch. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    checkArguments(arguments);
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  override get isInitTransparent(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
    checkInput("Flatten", arguments);
    return flatten(x, this.startDim, this.endDim);
  }
}
