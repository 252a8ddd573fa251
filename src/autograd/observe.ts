/** Lets `detectAnomaly` watch every operation, forward and backward. */
import type { Tensor } from "../tensor/tensor.ts";

export type Observer = (
  what: string,
  inputs: readonly (Tensor | undefined)[],
  outputs: readonly (Tensor | undefined)[],
) => void;

const observers: Observer[] = [];

export function observeForward(name: string, inputs: Parameters<Observer>[1], outputs: Parameters<Observer>[2]): void {
  if (observers.length > 0) for (const observer of observers) observer(name, inputs, outputs);
}

export function addObserver(observer: Observer): () => void {
  observers.push(observer);
  return () => void observers.splice(observers.indexOf(observer), 1);
}
