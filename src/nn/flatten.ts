import { ArgumentError, check, expected } from "../errors.ts";
import { flatten } from "../ops/movement.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** Joins the dims from `startDim` to `endDim` (inclusive): by default all but the batch. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    for (const [argument, dim] of Object.entries({ startDim, endDim })) {
      check(Number.isSafeInteger(dim), ArgumentError, () => expected("Flatten", argument, "a whole number", dim));
    }
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  override get isInitTransparent(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim);
  }
}
