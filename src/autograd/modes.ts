/** Modes that decide whether operations are written into the graph, and whether they choose their precision. */
import { checkSynchronous, finished } from "../tensor/synchronous.ts";

const mode = { grad: true, autocast: false };
type Mode = typeof mode;

export const isGradEnabled = (): boolean => mode.grad;
export const isAutocast = (): boolean => mode.autocast;

/** Runs `fn` without building a graph. `fn` must not be async: between its awaits other code would run in the mode. */
export function noGrad<T>(fn: () => T): T {
  checkSynchronous("noGrad", fn);
  return finished("noGrad", withMode("grad", false, fn));
}

/** Runs `fn` with graph building on or off, and puts back what was before. */
export const withGrad = <T>(enabled: boolean, fn: () => T): T => withMode("grad", enabled, fn);

/** Runs `fn` with a mode on or off, and puts back what was before. */
export function withMode<T>(name: keyof Mode, enabled: boolean, fn: () => T): T {
  const before = mode[name];
  mode[name] = enabled;
  try {
    return fn();
  } finally {
    mode[name] = before;
  }
}
