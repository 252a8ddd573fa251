/** Reverse-mode differentiation: walks the graph from outputs to leaves in one order, freeing it as it goes. */

import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { addInPlace, contiguous, copyInto } from "../tensor/copy.ts";
import { guardGrad, overwritesGrad } from "../tensor/leaf-gradients.ts";
import { keep } from "../tensor/scope.ts";
import { sameShape } from "../tensor/shape.ts";
import { gradOf, gradSlotOf, makeTensor, ownGrad, putGrad, storageOf, Tensor } from "../tensor/tensor.ts";
import { BackwardEngine, onesScalar } from "./backward-engine.ts";
import { aliasWithGraph, edgeOf } from "./graph.ts";
import { addGradients } from "./primitives.ts";

export interface BackwardOptions {
  /** Keep the graph, to walk it again. Default: what `createGraph` says. */
  retainGraph?: boolean;
  /** Make the gradients differentiable themselves. Default false. */
  createGraph?: boolean;
}

export interface GradOptions extends BackwardOptions {
  gradOutputs?: Tensor | readonly Tensor[];
  /** Give null for inputs that the outputs do not depend on, rather than throw. Default false. */
  allowUnused?: boolean;
}

/**
 * Adds d`output`/dleaf into the `grad` of every leaf with `requiresGrad`, and frees the graph unless it is retained. A
 * scalar needs no `gradient`: the options may stand in its place.
 */
export function backward(
  output: Tensor,
  gradient?: Tensor | BackwardOptions | null,
  options: BackwardOptions = isOptions(gradient) ? gradient : {},
): void {
  const { createGraph = false, retainGraph = createGraph } = options;
  output.assertLive("backward");
  check(output.requiresGrad, ArgumentError, () =>
    storageOf(output).isCaptured
      ? "backward: the tensor is an output of a captured function, which has no graph; call backward() inside the function"
      : "backward: the tensor does not depend on anything with requiresGrad",
  );
  const walk = new BackwardEngine({ createGraph, retainGraph });
  walk.start(output, startGradient("backward", "gradient", output, isOptions(gradient) ? undefined : gradient));
  walk.run();
  for (const [leaf, sum] of walk.leaves) deposit(leaf, sum, createGraph);
}

const isOptions = (value: unknown): value is BackwardOptions =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const listOf = (tensors: Tensor | readonly Tensor[]): Tensor[] => [tensors].flat();

/** d`outputs`/d`inputs`, weighted by `gradOutputs`, without touching any `.grad`. One result per input. */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): Tensor[] {
  const { createGraph = false, retainGraph = createGraph, allowUnused = false } = options;
  const tops = listOf(outputs);
  const wanted = listOf(inputs);
  const seeds = options.gradOutputs === undefined ? [] : listOf(options.gradOutputs);
  for (const top of tops) {
    check(top?.requiresGrad, ArgumentError, () => expected("grad", "outputs", "tensors that need a gradient", top));
    top.assertLive("grad");
  }
  for (const input of wanted) {
    check(input?.requiresGrad, ArgumentError, () => expected("grad", "inputs", "tensors with requiresGrad", input));
    input.assertLive("grad");
  }
  const walk = new BackwardEngine({ createGraph, retainGraph, wanted });
  for (const [i, top] of tops.entries()) walk.start(top, startGradient("grad", "gradOutputs", top, seeds[i]));
  walk.run();
  const results = new Map<Tensor, Tensor>();
  const gradients = wanted.map((input): Tensor | null => {
    const found = walk.resultFor(input);
    check(
      found || allowUnused,
      ArgumentError,
      () =>
        `grad: the outputs do not depend on the input ${input.label ?? `of shape [${input.shape}]`}; pass allowUnused: true for null`,
    );
    if (!found) return null;
    const result = results.get(found) ?? apart(found);
    results.set(found, result);
    return result;
  });
  // null stands only where `allowUnused` asked for it: the type spares everybody else the check.
  return gradients as Tensor[];
}

function startGradient(op: string, argument: string, output: Tensor, gradient: Tensor | null | undefined): Tensor {
  if (gradient !== undefined && gradient !== null) {
    const like = `a tensor of dtype ${output.dtype} and the output's shape [${output.shape}]`;
    check(gradient instanceof Tensor, DtypeError, () => expected(op, argument, like, gradient));
    check(sameShape(gradient.shape, output.shape), ShapeError, () => expected(op, argument, like, gradient));
    check(gradient.dtype === output.dtype, DtypeError, () => expected(op, argument, like, gradient.dtype));
    return gradient;
  }
  check(output.size === 1, ShapeError, () =>
    expected(op, argument, `a gradient for an output of shape [${output.shape}]`, "none"),
  );
  const one = onesScalar(output.device);
  if (output.ndim === 0) return one;
  return makeTensor(
    storageOf(one),
    output.shape,
    output.shape.map(() => 1),
    0,
    "f32",
  );
}

/** Puts a finished gradient into `leaf.grad`. */
function deposit(leaf: Tensor, gradient: Tensor, createGraph: boolean): void {
  guardGrad(leaf);
  const before = gradOf(leaf);
  const slot = gradSlotOf(leaf);
  // Frozen or freed since forward: nobody asks for it any more.
  if (!leaf.requiresGrad || leaf.disposed) {
    if (gradient !== slot && !createGraph) gradient.dispose();
  } else if (createGraph) putGrad(leaf, differentiable(before ? addGradients(before, gradient) : gradient));
  else if (before) {
    addInPlace(before, gradient);
    if (gradient !== slot) gradient.dispose();
  } else if (slot) putGrad(leaf, ownGrad(intoSlot(slot, gradient), true));
  else putGrad(leaf, newGradient(gradient));
}

/** The slot, with this gradient in it. */
function intoSlot(slot: Tensor, gradient: Tensor): Tensor {
  if (gradient === slot) return slot;
  copyInto(overwritesGrad(slot), gradient);
  gradient.dispose();
  return slot;
}

/** A gradient in memory of its own. */
function newGradient(gradient: Tensor): Tensor {
  const own = storageOf(gradient).exclusive && gradient.isContiguous ? gradient : contiguous(gradient, { copy: true });
  if (own !== gradient) gradient.dispose();
  return ownGrad(keep(own), false);
}

/** A gradient with its graph, under a handle that is not one of the graph's: a later backward frees those. */
function differentiable(gradient: Tensor): Tensor {
  const alone = apart(gradient);
  const own = aliasWithGraph(alone);
  alone.dispose();
  return ownGrad(own, false);
}

/** The gradient, or a copy where others can write into its memory: the constant 1, or what a caller passed in. */
function apart(gradient: Tensor): Tensor {
  if (storageOf(gradient).exclusive || edgeOf(gradient)) return gradient;
  const copy = contiguous(gradient, { copy: true });
  gradient.dispose();
  return copy;
}
