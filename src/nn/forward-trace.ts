/** Lets `summary` see every module's result while it runs a model once. */
import type { Tensor } from "../tensor/tensor.ts";

export const trace: {
  /** Called after each module's forward. */
  seen: ((module: object, output: unknown) => void) | undefined;
} = { seen: undefined };

/** A module by its path in the model. */
export type Named<T = Tensor> = [name: string, value: T];
