/** Half precision: f16 inputs of operations whose kernels know f32 alone, and the scope that chooses f16 by itself. */
import { currentDevice } from "../gpu/default-device.ts";
import { checkHalf } from "../tensor/half.ts";
import { checkSynchronous, finished } from "../tensor/synchronous.ts";
import { type Precision, runAtPrecision } from "./compute-precision.ts";
import { withMode } from "./modes.ts";
import { cast } from "./op.ts";
import type { Inputs, Outputs } from "./op-types.ts";

/** In f32 whatever is given: what long sums, exponentials and quotients need to stay in range. */
export const AUTOCAST_F32: Precision = { computeDtype: "f32", autocast: "f32" };

/** From f16 within autocast, where f16 pays: products, whose sums are f32 all the same. */
export const AUTOCAST_MATMUL: Precision = { computeDtype: "f32", autocast: "f16" };

/** The same for what its kernels read as f16 themselves. */
export const AUTOCAST_HALF: Precision = { computeDtype: "alike", autocast: "f16" };

/** Runs `run` on inputs of the precision that `rule` asks for: see `runAtPrecision`. */
export const withComputePrecision = <const I extends Inputs, O extends Outputs>(
  rule: Precision,
  inputs: I,
  run: (inputs: I) => O,
): O => runAtPrecision(rule, inputs, run, cast);

export interface AutocastOptions {
  /** The dtype that products are computed from. WebGPU has no bf16. Default `"f16"`. */
  dtype?: "f16";
  /** False: `fn` runs as it would outside of any autocast. Default true. */
  enabled?: boolean;
}

/**
 * Mixed precision (Micikevicius et al. 2018; `torch.autocast`): within `fn` matrix products, linear layers, convolutions
 * and recurrent layers round their inputs to f16 and give f16, summed in f32; norms, softmax, losses, sums, powers, exp and
 * log cast up and give f32; everything else takes what it is given. Parameters and their gradients stay f32. Scopes nest.
 * Run forward and loss in it; `backward()` uses the precision of the forward, inside or out. Small gradients need an
 * `optim.GradScaler`. `fn` must not be async: between its awaits other code would run in the scope.
 */
export function autocast<T>(fn: () => T, options: AutocastOptions = {}): T {
  checkSynchronous("autocast", fn);
  const { enabled = true } = options;
  if (enabled) checkHalf("autocast", currentDevice());
  return finished("autocast", withMode("autocast", enabled, fn));
}
