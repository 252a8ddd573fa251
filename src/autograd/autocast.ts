/** Half precision: what becomes of f16 in operations whose kernels know f32 alone, and the scope that chooses f16 by itself. */
import { ArgumentError, check, checkKeys, expected } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import { checkHalf } from "../tensor/half.ts";
import type { Dtype } from "../tensor/storage.ts";
import { checkSynchronous, finished } from "../tensor/synchronous.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { f16Source } from "./graph.ts";
import { isAutocast, withMode } from "./modes.ts";
import type { Inputs, OpDefinition, Outputs } from "./op-types.ts";
import { primitives } from "./primitives.ts";

/** How an operation deals with f16. */
export type Precision = Pick<OpDefinition, "computeDtype" | "autocast">;

/** In f32 whatever is given: what long sums, exponentials and quotients need to stay in range. */
export const AUTOCAST_F32: Precision = { computeDtype: "f32", autocast: "f32" };

/** From f16 within autocast, where f16 pays: products, whose sums are f32 all the same. */
export const AUTOCAST_MATMUL: Precision = { computeDtype: "f32", autocast: "f16" };

const isHalf = (x: Tensor | undefined): boolean => x?.dtype === "f16";
const isSingle = (x: Tensor | undefined): boolean => x?.dtype === "f32";

/** Whether `atPrecision` has anything to do. */
export const needsCast = ({ computeDtype, autocast }: Precision, inputs: Inputs): boolean =>
  (autocast !== undefined && isAutocast()) || (computeDtype === "f32" && inputs.some(isHalf));

/**
 * Runs `run` on inputs of the precision that `rule` asks for. Casts are operations of their own, so that gradients come
 * back in the inputs' dtypes; where all floats were f16, so are the results.
 */
export function withComputePrecision<O extends Outputs>(
  rule: Precision,
  inputs: Inputs,
  run: (inputs: Inputs) => O,
): O {
  if (!needsCast(rule, inputs)) return run(inputs);
  const wanted = isAutocast() ? rule.autocast : undefined;
  const given = wanted ? inputs.map((one) => floatAs(one, wanted)) : inputs;
  const lifts = rule.computeDtype === "f32" && given.some(isHalf);
  const lifted = lifts ? given.map((one) => floatAs(one, "f32")) : given;
  const result = run(lifted);
  // The graph holds what it needs of them.
  for (const one of new Set([...given, ...lifted])) if (one && !inputs.includes(one)) one.dispose();
  if (!lifts || given.some(isSingle)) return result;
  return (Array.isArray(result) ? result.map(lowered) : lowered(result as Tensor)) as O;
}

/** x in `dtype`, if it is a float. */
function floatAs<T extends Tensor | undefined>(x: T, dtype: Dtype): T {
  if (!x || !(isHalf(x) || isSingle(x)) || x.dtype === dtype) return x;
  const cast = primitives.to(x, dtype);
  if (dtype === "f32") f16Source.set(cast, x);
  return cast as T;
}

function lowered(x: Tensor): Tensor {
  const half = floatAs(x, "f16");
  if (half !== x) x.dispose();
  return half;
}

export interface AutocastOptions {
  /** What products are computed from. WebGPU has no bf16. Default `"f16"`. */
  dtype?: "f16";
  /** False: `fn` runs as it would outside of any autocast. Default true. */
  enabled?: boolean;
}

/**
 * Mixed precision (Micikevicius et al. 2018; `torch.autocast`): within `fn` matrix products, linear layers, convolutions
 * and recurrent layers round their inputs to f16 and give f16, summed in f32; norms, softmax, losses, sums, powers, exp and
 * log cast up and give f32; everything else takes what it is given. Parameters and their gradients stay f32. Scopes nest.
 * Run forward and loss in it; `backward()` goes by what forward did, inside or out. Small gradients need an
 * `optim.GradScaler`. `fn` must not be async: between its awaits other code would run in the scope.
 */
export function autocast<T>(fn: () => T, options: AutocastOptions = {}): T {
  checkSynchronous("autocast", fn);
  checkKeys("autocast", options, ["dtype", "enabled"]);
  const { dtype = "f16", enabled = true } = options;
  check(dtype === "f16", ArgumentError, () => expected("autocast", "dtype", "'f16'", dtype));
  check(typeof enabled === "boolean", ArgumentError, () => expected("autocast", "enabled", "true or false", enabled));
  if (enabled) checkHalf("autocast", currentDevice());
  return finished("autocast", withMode("autocast", enabled, fn));
}
