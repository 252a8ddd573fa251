/** Reverse-mode differentiation: walks the graph from outputs to leaves in one order, freeing it as it goes. */
import { ArgumentError, check, checkKeys, DtypeError, expected, ShapeError } from "../errors.ts";
import { addInPlace, contiguous, copyInto } from "../tensor/copy.ts";
import { keep } from "../tensor/scope.ts";
import { sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { BackwardEngine, onesScalar } from "./backward-engine.ts";
import { primitives } from "./primitives.ts";
import { freeReleased } from "./release-queue.ts";

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

const KEYS = ["retainGraph", "createGraph"];

/**
 * Adds d`output`/dleaf into the `grad` of every leaf with `requiresGrad`, and frees the graph unless it is retained. A
 * scalar needs no `gradient`: the options may stand in its place.
 */
export function backward(
  output: Tensor,
  gradient?: Tensor | BackwardOptions | null,
  options: BackwardOptions = isOptions(gradient) ? gradient : {},
): void {
  checkKeys("backward", options, KEYS);
  const { createGraph = false, retainGraph = createGraph } = options;
  output.assertLive("backward");
  check(output.requiresGrad, ArgumentError, () => "backward: the tensor does not depend on anything with requiresGrad");
  freeReleased(output.device);
  const walk = new BackwardEngine({ createGraph, retainGraph });
  walk.start(output, startGradient("backward", "gradient", output, isOptions(gradient) ? undefined : gradient));
  walk.run();
  for (const [leaf, sum] of walk.leaves) deposit(leaf, sum, createGraph);
}

const isOptions = (value: unknown): value is BackwardOptions =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** d`outputs`/d`inputs`, weighted by `gradOutputs`, without touching any `.grad`. One result per input. */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): Tensor[] {
  checkKeys("grad", options, [...KEYS, "gradOutputs", "allowUnused"]);
  const { createGraph = false, retainGraph = createGraph, allowUnused = false } = options;
  const tops = [outputs].flat() as Tensor[];
  const wanted = [inputs].flat() as Tensor[];
  const seeds = options.gradOutputs === undefined ? [] : ([options.gradOutputs].flat() as Tensor[]);
  for (const top of tops) {
    check(top?.requiresGrad, ArgumentError, () => expected("grad", "outputs", "tensors that need a gradient", top));
  }
  for (const input of wanted) {
    check(input?.requiresGrad, ArgumentError, () => expected("grad", "inputs", "tensors with requiresGrad", input));
  }
  const walk = new BackwardEngine({ createGraph, retainGraph, wanted });
  for (const [i, top] of tops.entries()) walk.start(top, startGradient("grad", "gradOutputs", top, seeds[i]));
  walk.run();
  return wanted.map((input) => {
    const found = walk.resultFor(input);
    check(
      found || allowUnused,
      ArgumentError,
      () =>
        `grad: the outputs do not depend on the input ${input.label ?? `of shape [${input.shape}]`}; pass allowUnused: true for null`,
    );
    return (found ?? null) as Tensor;
  });
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
  return new Tensor(
    one.storage,
    output.shape,
    output.shape.map(() => 1),
    0,
    "f32",
  );
}

/** Puts a finished gradient into `leaf.grad`. */
function deposit(leaf: Tensor, gradient: Tensor, createGraph: boolean): void {
  leaf.device.recorder.tape?.guardGrad(leaf);
  if (createGraph) {
    leaf.grad = keep(leaf.grad ? primitives.add(leaf.grad, gradient) : gradient);
    return;
  }
  if (leaf.grad) {
    addInPlace(leaf.grad, gradient);
    if (gradient !== leaf.gradSlot) gradient.dispose();
    return;
  }
  if (leaf.gradSlot) {
    if (gradient !== leaf.gradSlot) {
      copyInto(leaf.gradSlot, gradient);
      gradient.dispose();
    }
    leaf.grad = leaf.gradSlot;
    return;
  }
  const own = gradient.storage.exclusive && gradient.isContiguous ? gradient : contiguous(gradient, { copy: true });
  if (own !== gradient) gradient.dispose();
  leaf.grad = keep(own);
}
