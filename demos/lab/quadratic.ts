/** Quadratics of known condition number, and descent on them: plain, preconditioned, and Newton with a sketch. */
import { capture, curvature, manualSeed, matmul, noGrad, randn, type Tensor, tensor } from "gradwell";

const DIM = 64;
/** Loss at the end, as a share of the loss at the start. */
export const ACCURACY = 1e-6;

/**
 * Eigenvalues 1 to kappa, evenly on a log scale. Each coordinate is turned against a partner by `degrees`: at 0 the
 * Hessian is diagonal, at 45 its diagonal says nothing of the two eigenvalues of a pair.
 */
export interface Quadratic {
  kappa: number;
  degrees: number;
  hessian: Float64Array;
  diagonal: number[];
  /** Least and greatest eigenvalue of P^(1/2) H P^(1/2), P the inverse diagonal. */
  preconditioned: [number, number];
}

export function makeQuadratic(kappa: number, degrees: number): Quadratic {
  const angle = (degrees * Math.PI) / 180;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const hessian = new Float64Array(DIM * DIM);
  let correlation = 0;
  const eigenvalue = (i: number) => kappa ** (i / (DIM - 1));
  for (let i = 0; i < DIM / 2; i++) {
    const j = DIM - 1 - i;
    const [low, high] = [eigenvalue(i), eigenvalue(j)];
    const [a, d, b] = [c * c * low + s * s * high, s * s * low + c * c * high, c * s * (high - low)];
    hessian[i * DIM + i] = a;
    hessian[j * DIM + j] = d;
    hessian[i * DIM + j] = b;
    hessian[j * DIM + i] = b;
    correlation = Math.max(correlation, b / Math.sqrt(a * d));
  }
  const diagonal = Array.from({ length: DIM }, (_, i) => hessian[i * DIM + i]!);
  return { kappa, degrees, hessian, diagonal, preconditioned: [1 - correlation, 1 + correlation] };
}

/** Steps that the best fixed rate takes at most for this condition number: the loss falls by ((k-1)/(k+1))^2 in each. */
export const theory = (kappa: number): number =>
  Math.log(1 / ACCURACY) / (2 * Math.log((kappa + 1) / Math.max(kappa - 1, 1e-9)));

/** Steps of w -= rate P H w until the loss is small enough; Infinity when `most` were not enough. */
export async function descend(problem: Quadratic, withP: boolean, seed: number, most: number): Promise<number> {
  const [low, high] = withP ? problem.preconditioned : [1, problem.kappa];
  const rate = 2 / (low + high);
  const h = tensor(Float32Array.from(problem.hessian), { shape: [DIM, DIM] });
  const p = tensor(problem.diagonal.map((value) => (withP ? rate / value : rate)));
  manualSeed(seed);
  // Errors of like loss in all directions.
  const w = noGrad(() => randn([DIM]).div(tensor(problem.diagonal).sqrt()));
  const block = Math.min(100, Math.max(1, Math.round(theory(high / low) / 40)));
  const steps = capture(() => {
    for (let k = 0; k < block; k++) w.copy_(w.sub(matmul(h, w).mul(p)));
    return lossOf(h, w);
  });
  const start = await lossOf(h, w).item();
  let taken = 0;
  while (taken < most) {
    const loss = await steps().item();
    taken += block;
    if (loss <= ACCURACY * start) break;
    if (taken >= most) taken = Number.POSITIVE_INFINITY;
  }
  steps.dispose();
  for (const one of [h, p, w]) one.dispose();
  return taken;
}

const lossOf = (h: Tensor, w: Tensor): Tensor => matmul(h, w).mul(w).sum().mul(0.5);

const SAMPLES = 1024;
const FEATURES = 32;

/** Newton-sketch steps on least squares whose Hessian has about this condition number. */
export async function sketchedSteps(
  kappa: number,
  sketch: "gaussian" | "srht" | "sparse" | "none",
  seed: number,
): Promise<number> {
  manualSeed(seed);
  const scales = tensor(Array.from({ length: FEATURES }, (_, i) => kappa ** (-i / (2 * (FEATURES - 1)))));
  const x = noGrad(() => randn([SAMPLES, FEATURES]).mul(scales));
  // Weights of like loss in all directions.
  const y = noGrad(() => matmul(x, randn([FEATURES]).div(scales)));
  const { steps, loss } = await curvature.newtonSketch({
    ...{ x, y, model: "linear", sketch, sketchSize: 8 * FEATURES, tolerance: 0, maxIterations: 25 },
  });
  const losses = [...steps.map((step) => step.loss), loss];
  const index = losses.findIndex((one) => one <= ACCURACY * losses[0]!);
  for (const one of [x, y]) one.dispose();
  return index < 0 ? Number.POSITIVE_INFINITY : index;
}
