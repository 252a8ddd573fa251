/** Lets `summary` see every module's result while it runs a model once. */
import type { Tensor } from "../tensor/tensor.ts";

export const trace: {
  /** Called after each module's forward. */
  seen: ((module: object, output: unknown) => void) | undefined;
} = { seen: undefined };

/** What a path in a model points at. */
export type Named<T = Tensor> = [name: string, value: T];
