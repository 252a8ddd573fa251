/**
 * The smoothness of a loss along a step, and the change that the earlier layers' steps make to the problem of the later
 * ones: the measures of Santurkar, Tsipras, Ilyas, Madry 2018, "How Does Batch Normalization Help Optimization?".
 */
import { grad } from "../autograd/backward.ts";
import { noGrad } from "../autograd/modes.ts";
import { check, expected, ShapeError } from "../errors.ts";
import { add, mul, sub } from "../ops/binary.ts";
import { stack } from "../ops/cat-split.ts";
import { clone, reshape } from "../ops/movement.ts";
import { sqrt } from "../ops/unary.ts";
import { copyInto } from "../tensor/copy.ts";
import { readData } from "../tensor/readback.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  assertDeterministic,
  at,
  checkParams,
  checkVector,
  dot,
  evaluate,
  firstOf,
  type LossFn,
  mapPairs,
  type Vector,
} from "./vectors.ts";

export interface SmoothnessOptions {
  /** Multiples of the direction at which the loss is measured. */
  stepSizes: readonly number[];
  /** One tensor for each parameter. Default: the negative gradient. */
  direction?: readonly Tensor[];
}

export interface LossSmoothness {
  readonly loss: number;
  /** Least and greatest loss over the step sizes. */
  readonly lossRange: readonly [number, number];
  /** Least and greatest distance between the gradient here and the gradients there. */
  readonly gradientPredictiveness: readonly [number, number];
  /** The greatest of those distances per length of the step: a lower bound of the gradient's Lipschitz constant. */
  readonly effectiveBeta: number;
  readonly points: readonly { readonly stepSize: number; readonly loss: number; readonly gradientDistance: number }[];
}

/**
 * Loss range, gradient predictiveness and effective beta-smoothness along a direction. The parameters are moved for it,
 * and put back to the same bits.
 */
export async function lossSmoothness(
  lossFn: LossFn,
  params: readonly Tensor[],
  options: SmoothnessOptions,
): Promise<LossSmoothness> {
  const op = "lossSmoothness";
  checkParams(op, params);
  const { stepSizes, direction } = options;
  if (direction) checkVector(op, "direction", direction, params);
  await assertDeterministic(op, lossFn, params);
  const measured = scope(() => measureAlong(op, lossFn, params, stepSizes, direction));
  const [loss = 0, length = 0, ...rest] = Array.from(await readData(measured), Number);
  measured.dispose();
  const points = stepSizes.map((stepSize, i) => ({
    stepSize,
    loss: at(rest, 2 * i),
    gradientDistance: at(rest, 2 * i + 1),
  }));
  const slopes = points.map(({ stepSize, gradientDistance }) => gradientDistance / Math.abs(stepSize * length));
  return {
    loss,
    lossRange: rangeOf(points.map((point) => point.loss)),
    gradientPredictiveness: rangeOf(points.map((point) => point.gradientDistance)),
    effectiveBeta: Math.max(0, ...slopes.filter(Number.isFinite)),
    points,
  };
}

const rangeOf = (values: readonly number[]): [number, number] => [Math.min(...values), Math.max(...values)];

/** Loss and length of the direction, then loss and gradient distance at each step size, in one tensor. */
function measureAlong(
  op: string,
  lossFn: LossFn,
  params: Vector,
  stepSizes: readonly number[],
  direction: Vector | undefined,
): Tensor {
  const start = gradientAt(op, lossFn, params);
  const along = direction ?? noGrad(() => start.gradient.map((one) => mul(one, -1)));
  const values = [start.loss, distance(along)];
  withMoved(params, (move) => {
    for (const size of stepSizes) {
      move((values) => mapPairs(values, along, (value, one) => add(value, mul(one, size))));
      const there = gradientAt(op, lossFn, params);
      values.push(there.loss, distance(differences(there.gradient, start.gradient)));
    }
  });
  return noGrad(() => stack(values.map((one) => reshape(one, []))));
}

interface Point {
  readonly loss: Tensor;
  readonly gradient: Tensor[];
}

const gradientAt = (op: string, lossFn: LossFn, params: Vector): Point =>
  scope(() => {
    const loss = evaluate(op, lossFn, firstOf(params));
    const gradient = grad(loss, params);
    return { loss: noGrad(() => mul(loss, 1)), gradient };
  });

const distance = (vector: Vector): Tensor => noGrad(() => sqrt(dot(vector, vector)));
const differences = (a: Vector, b: Vector): Tensor[] => noGrad(() => mapPairs(a, b, sub));

/** Moves the parameters to what a function makes of their saved values. */
type Move = (to: (saved: Vector) => Vector) => void;

/** Runs `fn`, which may move the parameters from where they are now, and puts them back. */
function withMoved(params: Vector, fn: (move: Move) => void): void {
  const saved = noGrad(() => params.map((param) => clone(param)));
  const put = (values: Vector): void => {
    mapPairs(params, values, copyInto);
  };
  try {
    fn((to) => scope(() => noGrad(() => put(to(saved)))));
  } finally {
    put(saved);
  }
}

export interface LayerShift {
  /** Length of the change that the earlier layers' steps make to this layer's gradient. */
  readonly distance: number;
  /** That length over the length of the gradient before. */
  readonly relative: number;
  /** Cosine between the gradients before and after; 1 is no shift. */
  readonly cosine: number;
}

/**
 * The internal covariate shift of each layer (definition 2.1 of the paper): how its gradient changes when all the layers
 * before it, but not itself, have taken the step `-lr gradient`. `layers`: the parameters of each, in the order in which
 * data pass. The first layer has none before it, so the result starts with the second. The parameters are put back.
 */
export async function internalCovariateShift(
  lossFn: LossFn,
  layers: readonly (readonly Tensor[])[],
  options: { lr: number },
): Promise<LayerShift[]> {
  const op = "internalCovariateShift";
  check(Array.isArray(layers) && layers.length >= 2, ShapeError, () =>
    expected(op, "layers", "the parameters of at least two layers", layers),
  );
  const params = layers.flat();
  checkParams(op, params);
  await assertDeterministic(op, lossFn, params);
  const measured = scope(() => measureShift(op, lossFn, layers, options.lr));
  const values = Array.from(await readData(measured), Number);
  measured.dispose();
  return layers.slice(1).map((_, i) => {
    const [moved = 0, before = 0, after = 0, inner = 0] = values.slice(4 * i, 4 * i + 4);
    return { distance: moved, relative: moved / before, cosine: inner / (before * after) };
  });
}

function measureShift(op: string, lossFn: LossFn, layers: readonly Vector[], lr: number): Tensor {
  const params = layers.flat();
  const start = gradientAt(op, lossFn, params).gradient;
  const values: Tensor[] = [];
  withMoved(params, (move) => {
    let before = layers[0]?.length ?? 0;
    for (const layer of layers.slice(1)) {
      const stepped = start.slice(0, before);
      move((values) => [
        ...mapPairs(values.slice(0, before), stepped, (value, one) => sub(value, mul(one, lr))),
        ...values.slice(before),
      ]);
      const own = start.slice(before, before + layer.length);
      const shifted = scope(() => grad(evaluate(op, lossFn, firstOf(params)), layer));
      values.push(distance(differences(shifted, own)), distance(own), distance(shifted), dot(own, shifted));
      before += layer.length;
    }
  });
  return noGrad(() => stack(values));
}
