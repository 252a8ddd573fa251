/** Which matmul kernel runs on which adapter, and how it is launched. Shapes, broadcasting and gradients are the op's. */
import type { Device } from "../gpu/device.ts";
import type { BufferSlice } from "../gpu/pool.ts";
import type { Shader } from "../gpu/shader.ts";
import {
  matmul_reduce,
  matmul_register,
  matmul_subgroup4,
  matmul_subgroup8,
  matmul_tile,
  matmul_tile_large,
} from "../gpu/shaders.generated.ts";
import { empty } from "../tensor/tensor.ts";

export type Activation = "none" | "relu" | "leakyRelu" | "gelu" | "tanh" | "sigmoid" | "silu";

/** `C = epilogue(alpha * op(A) op(B))`, f32, row-major; op(A) is (M, K), op(B) is (K, N). C shares no buffer with an input. */
export interface Matmul {
  /** (batch, M, K), or (batch, K, M) with `transA`. */
  readonly a: BufferSlice;
  /** (batch, K, N), or (batch, N, K) with `transB`. */
  readonly b: BufferSlice;
  /** (batch, M, N), dense. */
  readonly c: BufferSlice;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Matrices in the batch; default 1. */
  readonly batch?: number;
  /** Elements from one matrix to the next; default dense, 0 repeats the same matrix. */
  readonly strideA?: number;
  readonly strideB?: number;
  readonly alpha?: number;
  /** Adds to what C (and `biasGrad`) hold, before bias and activation. */
  readonly accumulate?: boolean;
  /** (N), added before the activation. */
  readonly bias?: BufferSlice;
  readonly activation?: Activation;
  /** Of leakyRelu, above 0. Default 0.01. */
  readonly slope?: number;
  /** Multiplies by this activation's derivative, computed from `saved`. Not together with `activation`. */
  readonly derivative?: Activation;
  /** Of C's shape: the output of the activation to derive, or its input for gelu and silu. */
  readonly saved?: BufferSlice;
  /** (M): gets the sums of op(A)'s rows, a bias's gradient where C is the weight's. For batch 1 and N > 0. */
  readonly biasGrad?: BufferSlice;
  /** Forces a kernel, for tests and measurements. */
  readonly variant?: Variant;
  /** Forces how many parts K is cut into. */
  readonly splits?: number;
}

interface Kernel {
  readonly shader: Shader;
  /** The tile of C that a workgroup makes. */
  readonly rows: number;
  readonly cols: number;
  /** How many k an iteration sums. */
  readonly step: number;
  /** What it can read as vec4 along k; the others read a tile's A and B as vec4 across k or by scalars. */
  readonly alongK: "" | "B" | "AB";
  readonly overrides?: { readonly TILE: number };
  /** The adapters it is for, and how many tiles there must be for it to be worth while. */
  readonly on: (device: Device) => boolean;
  readonly fill: number;
}

const lanes = ({ features, info }: Device): number => (info.isSoftware && features.subgroups ? info.subgroupSize : 0);
const software = ({ info }: Device): boolean => info.isSoftware;
const gpu = ({ info }: Device): boolean => !info.isSoftware;

/** The first line that fits is taken. Software adapters pay for every barrier; GPUs need enough workgroups to be busy. */
const KERNELS = {
  subgroup8: { shader: matmul_subgroup8, rows: 16, cols: 32, step: 4, alongK: "B", on: (d) => lanes(d) >= 8, fill: 0 },
  subgroup4: { shader: matmul_subgroup4, rows: 16, cols: 16, step: 4, alongK: "B", on: (d) => lanes(d) >= 4, fill: 0 },
  register: { shader: matmul_register, rows: 16, cols: 16, step: 4, alongK: "AB", on: software, fill: 0 },
  tile128: { shader: matmul_tile_large, rows: 128, cols: 128, step: 8, alongK: "", on: gpu, fill: 128 },
  tile64: { shader: matmul_tile, rows: 64, cols: 64, step: 16, alongK: "", on: gpu, fill: 64 },
  tile32: {
    shader: matmul_tile,
    rows: 32,
    cols: 32,
    step: 8,
    alongK: "",
    overrides: { TILE: 32 },
    on: gpu,
    fill: 0,
  },
} as const satisfies Record<string, Kernel>;

export type Variant = keyof typeof KERNELS;
export const variants = Object.keys(KERNELS) as Variant[];

/** K is cut until there are this many workgroups, into parts no shorter than `least`. */
const SPLIT = { software: { groups: 4, least: 1024 }, gpu: { groups: 64, least: 256 } };
/** Parts of K are a multiple of every kernel's step. */
const SPLIT_STEP = 16;

/** Activations that are no piecewise linear function, by their number in the shaders; the derivative's is 4 more. */
const CURVES: Partial<Record<Activation, number>> = { gelu: 1, tanh: 2, sigmoid: 3, silu: 4 };

/** Whether a device can run a kernel, whatever the table prefers. */
export function canRun(device: Device, variant: Variant): boolean {
  const { features, info } = device;
  const needed = { subgroup8: 8, subgroup4: 4 }[variant as string] ?? 0;
  return needed === 0 || (features.subgroups && info.subgroupSize >= needed);
}

/** Records the product; nothing where C is empty. */
export function runMatmul(device: Device, matmul: Matmul): void {
  const { M, N, K, batch = 1 } = matmul;
  if (M * N * batch === 0) return;
  const kernel: Kernel = KERNELS[matmul.variant ?? choose(device, matmul)];
  const { groups, least } = SPLIT[device.info.isSoftware ? "software" : "gpu"];
  const wanted = matmul.splits ?? Math.min(Math.floor(groups / tiles(kernel, matmul)), Math.floor(K / least));
  const part = Math.ceil(K / Math.max(wanted, 1) / SPLIT_STEP) * SPLIT_STEP;
  if (part >= K) launch(device, kernel, matmul, 1, K);
  else runSplit(device, kernel, matmul, Math.ceil(K / part), part);
}

function choose(device: Device, matmul: Matmul): Variant {
  const fits = ({ on, fill, ...kernel }: Kernel) => on(device) && tiles(kernel, matmul) >= fill;
  return variants.find((name) => fits(KERNELS[name])) as Variant;
}

function tiles({ rows, cols }: { rows: number; cols: number }, { M, N, batch = 1 }: Matmul): number {
  return Math.ceil(M / rows) * Math.ceil(N / cols) * batch;
}

/** Each part of K into a matrix of its own, then their sum in a fixed order: no atomics, the same bits every time. */
function runSplit(device: Device, kernel: Kernel, matmul: Matmul, splits: number, part: number): void {
  const { accumulate, alpha, bias, biasGrad, activation, derivative, slope, saved, ...product } = matmul;
  const { M, N, batch = 1 } = matmul;
  const partial = empty(device, [splits, batch, M, N]);
  const sums = biasGrad && empty(device, [splits, M]);
  const parts = { ...product, c: partial.binding, ...(sums && { biasGrad: sums.binding }) };
  launch(device, kernel, parts, splits, part);
  reduce(device, { ...matmul, a: partial.binding }, splits);
  if (biasGrad && sums) {
    const total = { a: sums.binding, b: sums.binding, c: biasGrad, M: 1, N: M, K: 0, alpha, accumulate };
    reduce(device, total, splits);
    sums.dispose();
  }
  partial.dispose();
}

const REDUCE_GROUP = 64;

function reduce(device: Device, matmul: Matmul, splits: number): void {
  const { a, c, bias = a, saved = a, M, N, batch = 1 } = matmul;
  const args = { ...paramsOf(matmul, splits, 0), matrixA: a, matrixC: c, bias, saved };
  const overrides = { ...epilogueOf(matmul), WORKGROUP: REDUCE_GROUP };
  device.run(matmul_reduce, args, Math.ceil((M * N * batch) / REDUCE_GROUP), overrides);
}

function launch(device: Device, kernel: Kernel, matmul: Matmul, splits: number, part: number): void {
  const { a, b, c, bias = a, saved = a, biasGrad = spare(device) } = matmul;
  const args = { ...paramsOf(matmul, splits, part), matrixA: a, matrixB: b, matrixC: c, bias, saved, biasGrad };
  const overrides = { ...kernel.overrides, ...loadsOf(kernel, matmul), ...epilogueOf(matmul) };
  device.dispatch(device.kernelOf(kernel.shader, overrides), args, tiles(kernel, matmul) * splits);
}

function paramsOf(matmul: Matmul, splits: number, splitK: number) {
  const { M, N, K, transA, transB, batch = 1, strideA = M * K, strideB = K * N, alpha = 1, slope = 0.01 } = matmul;
  const { bias, saved, biasGrad, derivative, activation = derivative } = matmul;
  const a = { strideAm: transA ? 1 : K, strideAk: transA ? M : 1, batchStrideA: strideA };
  const b = { strideBk: transB ? 1 : N, strideBn: transB ? K : 1, batchStrideB: strideB };
  const flags = { hasBias: Number(!!bias), hasSaved: Number(!!saved), hasBiasGrad: Number(!!biasGrad) };
  const negative = activation === "relu" ? 0 : activation === "leakyRelu" ? slope : 1;
  return { M, N, K, ...a, ...b, batches: batch, splits, splitK, ...flags, alpha, slope: negative };
}

/** How the kernel loads. What is the shader's default is left out, so that as few pipelines as possible are made. */
function loadsOf(kernel: Kernel, { M, N, K, transA, transB, batch = 1, strideA = M * K, strideB = K * N }: Matmul) {
  const aligned = (length: number, stride: number) =>
    length > 0 && length % 4 === 0 && (batch === 1 || stride % 4 === 0);
  const vec4B = aligned(transB ? K : N, strideB) && (!transB || kernel.alongK !== "");
  const vec4A = kernel.alongK === "AB" && !transA && aligned(K, strideA);
  return {
    ...(vec4A && { A_VEC4: true }),
    ...(vec4B && { B_ROWS: transB ? 2 : 1 }),
    ...(K % kernel.step !== 0 && { K_TAIL: true }),
  };
}

function epilogueOf({ accumulate, derivative, activation = derivative ?? "none" }: Matmul) {
  const curve = CURVES[activation];
  return { ...(accumulate && { ACCUMULATE: true }), ...(curve && { EPILOGUE: curve + (derivative ? 4 : 0) }) };
}

const spares = new WeakMap<Device, BufferSlice>();

/** A buffer for the output that a product without `biasGrad` does not write. */
function spare(device: Device): BufferSlice {
  let slice = spares.get(device);
  if (!slice) {
    const buffer = device.outsideCapture(() => device.pool.acquire(16, "matmul"));
    buffer.home.uncount(buffer);
    slice = { buffer, offset: 0, size: 16 };
    spares.set(device, slice);
  }
  return slice;
}
