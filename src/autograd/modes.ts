/** Whether operations are written into the graph, and whether they choose their precision. */
const mode = { grad: true, autocast: false };
type Mode = typeof mode;

export const isGradEnabled = (): boolean => mode.grad;
export const isAutocast = (): boolean => mode.autocast;

/** Runs `fn` without building a graph. With an async `fn`, until its promise settles. */
export function noGrad<T>(fn: () => T): T {
  return withGrad(false, fn);
}

/** Runs `fn` with graph building on or off, and puts back what was before. */
export const withGrad = <T>(enabled: boolean, fn: () => T): T => withMode("grad", enabled, fn);

/** Runs `fn` with a mode on or off, and puts back what was before. */
export function withMode<T>(name: keyof Mode, enabled: boolean, fn: () => T): T {
  const before = mode[name];
  mode[name] = enabled;
  let result: T | undefined;
  try {
    result = fn();
    return result;
  } finally {
    if (result instanceof Promise) {
      const restore = () => {
        mode[name] = before;
      };
      void result.then(restore, restore);
    } else mode[name] = before;
  }
}
