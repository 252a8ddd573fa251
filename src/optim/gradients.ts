/** The gradients of a list of parameters, wherever they lie, as chunks that few dispatches go through. */

import { elementAt } from "../elements.ts";
import { ArgumentError, check, DtypeError, expected } from "../errors.ts";
import type { BufferSlice } from "../gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { grad_unscale } from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { contiguous, copyInto } from "../tensor/copy.ts";
import { guardGrad } from "../tensor/leaf-gradients.ts";
import { gradOf, storageOf, Tensor } from "../tensor/tensor.ts";
import {
  chunkCount,
  chunkGroups,
  chunkWorkgroup,
  eachChunk,
  GRADIENT_CHUNK,
  makeTable,
  packWords,
  TableCache,
} from "./chunk-table.ts";
import { VECTOR_BYTES } from "./flat-params.ts";
import type { SkipFlag } from "./skipped-steps.ts";

export interface DenseGradients {
  readonly params: readonly Tensor[];
  /** The gradients, or dense copies of those that are strided. */
  readonly dense: readonly Tensor[];
  /** Writes the copies back. To be called where the gradients were changed. */
  finish(): void;
}

/** The gradients of these parameters, each once. Throws before anything is dispatched. */
export function denseGradients(op: string, input: Tensor | Iterable<Tensor>): DenseGradients {
  const iterable = typeof input === "object" && input !== null && (input instanceof Tensor || Symbol.iterator in input);
  check(iterable, ArgumentError, () =>
    expected(op, "params", "a tensor or a list of tensors (model.parameters())", input),
  );
  const params = input instanceof Tensor ? [input] : [...input];
  check(params.length > 0, ArgumentError, () => expected(op, "params", "at least one tensor", params));
  for (const param of params) {
    check(param instanceof Tensor, ArgumentError, () => expected(op, "params", "only tensors", param));
    guardGrad(param);
    const grad = gradOf(param);
    grad?.assertLive(op);
    check((grad?.dtype ?? "f32") === "f32", DtypeError, () => expected(op, "grad", "dtype f32", grad?.dtype));
    check(param.device === params[0]?.device, ArgumentError, () =>
      expected(op, "params", "tensors of one device", param),
    );
  }
  const all = params.map(gradOf).filter((grad): grad is Tensor => grad !== null && grad.size > 0);
  const grads = [...new Set(all)];
  const dense = grads.map((grad) => contiguous(grad));
  const finish = () =>
    dense.forEach((copy, i) => {
      const grad = elementAt(grads, i);
      // Their kernels write in place: a graph that reads the old values must know.
      storageOf(grad).version++;
      if (copy === grad) return;
      copyInto(grad, copy);
      copy.dispose();
    });
  return { params, dense, finish };
}

/** The chunks of gradients that lie in one buffer. */
export interface ChunkRun {
  readonly grad: BufferSlice;
  readonly groups: number;
  readonly first: number;
  readonly chunks: number;
}

export interface ChunkRuns {
  readonly table: Tensor;
  readonly runs: readonly ChunkRun[];
}

const caches = new WeakMap<Device, TableCache<{ table: Tensor; counts: readonly number[] }>>();

/** Gradients cut into chunks, buffer by buffer. */
export function chunkRunsOf(device: Device, grads: readonly Tensor[]): ChunkRuns {
  const buffers = [...new Set(grads.map((grad) => storageOf(grad).buffer))];
  const together = buffers.map((buffer) => grads.filter((grad) => storageOf(grad).buffer === buffer));
  // Offsets alone: the gradients of the next step may lie equally in other buffers.
  const key = together.map((some) => some.map((grad) => `${bindingOf(grad).offset}:${grad.size}`).join()).join(";");
  const cache = caches.get(device) ?? new TableCache();
  caches.set(device, cache);
  const { table, counts } = cache.get(key, () => {
    const words = together.map((some) => some.flatMap(chunksOf));
    return { table: makeTable(device, words.flat()), counts: words.map(chunkCount) };
  });
  let first = 0;
  const runs = buffers.map((buffer, i): ChunkRun => {
    const chunks = elementAt(counts, i);
    const run = {
      grad: { buffer, offset: 0, size: buffer.bytes },
      groups: Math.min(chunkGroups(device, chunks), MAX_NORM_GROUPS),
      first,
      chunks,
    };
    first += chunks;
    return run;
  });
  return { table, runs };
}

/** Every invocation leaves a pair that one workgroup then goes through: not too many. */
const MAX_NORM_GROUPS = 1024;

function chunksOf(grad: Tensor): number[] {
  const words: number[] = [];
  const vectors = Math.ceil(grad.size / 4);
  const inLast = grad.size - 4 * (vectors - 1);
  eachChunk(grad.device, vectors, (start, length) => {
    const isLast = start + length === vectors;
    const chunk = {
      start: bindingOf(grad).offset / VECTOR_BYTES + start,
      vectors: length,
      inLast: isLast ? inLast : 4,
      unused: 0,
    };
    words.push(...packWords(GRADIENT_CHUNK, chunk));
  });
  return words;
}

/** Divides the gradients of `params` by a scalar on the GPU, and raises the flag where one is not finite. */
export function divideGradients(op: string, params: Iterable<Tensor>, scale: Tensor, { flags, index }: SkipFlag): void {
  const { device } = scale;
  const { dense, finish } = denseGradients(op, params);
  if (dense.length === 0) return;
  const { table, runs } = chunkRunsOf(device, dense);
  for (const { grad, groups, first, chunks } of runs) {
    const bindings = { table: bindingOf(table), grad, scale: bindingOf(scale), flags: bindingOf(flags) };
    const numbers = { first, chunks, partials: index, power: 0, limit: 0 };
    runtimeOf(device).run(grad_unscale, { ...bindings, ...numbers }, groups, { WORKGROUP: chunkWorkgroup(device) });
  }
  finish();
}
