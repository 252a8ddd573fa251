/** The optimizers in double precision: plain loops over one parameter, written from the papers' formulas. */

/** Updates a parameter in place by its gradient; the state is the closure's. */
export type Update = (p: number[], g: readonly number[]) => void;

interface Common {
  lr: number;
  weightDecay?: number;
}

export function sgd(o: Common & { momentum?: number; dampening?: number; nesterov?: boolean }): Update {
  const { lr, weightDecay = 0, momentum = 0, dampening = 0, nesterov = false } = o;
  let velocity: number[] | undefined;
  return (p, grads) => {
    const g = grads.map((one, i) => one + weightDecay * (p[i] as number));
    velocity = velocity ? velocity.map((v, i) => momentum * v + (1 - dampening) * (g[i] as number)) : [...g];
    for (let i = 0; i < p.length; i++) {
      const v = velocity[i] as number;
      const change = nesterov ? (g[i] as number) + momentum * v : v;
      p[i] = (p[i] as number) - lr * (momentum > 0 ? change : (g[i] as number));
    }
  };
}

export function adagrad(o: Common & { lrDecay?: number; initialAccumulatorValue?: number; eps?: number }): Update {
  const { lr, weightDecay = 0, lrDecay = 0, initialAccumulatorValue = 0, eps = 1e-10 } = o;
  const sums: number[] = [];
  let t = 0;
  return (p, grads) => {
    const rate = lr / (1 + t++ * lrDecay);
    grads.forEach((one, i) => {
      const g = one + weightDecay * (p[i] as number);
      sums[i] = (sums[i] ?? initialAccumulatorValue) + g * g;
      p[i] = (p[i] as number) - (rate * g) / (Math.sqrt(sums[i] as number) + eps);
    });
  };
}

export function rmsprop(o: Common & { alpha?: number; eps?: number; momentum?: number; centered?: boolean }): Update {
  const { lr, weightDecay = 0, alpha = 0.99, eps = 1e-8, momentum = 0, centered = false } = o;
  const squares: number[] = [];
  const means: number[] = [];
  const velocity: number[] = [];
  return (p, grads) => {
    grads.forEach((one, i) => {
      const g = one + weightDecay * (p[i] as number);
      squares[i] = alpha * (squares[i] ?? 0) + (1 - alpha) * g * g;
      means[i] = alpha * (means[i] ?? 0) + (1 - alpha) * g;
      const mean = means[i] as number;
      const variance = centered ? Math.max(0, (squares[i] as number) - mean * mean) : (squares[i] as number);
      velocity[i] = momentum * (velocity[i] ?? 0) + g / (Math.sqrt(variance) + eps);
      p[i] = (p[i] as number) - lr * (velocity[i] as number);
    });
  };
}

export function lion(o: Common & { betas?: readonly [number, number] }): Update {
  const { lr, weightDecay = 0, betas: [beta1, beta2] = [0.9, 0.99] } = o;
  const averages: number[] = [];
  return (p, grads) => {
    grads.forEach((g, i) => {
      const m = averages[i] ?? 0;
      const direction = Math.sign(beta1 * m + (1 - beta1) * g);
      p[i] = (p[i] as number) - lr * (direction + weightDecay * (p[i] as number));
      averages[i] = beta2 * m + (1 - beta2) * g;
    });
  };
}

export function adam(
  o: Common & { betas?: readonly [number, number]; eps?: number; amsgrad?: boolean; decoupled?: boolean },
): Update {
  const {
    lr,
    weightDecay = 0,
    betas: [beta1, beta2] = [0.9, 0.999],
    eps = 1e-8,
    amsgrad = false,
    decoupled = false,
  } = o;
  const means: number[] = [];
  const squares: number[] = [];
  const largest: number[] = [];
  let t = 0;
  return (p, grads) => {
    t++;
    grads.forEach((one, i) => {
      const x = p[i] as number;
      const g = decoupled ? one : one + weightDecay * x;
      means[i] = beta1 * (means[i] ?? 0) + (1 - beta1) * g;
      squares[i] = beta2 * (squares[i] ?? 0) + (1 - beta2) * g * g;
      largest[i] = Math.max(largest[i] ?? 0, squares[i] as number);
      const second = (amsgrad ? (largest[i] as number) : (squares[i] as number)) / (1 - beta2 ** t);
      const change = (means[i] as number) / (1 - beta1 ** t) / (Math.sqrt(second) + eps);
      p[i] = (decoupled ? x * (1 - lr * weightDecay) : x) - lr * change;
    });
  };
}

export const adamw = (o: Parameters<typeof adam>[0]): Update => adam({ weightDecay: 1e-2, ...o, decoupled: true });

/** The p-norm of all numbers together; Infinity gives the largest magnitude. */
export function norm(values: readonly number[], p = 2): number {
  const largest = Math.max(...values.map(Math.abs));
  if (p === Infinity || largest === 0) return largest;
  return largest * values.reduce((sum, x) => sum + Math.abs(x / largest) ** p, 0) ** (1 / p);
}

/** PyTorch's `_amp_update_scale_`: the loss scale after each step, of which each either overflowed or did not. */
export function lossScale(o: {
  initScale: number;
  growthFactor: number;
  backoffFactor: number;
  growthInterval: number;
}) {
  const state = { scale: o.initScale, tracker: 0 };
  return {
    state,
    update(overflowed: boolean): void {
      if (overflowed) {
        state.scale = Math.fround(state.scale * o.backoffFactor);
        state.tracker = 0;
        return;
      }
      if (++state.tracker < o.growthInterval) return;
      state.tracker = 0;
      const larger = Math.fround(state.scale * o.growthFactor);
      if (Number.isFinite(larger)) state.scale = larger;
    },
  };
}
