/** Launch of a matmul kernel: params, epilogues, split-K. Which kernel runs is decided in select.ts. */

import { type Activation, activationRow, DEFAULT_SLOPE } from "../../activations.ts";
import type { BufferSlice } from "../../gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../../gpu/device.ts";
import { launchPolicy } from "../../gpu/launch-policy.ts";
import type { RunArgs } from "../../gpu/shader.ts";
import { matmul_reduce } from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { empty } from "../../tensor/tensor.ts";
import { padOperands } from "./pad-operands.ts";
import type { Product } from "./product.ts";
import {
  choose,
  isAligned,
  isTransposedA,
  kernels,
  LONGEST_SUM,
  type MatmulArgs,
  type MatmulChoice,
  type MatmulKernel,
  programOf,
  tiles,
  type Variant,
} from "./select.ts";

/** Memory that a matmul reads, and memory that it writes: the types keep the first from being bound as the second. */
type Operand = BufferSlice<"f32", "read">;
type Result = BufferSlice<"f32", "read_write">;

/** `C = epilogue(alpha * op(A) op(B))`, f32, row-major; op(A) is (M, K), op(B) is (K, N). C shares no buffer with an input. */
export interface Matmul extends Product {
  /** (batch, M, K), or (batch, K, M) with `transA`. */
  readonly a: Operand;
  /** (batch, K, N), or (batch, N, K) with `transB`. */
  readonly b: Operand;
  /** (batch, M, N), dense. */
  readonly c: Result;
  readonly alpha?: number;
  /** Adds to what C (and `biasGrad`) hold, before bias and activation. */
  readonly accumulate?: boolean;
  /** (N), added before the activation. */
  readonly bias?: Operand;
  readonly activation?: Activation;
  /** Negative slope of leakyRelu, above 0. Default 0.01. */
  readonly slope?: number;
  /** Multiplies by this activation's derivative, computed from `saved`. Not together with `activation`. */
  readonly derivative?: Activation;
  /** Tensor of C's shape: the output of the activation to derive, or its input for gelu and silu. */
  readonly saved?: Operand;
  /** (M): gets the sums of op(A)'s rows, a bias's gradient where C is the weight's. For batch 1 and N > 0. */
  readonly biasGrad?: Result;
  /** Forces a kernel, for tests and measurements. */
  readonly variant?: Variant;
  /** Forces how many parts K is cut into. */
  readonly splits?: number;
}

/** Parts of K are a multiple of every kernel's step. */
const SPLIT_STEP = 16;

/** Records the matmul; nothing where C is empty. */
export function runMatmul(device: Device, matmul: Matmul): void {
  const { M, N, batch = 1 } = matmul;
  if (M * N * batch === 0) return;
  const choice: MatmulChoice = matmul.variant ? { variant: matmul.variant } : choose(device, matmul);
  const kernel: MatmulKernel = kernels[choice.variant];
  const isReadable = !kernel.isLarge || isAligned(matmul);
  const { product, copies } = isReadable ? { product: matmul, copies: [] } : padOperands(device, matmul);
  run(device, kernel, choice, product);
  for (const copy of copies) copy.dispose();
}

/** Longer sums are cut into parts of `part` (a multiple of 64, so that each starts at an offset that can be bound). */
const EXACT = { longest: LONGEST_SUM, part: 2048 };

/** Partial results of all parts of K take no more bytes than this; larger ones are added up in C, part by part. */
const MAX_PARTIAL_BYTES = 2 ** 24;

function run(device: Device, kernel: MatmulKernel, choice: MatmulChoice, matmul: Matmul): void {
  const { K, M, N, batch = 1 } = matmul;
  const { groups, minPart } = launchPolicy(device).splitK;
  const exact = K > EXACT.longest ? Math.ceil(K / EXACT.part) : 1;
  if (exact > 1 && exact * M * N * batch * 4 > MAX_PARTIAL_BYTES) {
    runParts(device, kernel, choice, matmul);
    return;
  }
  const wanted =
    matmul.splits ?? choice.splits ?? Math.min(Math.floor(groups / tiles(kernel, matmul)), Math.floor(K / minPart));
  const part = Math.ceil(K / Math.max(wanted, exact) / SPLIT_STEP) * SPLIT_STEP;
  if (part >= K || matmul.half) launch(device, kernel, matmul, 1, K);
  else runSplit(device, kernel, matmul, Math.ceil(K / part), part);
}

/** One part of K after another, added to what C holds; bias and activation come with the last. */
function runParts(device: Device, kernel: MatmulKernel, choice: MatmulChoice, matmul: Matmul): void {
  const { K, M, N, transA, transB, strideA = M * K, strideB = K * N, accumulate = false } = matmul;
  const { bias, activation, derivative, saved, ...plain } = matmul;
  const { pitchA = transA ? M : K, pitchB = transB ? K : N } = matmul;
  const from = ({ buffer, offset, size }: Operand, start: number): Operand => {
    return { buffer, offset: offset + 4 * start, size: size - 4 * start };
  };
  for (let start = 0; start < K; start += EXACT.part) {
    const isLast = start + EXACT.part >= K;
    run(device, kernel, choice, {
      ...(isLast ? matmul : plain),
      a: from(matmul.a, transA ? start * pitchA : start),
      b: from(matmul.b, transB ? start : start * pitchB),
      K: Math.min(EXACT.part, K - start),
      strideA,
      strideB,
      pitchA,
      pitchB,
      accumulate: accumulate || start > 0,
    });
  }
}

/** Each part of K into a matrix of its own, then their sum in a fixed order: no atomics, the same bits every time. */
function runSplit(device: Device, kernel: MatmulKernel, matmul: Matmul, splits: number, part: number): void {
  const { accumulate, alpha, bias, biasGrad, activation, derivative, slope, saved, ...product } = matmul;
  const { M, N, batch = 1 } = matmul;
  const partial = empty(device, [splits, batch, M, N]);
  const sums = biasGrad && empty(device, [splits, M]);
  const parts = { ...product, c: bindingOf(partial), ...(sums && { biasGrad: bindingOf(sums) }) };
  launch(device, kernel, parts, splits, part);
  reduce(device, { ...matmul, a: bindingOf(partial) }, splits);
  if (biasGrad && sums) {
    addParts(device, bindingOf(sums), biasGrad, { parts: splits, size: M, alpha, accumulate });
    sums.dispose();
  }
  partial.dispose();
}

interface Parts extends Pick<Matmul, "alpha" | "accumulate"> {
  readonly parts: number;
  readonly size: number;
}

/** Adds up partial results (parts, size) of a sum, in a fixed order. */
export function addParts(device: Device, partial: Operand, c: Result, { parts, size, ...scaled }: Parts): void {
  reduce(device, { a: partial, b: partial, c, M: 1, N: size, K: 0, ...scaled }, parts);
}

const REDUCE_GROUP = 64;

function reduce(device: Device, matmul: Matmul, splits: number): void {
  const { a, c, bias = a, saved = a, M, N, batch = 1 } = matmul;
  const args: RunArgs<typeof matmul_reduce> = { ...paramsOf(matmul, splits, 0), matrixA: a, matrixC: c, bias, saved };
  const overrides = { ...epilogueOf(matmul), WORKGROUP: REDUCE_GROUP };
  runtimeOf(device).run(matmul_reduce, args, Math.ceil((M * N * batch) / REDUCE_GROUP), overrides);
}

function launch(device: Device, kernel: MatmulKernel, matmul: Matmul, splits: number, part: number): void {
  const { a, b, c, bias = a, saved = a, biasGrad = spare(device) } = matmul;
  const slices = { matrixA: a, vectorsA: a, matrixB: b, vectorsB: b, matrixC: c, bias, saved, biasGrad };
  const args: MatmulArgs = { ...paramsOf(matmul, splits, part), ...slices };
  // What is the shader's default is left out, so that as few pipelines as possible are made.
  const overrides = {
    ...kernel.overrides,
    ...(matmul.K % (kernel.staged ?? 1) !== 0 && { K_TAIL: true }),
    ...(kernel.isLarge && isTransposedA(matmul) && { A_TURNED: true }),
    ...((kernel.isLarge || kernel.isVector) && matmul.biasGrad && { BIAS_GRAD: true }),
    ...epilogueOf(matmul),
  };
  runtimeOf(device).run(programOf(kernel, matmul), args, tiles(kernel, matmul) * splits, overrides);
}

function paramsOf(matmul: Matmul, splits: number, splitK: number) {
  const {
    M,
    N,
    K,
    transA,
    transB,
    batch = 1,
    strideA = M * K,
    strideB = K * N,
    alpha = 1,
    slope = DEFAULT_SLOPE,
  } = matmul;
  const { bias, saved, biasGrad, derivative, activation = derivative } = matmul;
  const { pitchA = transA ? M : K, pitchB = transB ? K : N } = matmul;
  const a = { strideAm: transA ? 1 : pitchA, strideAk: transA ? pitchA : 1, batchStrideA: strideA };
  const b = { strideBk: transB ? 1 : pitchB, strideBn: transB ? pitchB : 1, batchStrideB: strideB };
  const flags = { hasBias: Number(!!bias), hasSaved: Number(!!saved), hasBiasGrad: Number(!!biasGrad) };
  const negative = activation === "relu" ? 0 : activation === "leakyRelu" ? slope : 1;
  return { M, N, K, ...a, ...b, batches: batch, splits, splitK, ...flags, alpha, slope: negative };
}

function epilogueOf({ accumulate, derivative, activation = derivative ?? "none" }: Matmul) {
  const { epilogue } = activationRow(activation);
  return { ...(accumulate && { ACCUMULATE: true }), ...(epilogue && { EPILOGUE: epilogue + (derivative ? 4 : 0) }) };
}

const spares = new WeakMap<Device, BufferSlice>();

/** A buffer for the output that a matmul without `biasGrad` does not write. */
function spare(device: Device): BufferSlice {
  let slice = spares.get(device);
  if (!slice) {
    const buffer = runtimeOf(device).outsideCapture(() => runtimeOf(device).pool.acquire(16, () => "matmul"));
    buffer.pool.uncount(buffer);
    slice = { buffer, offset: 0, size: 16 };
    spares.set(device, slice);
  }
  return slice;
}
