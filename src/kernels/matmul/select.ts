/** Selection of the matmul kernel: a table per kind of adapter, by the shape of the matmul. */
import { type Device, runtimeOf } from "../../gpu/device.ts";
import { adapters, launchPolicy } from "../../gpu/launch-policy.ts";
import type { RunArgs, Shader } from "../../gpu/shader.ts";
import {
  matmul_register,
  matmul_register_vec4,
  matmul_subgroup4,
  matmul_subgroup4_large_vec4,
  matmul_subgroup4_vec4,
  matmul_subgroup8,
  matmul_subgroup8_large_vec4,
  matmul_subgroup8_vec4,
  matmul_tile,
  matmul_tile_large,
  matmul_tile_large_vec4,
  matmul_tile_vec4,
} from "../../gpu/shaders.generated.ts";
import type { Choice } from "../../gpu/tuning.ts";
import { measuredChoice } from "./measured-costs.ts";

/** The shape of `op(A) op(B)`, row-major; op(A) is (M, K), op(B) is (K, N). */
export interface Product {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** A is stored as (K, M), B as (N, K). */
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Matrices in the batch; default 1. */
  readonly batch?: number;
  /** Elements from one matrix to the next; default dense, 0 repeats the same matrix. */
  readonly strideA?: number;
  readonly strideB?: number;
  /** Elements from one stored row of A and of B to the next; default dense. */
  readonly pitchA?: number;
  readonly pitchB?: number;
}

/** Any of the matmul kernels' shaders, and the arguments that fit each of them. */
type MatmulShader = (typeof kernels)[Variant]["shader" | "vec4"];
export type MatmulArgs = RunArgs<typeof matmul_register> & RunArgs<typeof matmul_subgroup8_large_vec4>;

export interface MatmulKernel<S = MatmulShader> {
  readonly shader: S;
  /** The variant that reads B as vec4, and along which sides of B it can. */
  readonly vec4: S;
  readonly vec4B: "n" | "nk";
  /** The tile of C that a workgroup makes. */
  readonly rows: number;
  readonly cols: number;
  /** Number of k that it stages at a time; those that stage nothing guard every load. */
  readonly staged?: number;
  /** Takes vec4 of A and B only and no tail of K (others are padded first): fast, but slow to compile. */
  readonly isLarge?: boolean;
  readonly overrides?: { readonly TILE: number };
  /** The adapters that it can run on, and those that it is for. */
  readonly supportedOn?: (device: Device) => boolean;
  readonly preferredOn: (device: Device) => boolean;
  /** Tiles and multiply-adds from which on it is worth while. */
  readonly minTiles?: number;
  readonly minWork?: number;
}

/** Multiply-adds that take a software adapter about as long as a hundredth of what compiling another kernel does. */
const LARGE = 2 ** 25;

/** Rows and columns of C from which on a padded copy of the operands is cheap beside the matmul. */
const WORTH_PADDING = 64;

/** The first line that fits is taken. Software adapters pay for every barrier; GPUs need enough workgroups to be busy. */
export const kernels = {
  subgroup8Large: {
    shader: matmul_subgroup8_large_vec4,
    vec4: matmul_subgroup8_large_vec4,
    vec4B: "nk",
    rows: 32,
    cols: 32,
    isLarge: true,
    supportedOn: adapters.subgroups(8),
    preferredOn: adapters.softwareSubgroups(8),
    minWork: LARGE,
  },
  subgroup8: {
    shader: matmul_subgroup8,
    vec4: matmul_subgroup8_vec4,
    vec4B: "nk",
    rows: 16,
    cols: 32,
    supportedOn: adapters.subgroups(8),
    preferredOn: adapters.softwareSubgroups(8),
  },
  subgroup4Large: {
    shader: matmul_subgroup4_large_vec4,
    vec4: matmul_subgroup4_large_vec4,
    vec4B: "nk",
    rows: 32,
    cols: 32,
    isLarge: true,
    supportedOn: adapters.subgroups(4),
    preferredOn: adapters.softwareSubgroups(4),
    minWork: LARGE,
  },
  subgroup4: {
    shader: matmul_subgroup4,
    vec4: matmul_subgroup4_vec4,
    vec4B: "nk",
    rows: 16,
    cols: 32,
    supportedOn: adapters.subgroups(4),
    preferredOn: adapters.softwareSubgroups(4),
  },
  register: {
    shader: matmul_register,
    vec4: matmul_register_vec4,
    vec4B: "nk",
    rows: 16,
    cols: 16,
    preferredOn: adapters.software,
  },
  tile128: {
    shader: matmul_tile_large,
    vec4: matmul_tile_large_vec4,
    vec4B: "n",
    rows: 128,
    cols: 128,
    staged: 8,
    preferredOn: adapters.gpu,
    minTiles: 128,
  },
  tile64: {
    shader: matmul_tile,
    vec4: matmul_tile_vec4,
    vec4B: "n",
    rows: 64,
    cols: 64,
    staged: 16,
    preferredOn: adapters.gpu,
    minTiles: 64,
  },
  tile32: {
    shader: matmul_tile,
    vec4: matmul_tile_vec4,
    vec4B: "n",
    rows: 32,
    cols: 32,
    staged: 8,
    overrides: { TILE: 32 },
    preferredOn: adapters.gpu,
  },
} as const satisfies Record<string, MatmulKernel<Shader>>;

export type Variant = keyof typeof kernels;
export const variants = Object.keys(kernels) as Variant[];

/** A kernel, and into how many parts it cuts K where that is not left to its launch. */
export interface MatmulChoice {
  readonly variant: Variant;
  readonly splits?: number;
}

/** True if a device can run a kernel on such a matmul, whatever the table prefers. */
export function canRun(device: Device, variant: Variant, product: Product): boolean {
  const { supportedOn, isLarge }: MatmulKernel = kernels[variant];
  return (!supportedOn || supportedOn(device)) && (!isLarge || isAligned(product) || canPad(product));
}

/** The kernel that was measured to be the fastest for a matmul, else the one that the table names. */
export function choose(device: Device, product: Product): MatmulChoice {
  const { tuning } = runtimeOf(device);
  if (tuning.isActive) {
    const measured = tuning.lookUp(matmulShapeKey(product), () => shapeOf(product));
    if (measured && isKnown(measured) && canRun(device, measured.variant, product)) return measured;
  }
  return tableChoice(device, product);
}

/** The kernel by the measured costs of such GPUs, else the one that the table names. */
export function tableChoice(device: Device, product: Product): MatmulChoice {
  const measured = measuredChoice(
    device.info,
    product,
    () => candidates(device, product),
    (variant) => kernels[variant],
  );
  if (measured) return measured;
  const { M, N, K, batch = 1 } = product;
  const fits = (variant: Variant) => {
    const { preferredOn, minTiles = 0, minWork = 0, ...kernel }: MatmulKernel = kernels[variant];
    const isWorth = tiles(kernel, product) >= minTiles && M * N * K * batch >= minWork;
    const isReadOften = !kernel.isLarge || isAligned(product) || Math.min(M, N) >= WORTH_PADDING;
    return preferredOn(device) && canRun(device, variant, product) && isWorth && isReadOften;
  };
  return { variant: variants.find(fits) as Variant };
}

/** Another program, or a later version's rows, may have written what was remembered. */
const isKnown = (choice: Choice): choice is MatmulChoice =>
  Object.hasOwn(kernels, choice.variant) && (choice.splits === undefined || choice.splits <= Math.max(...SPLITS));

/** The shape alone: a matmul in use also holds its buffers. */
function shapeOf({
  M,
  N,
  K,
  transA = false,
  transB = false,
  batch = 1,
  strideA = M * K,
  strideB = K * N,
}: Product): Product {
  return { M, N, K, transA, transB, batch, strideA, strideB };
}

/** Names a product in what is remembered: the shape, and which operands are stored transposed or repeated (`*`). */
export function matmulShapeKey({ M, N, K, transA, transB, batch = 1, strideA, strideB }: Product): string {
  const letter = (trans: boolean | undefined, stride: number | undefined) =>
    (trans ? "t" : "n") + (batch > 1 && stride === 0 ? "*" : "");
  return `matmul ${batch > 1 ? `${batch}x` : ""}${M}x${K}x${N} ${letter(transA, strideA)}${letter(transB, strideB)}`;
}

/** On real GPUs, into how many parts K may be cut besides what is usual. */
const SPLITS = [1, 4, 16];
const LEAST_PART = 64;

/** The choices that tune() compares: every kernel meant for such an adapter, on GPUs with several split-Ks. */
export function candidates(device: Device, product: Product): MatmulChoice[] {
  const able = variants.filter((variant) => kernels[variant].preferredOn(device) && canRun(device, variant, product));
  if (!launchPolicy(device).tunesSplits) return able.map((variant) => ({ variant }));
  const splits = SPLITS.filter((parts) => parts === 1 || product.K / parts >= LEAST_PART);
  return able.flatMap((variant) => splits.map((parts) => ({ variant, splits: parts })));
}

/** Number of a kernel's tiles that cover C. */
export function tiles({ rows, cols }: { rows: number; cols: number }, { M, N, batch = 1 }: Product): number {
  return Math.ceil(M / rows) * Math.ceil(N / cols) * batch;
}

/** The kernel's program for how B lies. */
export function programOf({ shader, vec4, vec4B }: MatmulKernel, product: Product): MatmulShader {
  return vec4B.includes(product.transB ? "k" : "n") && vectorsB(product) ? vec4 : shader;
}

/** True if A is read along M, its contiguous side. */
export const isTransposedA = ({ transA }: Product): boolean => transA === true;

const ofFour = (length: number, batch: number, stride: number): boolean =>
  length > 0 && length % 4 === 0 && (batch === 1 || stride % 4 === 0);

/** True if the contiguous side of B is a multiple of four. */
function vectorsB({ N, K, transB, batch = 1, strideB = K * N }: Product): boolean {
  return ofFour(transB ? K : N, batch, strideB);
}

/** More elements than this are not copied: the copies would not fit where their originals just did. */
const MOST_PADDED = 2 ** 24;

function canPad({ M, N, K, batch = 1 }: Product): boolean {
  return K > 0 && Math.max(M, N) * K * batch <= MOST_PADDED;
}

/** True if every contiguous side, and K, is a multiple of 4. */
export function isAligned(product: Product): boolean {
  const { M, K, transA, batch = 1, strideA = M * K } = product;
  return K % 4 === 0 && ofFour(transA ? M : K, batch, strideA) && vectorsB(product);
}
