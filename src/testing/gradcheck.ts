/** gradcheck and gradgradcheck: compare backward with finite differences of forward. */
import { grad } from "../autograd/backward.ts";
import { withGrad } from "../autograd/modes.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import { tensor } from "../tensor/create.ts";
import { readData } from "../tensor/readback.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { AssertionError } from "./failure.ts";
import { indexOf } from "./values.ts";

export interface GradcheckOptions {
  /** Step of the central differences. Default 1e-2: rounding and curvature weigh alike for f32 values around 1. */
  eps?: number;
  /** Allowed difference, whatever the size of the gradient. Default 2e-3. */
  atol?: number;
  /** Allowed difference per size of the numeric gradient. Default 1e-2. */
  rtol?: number;
}

export type Differentiable = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

const DEFAULTS = { eps: 1e-2, atol: 2e-3, rtol: 1e-2 };

/**
 * Compares the gradients that backward gives for `fn` with central differences of its values, for every element of
 * every f32 input, under uneven weights for the outputs. An AssertionError names the input, the element and both
 * values. `fn` must be smooth within `eps` of the inputs, and the same function at each call.
 */
export async function gradcheck(
  fn: Differentiable,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<void> {
  await checkGradients("gradcheck", fn, inputs, options);
}

/** Compares second derivatives: `gradcheck` of the gradients of `fn`, made by `createGraph`. */
export async function gradgradcheck(
  fn: Differentiable,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<void> {
  const gradients: Differentiable = (...xs) => {
    const outputs = outputsOf("gradgradcheck", fn, xs);
    const upstream = outputs.map(upstreamOf);
    const wanted = xs.filter((x) => x.requiresGrad);
    return grad(outputs, wanted, { gradOutputs: upstream, createGraph: true, allowUnused: true }).filter(
      isDifferentiable,
    );
  };
  await checkGradients("gradgradcheck", gradients, inputs, options);
}

const isDifferentiable = (x: Tensor | null): x is Tensor => x?.requiresGrad === true;

async function checkGradients(
  op: string,
  fn: Differentiable,
  inputs: readonly Tensor[],
  options: GradcheckOptions,
): Promise<void> {
  const tolerance = { ...DEFAULTS, ...options };
  const check = await Check.begin(op, fn, inputs);
  for (let i = 0; i < inputs.length; i++) await check.input(i, tolerance);
}

/** The inputs as host values, which are made into fresh leaves for each evaluation. */
class Check {
  readonly #op: string;
  readonly #fn: Differentiable;
  readonly #inputs: readonly Tensor[];
  readonly #values: readonly ArrayLike<number>[];
  #weights: Float32Array[] = [];
  #analytic: (ArrayLike<number> | undefined)[] = [];

  private constructor(op: string, fn: Differentiable, inputs: readonly Tensor[], values: readonly ArrayLike<number>[]) {
    this.#op = op;
    this.#fn = fn;
    this.#inputs = inputs;
    this.#values = values;
  }

  static async begin(op: string, fn: Differentiable, inputs: readonly Tensor[]): Promise<Check> {
    const tensors = Array.isArray(inputs) && inputs.length > 0 && inputs.every((input) => input instanceof Tensor);
    check(tensors, ArgumentError, () => expected(op, "inputs", "a list of tensors", inputs));
    const made = new Check(op, fn, inputs, await Promise.all(inputs.map(readData)));
    await made.#differentiate();
    return made;
  }

  async input(i: number, { eps, atol, rtol }: typeof DEFAULTS): Promise<void> {
    const { shape, size, dtype } = elementAt(this.#inputs, i);
    const analytic = this.#analytic[i];
    for (let k = 0; dtype === "f32" && k < size; k++) {
      const numeric = await this.#slope(i, k, eps);
      const value = analytic?.[k] ?? 0;
      if (Math.abs(value - numeric) <= atol + rtol * Math.abs(numeric)) continue;
      throw new AssertionError(
        `${this.#op}: input ${i}, element ${indexOf(k, shape, size)}: backward gives ${value}, ` +
          `central differences give ${numeric} (eps ${eps}, atol ${atol}, rtol ${rtol})`,
      );
    }
  }

  /** Runs `use` on fresh leaves and outputs; everything but what it returns is freed. */
  #evaluate<T>(values: readonly ArrayLike<number>[], use: (outputs: Tensor[], leaves: Tensor[]) => T): T {
    return withGrad(true, () =>
      scope(() => {
        const leaves = this.#inputs.map(({ shape, dtype, device }, i) =>
          tensor(Float64Array.from(elementAt(values, i)), {
            shape,
            dtype,
            device,
            requiresGrad: dtype === "f32",
          }),
        );
        return use(outputsOf(this.#op, this.#fn, leaves), leaves);
      }),
    );
  }

  async #differentiate(): Promise<void> {
    const gradients = this.#evaluate(this.#values, (outputs, leaves) => {
      const upstream = outputs.map(upstreamOf);
      const wanted = leaves.filter((leaf) => leaf.requiresGrad);
      const differentiable = outputs.map((output) => output.requiresGrad);
      const tops = outputs.filter((_, k) => differentiable[k]);
      check(wanted.length > 0, ArgumentError, () =>
        expected(this.#op, "inputs", "at least one f32 tensor", this.#inputs),
      );
      const gradOutputs = upstream.filter((_, k) => differentiable[k]);
      const found = tops.length > 0 ? grad(tops, wanted, { gradOutputs, allowUnused: true }) : [];
      this.#weights = outputs.map(weightsOf);
      return leaves.map((leaf) => found[wanted.indexOf(leaf)] ?? undefined);
    });
    this.#analytic = await Promise.all(gradients.map((one) => one && taken(one)));
  }

  /** d(weighted sum of the outputs)/d(element k of input i), summed in double precision. */
  async #slope(i: number, k: number, eps: number): Promise<number> {
    const at = elementAt(elementAt(this.#values, i), k);
    // The steps that f32 really takes.
    const [up, down] = [Math.fround(at + eps), Math.fround(at - eps)];
    const [high, low] = await Promise.all([this.#outputsAt(i, k, up), this.#outputsAt(i, k, down)]);
    let sum = 0;
    this.#weights.forEach((weights, o) => {
      const [above, below] = [elementAt(high, o), elementAt(low, o)];
      for (let j = 0; j < weights.length; j++) {
        sum += elementAt(weights, j) * (elementAt(above, j) - elementAt(below, j));
      }
    });
    return sum / (up - down);
  }

  async #outputsAt(i: number, k: number, value: number): Promise<ArrayLike<number>[]> {
    const moved = Float64Array.from(elementAt(this.#values, i));
    moved[k] = value;
    const values = this.#values.map((one, j) => (j === i ? moved : one));
    return Promise.all(this.#evaluate(values, (outputs) => outputs).map(taken));
  }
}

/** Weights between 0.25 and 1.25 that never repeat, the same at every call: the random numbers stay untouched. */
const weightsOf = ({ size }: Tensor): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => 0.25 + (((i + 1) * 0.6180339887498949) % 1));
const upstreamOf = (output: Tensor): Tensor =>
  tensor(weightsOf(output), { shape: output.shape, device: output.device });

/** A tensor's values; the tensor is freed. */
async function taken(x: Tensor): Promise<ArrayLike<number>> {
  try {
    return await readData(x);
  } finally {
    x.dispose();
  }
}

function outputsOf(op: string, fn: Differentiable, inputs: Tensor[]): Tensor[] {
  const outputs = [fn(...inputs)].flat();
  check(
    outputs.every((output) => output instanceof Tensor),
    ArgumentError,
    () => expected(op, "fn", "a function that returns a tensor or a list of tensors", outputs[0]),
  );
  return outputs;
}
