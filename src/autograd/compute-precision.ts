/** Casts the inputs of an operation to the precision that its kernels, or autocast, ask for. */
import type { Dtype } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import { f16Source } from "./graph.ts";
import { isAutocast } from "./modes.ts";
import type { Inputs, OpDefinition, Outputs } from "./op-types.ts";

/** The dtypes in which an operation takes its float inputs. */
export type Precision = Pick<OpDefinition, "computeDtype" | "autocast">;

/** The differentiable cast, which is itself run as an operation: op.ts hands it in. */
export type Cast = (x: Tensor, dtype: Dtype) => Tensor;

const isHalf = (x: Tensor | undefined): boolean => x?.dtype === "f16";
const isSingle = (x: Tensor | undefined): boolean => x?.dtype === "f32";

/** True where inputs of f16 are to be cast up. */
const isLifted = ({ computeDtype }: Precision, inputs: Inputs): boolean =>
  computeDtype !== undefined && inputs.some(isHalf) && (computeDtype === "f32" || inputs.some(isSingle));

/** True where `runAtPrecision` has inputs to cast, or may have. */
export const needsCast = (rule: Precision, inputs: Inputs): boolean =>
  (rule.autocast !== undefined && isAutocast()) || isLifted(rule, inputs);

/**
 * Runs `run` on inputs of the precision that `rule` asks for. Casts are operations of their own, so that gradients come
 * back in the inputs' dtypes; where all floats were f16, so are the results.
 */
export function runAtPrecision<I extends Inputs, O extends Outputs>(
  rule: Precision,
  inputs: I,
  run: (inputs: I) => O,
  cast: Cast,
): O {
  if (!needsCast(rule, inputs)) return run(inputs);
  const wanted = isAutocast() ? rule.autocast : undefined;
  const given = wanted ? inputs.map((one) => floatAs(one, wanted, cast)) : inputs;
  const lifts = isLifted(rule, given);
  const lifted = lifts ? given.map((one) => floatAs(one, "f32", cast)) : given;
  // A tensor for each tensor, and nothing for nothing.
  const result = run(lifted as Inputs as I);
  // The graph holds what it needs of them.
  for (const one of new Set([...given, ...lifted])) if (one && !inputs.includes(one)) one.dispose();
  if (!lifts || given.some(isSingle)) return result;
  const lower = (x: Tensor): Tensor => lowered(x, cast);
  return (result instanceof Tensor ? lower(result) : result.map(lower)) as O;
}

/** x in `dtype`, if it is a float. */
function floatAs<T extends Tensor | undefined>(x: T, dtype: Dtype, cast: Cast): T | Tensor {
  if (!x || !(isHalf(x) || isSingle(x)) || x.dtype === dtype) return x;
  const converted = cast(x, dtype);
  if (dtype === "f32") f16Source.set(converted, x);
  return converted;
}

function lowered(x: Tensor, cast: Cast): Tensor {
  const half = floatAs(x, "f16", cast);
  if (half !== x) x.dispose();
  return half;
}
