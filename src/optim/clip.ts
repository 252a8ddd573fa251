/** Gradient clipping on the GPU: nothing is read back, and gradients in flat storage take one dispatch together. */

import { elementAt } from "../elements.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { grad_clip, grad_norm, grad_norm_total } from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { fill } from "../tensor/copy.ts";
import { releaseLater } from "../tensor/release-queue.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { chunkWorkgroup } from "./chunk-table.ts";
import { internal } from "./flat-params.ts";
import { type ChunkRun, chunkRunsOf, denseGradients } from "./gradients.ts";

export interface ClipNormOptions {
  /** p of the norm: 1, 2 (default), Infinity (the largest magnitude) or any positive number. */
  normType?: number;
}

/**
 * Scales the gradients of `params` so that the norm of all of them together is at most `maxNorm` (PyTorch's factor,
 * maxNorm / (norm + 1e-6)), and returns the norm before that as a scalar tensor, unread. Where the norm is not finite the
 * gradients are left as they are, for no factor mends them: the returned norm tells.
 */
export function clipGradNorm(
  params: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options: ClipNormOptions = {},
): Tensor {
  const op = "clipGradNorm";
  const { normType = 2 } = options;
  const grads = denseGradients(op, params);
  const { device } = elementAt(grads.params, 0);
  const norm = empty(device, []);
  if (grads.dense.length === 0) {
    fill(norm, 0);
    return norm;
  }
  const { table, runs } = chunkRunsOf(device, grads.dense);
  const factor = empty(device, [1]);
  measure(runs, table, { norm, factor }, normType === Infinity ? 0 : normType, Math.min(maxNorm, MAX_F32));
  clip(device, runs, table, factor, undefined);
  grads.finish();
  factor.dispose();
  // Nobody frees it: like a loss it can be read for a good while.
  releaseLater(norm);
  return norm;
}

/** The norm of all runs together, and the factor that brings it down to `limit`. `power` 0 is the largest magnitude. */
function measure(
  runs: readonly ChunkRun[],
  table: Tensor,
  { norm, factor }: { norm: Tensor; factor: Tensor },
  power: number,
  limit: number,
): void {
  const { device } = norm;
  const WORKGROUP = chunkWorkgroup(device);
  const count = runs.reduce((sum, { groups }) => sum + groups, 0);
  const partial = empty(device, [count, 2]);
  let partials = 0;
  for (const { grad, groups, first, chunks } of runs) {
    const bindings = { table: bindingOf(table), grad, partial: bindingOf(partial) };
    runtimeOf(device).run(grad_norm, { ...bindings, first, chunks, partials, power: power || 1, limit: 0 }, groups, {
      WORKGROUP,
    });
    partials += groups;
  }
  const bindings = { partial: bindingOf(partial), norm: bindingOf(norm), factor: bindingOf(factor) };
  runtimeOf(device).run(grad_norm_total, { ...bindings, count, power, limit }, 1);
  partial.dispose();
}

/** Cuts every element of the gradients of `params` into [-clipValue, clipValue]. NaN stays NaN. */
export function clipGradValue(params: Tensor | Iterable<Tensor>, clipValue: number): void {
  const op = "clipGradValue";
  const grads = denseGradients(op, params);
  if (grads.dense.length === 0) return;
  const { device } = elementAt(grads.params, 0);
  const { table, runs } = chunkRunsOf(device, grads.dense);
  clip(device, runs, table, oneOf(device), Math.min(clipValue, MAX_F32));
  grads.finish();
}

const MAX_F32 = 3.4028234663852886e38;

function clip(
  device: Device,
  runs: readonly ChunkRun[],
  table: Tensor,
  factor: Tensor,
  limit: number | undefined,
): void {
  for (const { grad, groups, first, chunks } of runs) {
    const args = { table: bindingOf(table), grad, factor: bindingOf(factor), first, chunks, partials: 0, power: 0 };
    runtimeOf(device).run(grad_clip, { ...args, limit: limit ?? 0 }, groups, {
      WORKGROUP: chunkWorkgroup(device),
      VALUES: limit !== undefined,
    });
  }
}

const ones = new WeakMap<Device, Tensor>();

function oneOf(device: Device): Tensor {
  const known = ones.get(device) ?? internal(empty(device, [1]));
  if (!ones.has(device)) fill(known, 1);
  ones.set(device, known);
  return known;
}
