/** Newton's method with a randomly sketched Hessian, for generalized linear models. */
import { noGrad } from "../autograd/modes.ts";
import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { add, mul, sub } from "../ops/binary.ts";
import { matmul } from "../ops/matmul.ts";
import { reshape, t, unsqueeze } from "../ops/movement.ts";
import { mean, sum } from "../ops/reduce.ts";
import { sigmoid, softplus, sqrt, square } from "../ops/unary.ts";
import { copyInto } from "../tensor/copy.ts";
import { tensor, zeros } from "../tensor/create.ts";
import { readData, readItem } from "../tensor/readback.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { applySketch, type Sketch } from "./random-sketches.ts";
import { gram, solveCholesky, solveConjugate } from "./solve.ts";
import { at } from "./vectors.ts";

export interface NewtonSketchOptions {
  /** Features (n, d). A column of ones makes an intercept. */
  x: Tensor;
  /** Targets (n): numbers for linear, 0 or 1 for logistic regression. */
  y: Tensor;
  model: "linear" | "logistic";
  /** "none" is exact Newton. Default "gaussian". */
  sketch?: Sketch;
  /** Rows of the sketch. Default 4 d, at most n. */
  sketchSize?: number;
  /** Factor of |w|^2 / 2 in the loss. Default 0. */
  ridge?: number;
  /** Default 50. */
  maxIterations?: number;
  /** Ends when half the squared Newton decrement (an estimate of the loss above its minimum) is below. Default 1e-6. */
  tolerance?: number;
  /** The small system: Cholesky in double precision on the host (default), or conjugate gradients on the GPU. */
  solver?: "cholesky" | "cg";
  /** Weights (d) to start from. Default zeros. */
  initial?: Tensor;
}

export interface NewtonSketchStep {
  /** Before the step. */
  readonly loss: number;
  /** Half the squared decrement of the sketched Newton step. */
  readonly decrement: number;
  /** The share of the step that was taken. */
  readonly stepSize: number;
}

export interface NewtonSketchResult {
  /** (d) */
  readonly weights: Tensor;
  readonly converged: boolean;
  /** Steps taken. */
  readonly iterations: number;
  readonly loss: number;
  readonly steps: readonly NewtonSketchStep[];
}

type Settings = Required<Omit<NewtonSketchOptions, "initial">>;

/**
 * Minimizes `mean(loss(x w, y)) + ridge |w|^2 / 2`: squared error / 2 (linear) or log loss (logistic). Every step draws a
 * new sketch S of the square root of the Hessian, B = sqrt(weights / n) x, solves `((S B)^T S B + ridge) step = -gradient`
 * and backtracks along it. Pilanci, Wainwright 2017, "Newton Sketch". Throws where the sketched Hessian is singular.
 */
export async function newtonSketch(options: NewtonSketchOptions): Promise<NewtonSketchResult> {
  const settings = settingsOf(options);
  const { x, maxIterations, tolerance } = settings;
  const weights = zeros(x.shape.slice(1), { device: x.device });
  if (options.initial) copyInto(weights, options.initial);
  const steps: NewtonSketchStep[] = [];
  let converged = false;
  while (!converged && steps.length < maxIterations) {
    const step = await iterate(settings, weights, tolerance);
    converged = step.decrement <= tolerance;
    if (!converged) steps.push(step);
  }
  const loss = await takeItem(scope(() => noGrad(() => lossAt(settings, weights))));
  return { weights, converged, iterations: steps.length, loss, steps };
}

function settingsOf(options: NewtonSketchOptions): Settings {
  const op = "newtonSketch";
  const { x, y, model, sketch = "gaussian", ridge = 0, maxIterations = 50, tolerance = 1e-6, initial } = options;
  const { solver = "cholesky" } = options;
  check(x.ndim === 2 && x.size > 0, ShapeError, () => expected(op, "x", "a tensor of shape (n, d)", x));
  const [n = 0, d = 0] = x.shape;
  check(x.dtype === "f32", DtypeError, () => expected(op, "x", "dtype f32", x.dtype));
  check(y.dtype === "f32" && y.ndim === 1 && y.size === n, ShapeError, () =>
    expected(op, "y", `an f32 tensor of shape [${n}]`, y),
  );
  check(!initial || (initial.ndim === 1 && initial.size === d), ShapeError, () =>
    expected(op, "initial", `a tensor of shape [${d}]`, initial),
  );
  const { sketchSize = Math.min(n, 4 * d) } = options;
  check(sketch === "none" || sketchSize >= d || ridge > 0, ArgumentError, () =>
    expected(op, "sketchSize", `at least d = ${d} rows without ridge`, sketchSize),
  );
  return { x, y, model, sketch, sketchSize, ridge, maxIterations, tolerance, solver };
}

/** One step, taken in place unless the decrement is within `tolerance`. */
async function iterate(settings: Settings, weights: Tensor, tolerance: number): Promise<NewtonSketchStep> {
  const { gradient, root } = scope(() => noGrad(() => derivatives(settings, weights)));
  const direction = await solve(settings, root, gradient);
  const decrement = -0.5 * (await takeItem(scope(() => noGrad(() => sum(mul(gradient, direction))))));
  root.dispose();
  gradient.dispose();
  const trial = scope(() => noGrad(() => lossesAlong(settings, weights, direction)));
  const losses = Array.from(await readData(trial), Number);
  trial.dispose();
  const loss = at(losses, SIZES.length);
  const stepSize = backtrack(losses, loss, decrement);
  if (decrement > tolerance) scope(() => noGrad(() => copyInto(weights, add(weights, mul(direction, stepSize)))));
  direction.dispose();
  return { loss, decrement, stepSize };
}

/** The gradient, and the sketched square root of the Hessian without its ridge. */
function derivatives(settings: Settings, weights: Tensor): { gradient: Tensor; root: Tensor } {
  const { x, y, model, ridge, sketch, sketchSize } = settings;
  const [n = 0] = x.shape;
  const output = matmul(x, weights);
  const predicted = model === "linear" ? output : sigmoid(output);
  const gradient = add(mul(matmul(t(x), sub(predicted, y)), 1 / n), mul(weights, ridge));
  const curvature = model === "linear" ? undefined : sqrt(mul(predicted, sub(1, predicted)));
  const root = mul(curvature ? mul(x, unsqueeze(curvature, 1)) : x, n ** -0.5);
  return { gradient, root: applySketch(sketch, root, sketchSize) };
}

async function solve({ solver, ridge }: Settings, root: Tensor, gradient: Tensor): Promise<Tensor> {
  const [m = 0, d = 0] = root.shape;
  const descent = scope(() => noGrad(() => mul(gradient, -1)));
  if (solver === "cg") {
    // A few more steps than the dimension make up for rounding.
    const direction = scope(() => noGrad(() => solveConjugate(root, descent, ridge, 2 * d)));
    descent.dispose();
    return direction;
  }
  const solution = solveCholesky(gram(await readData(root), m, d, ridge), await readData(descent));
  descent.dispose();
  check(
    solution,
    ArgumentError,
    () =>
      `newtonSketch: the ${m === d ? "" : "sketched "}Hessian is singular: pass ridge above 0, more rows in sketchSize, or ` +
      "features that are linearly independent",
  );
  return tensor(Float32Array.from(solution), { device: root.device });
}

/** Shares of the step that are tried, all in one matmul. */
const SIZES = [1, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625];
/** Armijo's share of the decrease that the decrement promises. */
const SHARE = 0.1;
/** Losses closer than this share are equal in f32. */
const ROUNDING = 1e-6;

/** The losses at all trial sizes, and last at the weights themselves. */
function lossesAlong(settings: Settings, weights: Tensor, direction: Tensor): Tensor {
  const sizes = tensor([...SIZES, 0], { device: weights.device });
  const trials = add(unsqueeze(weights, 1), mul(unsqueeze(direction, 1), unsqueeze(sizes, 0)));
  return lossAt(settings, trials);
}

/** The loss of weights (d), or of each column of (d, k). */
function lossAt({ x, y, model, ridge }: Settings, weights: Tensor): Tensor {
  const columns = reshape(weights, [...x.shape.slice(1), -1]);
  const output = matmul(x, columns);
  const target = unsqueeze(y, 1);
  const each = model === "linear" ? mul(square(sub(output, target)), 0.5) : sub(softplus(output), mul(output, target));
  const losses = add(mean(each, 0), mul(sum(square(columns), 0), ridge / 2));
  return weights.ndim === 1 ? reshape(losses, []) : losses;
}

/** The greatest size whose loss decreases enough below `start`, else the smallest. */
function backtrack(losses: readonly number[], start: number, decrement: number): number {
  const slack = ROUNDING * Math.abs(start);
  const fits = (size: number, i: number) => at(losses, i) <= start - SHARE * size * 2 * decrement + slack;
  return SIZES.find(fits) ?? at(SIZES, SIZES.length - 1);
}

async function takeItem(value: Tensor): Promise<number> {
  const item = await readItem(value);
  value.dispose();
  return item;
}
