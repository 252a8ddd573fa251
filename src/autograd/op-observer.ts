/** Lets `detectAnomaly` watch every operation, forward and backward. */
import type { Tensor } from "../tensor/tensor.ts";

type Tensors = readonly (Tensor | undefined)[];

/** One operation that was run; of those inside another only the outer one is reported. */
export interface ObservedOp {
  readonly name: string;
  readonly direction: "forward" | "backward";
  readonly inputs: Tensors;
  readonly outputs: Tensors;
  /** Leaves concerned: backward's gradient i is of leaf i; forward's are its inputs. */
  readonly leaves: Tensors;
}

export type Observer = (seen: ObservedOp) => void;

const observers = new Set<Observer>();

export const isObserved = (): boolean => observers.size > 0;

export function observe(seen: ObservedOp): void {
  for (const observer of observers) observer(seen);
}

/** The result takes it away again, however often it is called. */
export function addObserver(observer: Observer): () => void {
  observers.add(observer);
  return () => void observers.delete(observer);
}
