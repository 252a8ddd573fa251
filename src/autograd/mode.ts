/** Whether operations are written into the graph. */
const mode = { grad: true };

export const isGradEnabled = (): boolean => mode.grad;

/** Runs `fn` without building a graph. With an async `fn`, until its promise settles. */
export function noGrad<T>(fn: () => T): T {
  return withGrad(false, fn);
}

/** Runs `fn` with graph building on or off, and puts back what was before. */
export function withGrad<T>(enabled: boolean, fn: () => T): T {
  const before = mode.grad;
  mode.grad = enabled;
  let result: T | undefined;
  try {
    result = fn();
    return result;
  } finally {
    if (result instanceof Promise) {
      const restore = () => {
        mode.grad = before;
      };
      void result.then(restore, restore);
    } else mode.grad = before;
  }
}
