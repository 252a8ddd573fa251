/** Selection of the matmul kernel: a table per kind of adapter, by the shape of the matmul. */
import { type Device, runtimeOf } from "../../gpu/device.ts";
import { adapters, gpuCores, launchPolicy } from "../../gpu/launch-policy.ts";
import type { RunArgs, Shader } from "../../gpu/shader.ts";
import {
  matmul_register,
  matmul_register_half,
  matmul_register_vec4,
  matmul_register_vec4_half,
  matmul_subgroup4,
  matmul_subgroup4_half,
  matmul_subgroup4_large_vec4,
  matmul_subgroup4_large_vec4_half,
  matmul_subgroup4_vec4,
  matmul_subgroup4_vec4_half,
  matmul_subgroup8,
  matmul_subgroup8_half,
  matmul_subgroup8_large_vec4,
  matmul_subgroup8_large_vec4_half,
  matmul_subgroup8_vec4,
  matmul_subgroup8_vec4_half,
  matmul_tile,
  matmul_tile_half,
  matmul_tile_large,
  matmul_tile_large_half,
  matmul_tile_large_vec4,
  matmul_tile_large_vec4_half,
  matmul_tile_vec4,
  matmul_tile_vec4_half,
  matmul_vector,
  matmul_vector_half,
} from "../../gpu/shaders.generated.ts";
import type { Choice } from "../../gpu/tuning.ts";
import { measuredChoice } from "./measured-costs.ts";
import type { Product } from "./product.ts";
import { ranked, type Tile } from "./tile-cost.ts";

/** Any of the matmul kernels' shaders, and the arguments that fit each of them. */
type MatmulShader = (typeof kernels)[Variant]["shader" | "vec4"] | (typeof kernels)[Variant]["half"]["shader" | "vec4"];
export type MatmulArgs = RunArgs<typeof matmul_register> &
  RunArgs<typeof matmul_subgroup8_large_vec4> &
  RunArgs<typeof matmul_vector>;

export interface MatmulKernel<S = MatmulShader> {
  readonly shader: S;
  /** The variant that reads B as vec4, and along which sides of B it can. */
  readonly vec4: S;
  /** Both, of f16: all that they bind. */
  readonly half: { readonly shader: S; readonly vec4: S };
  readonly vec4B: "n" | "k" | "nk";
  /** The tile of C that a workgroup makes. */
  readonly rows: number;
  readonly cols: number;
  /** Number of k that it stages at a time; those that stage nothing guard every load. */
  readonly staged?: number;
  /** Takes vec4 of A and B only and no tail of K (others are padded first): fast, but slow to compile. */
  readonly isLarge?: boolean;
  readonly overrides?:
    | Readonly<Record<"ROWS" | "COLS", number>>
    | Readonly<Record<"ROWS" | "GROUPS" | "WORKGROUP", number>>;
  /** Takes products of at most `rows` rows with both sides contiguous along K only, K a multiple of 4: bound by B's bandwidth. */
  readonly isVector?: boolean;
  /** The adapters that it can run on, and those that it is for. */
  readonly supportedOn?: (device: Device) => boolean;
  readonly preferredOn: (device: Device) => boolean;
  /** For the tiles among which the estimate of tile-cost.ts decides. */
  readonly rate?: number;
  readonly invocations?: number;
  /** Multiply-adds from which on it is worth while. */
  readonly minWork?: number;
}

/** Multiply-adds that take a software adapter about as long as a hundredth of what compiling another kernel does. */
const LARGE = 2 ** 25;

/** Rows and columns of C from which on a padded copy of the operands is cheap beside the matmul. */
const WORTH_PADDING = 64;

/** matmul_vector for up to `rows` rows, `groups` times four columns per workgroup. */
function vectorKernel(rows: 1 | 4 | 8, adapter: "software" | "gpu") {
  const launch = adapter === "gpu" ? { GROUPS: 1, WORKGROUP: 32 } : { GROUPS: 4, WORKGROUP: 8 };
  return {
    shader: matmul_vector,
    vec4: matmul_vector,
    half: { shader: matmul_vector_half, vec4: matmul_vector_half },
    vec4B: "k",
    rows,
    cols: 4 * launch.GROUPS,
    isVector: true,
    overrides: { ROWS: rows, ...launch },
    preferredOn: adapters[adapter],
  } as const;
}

/** matmul_tile with tiles of `rows` x `cols`. Narrow ones are for few rows: 64 columns are a row of memory that is read whole. */
function tileKernel(rows: number, cols: number, rate: number) {
  return {
    shader: matmul_tile,
    vec4: matmul_tile_vec4,
    half: { shader: matmul_tile_half, vec4: matmul_tile_vec4_half },
    vec4B: "n",
    rows,
    cols,
    staged: cols / 4,
    rate,
    invocations: (rows * cols) / 16,
    // What is the shader's default is left out.
    ...(rows * cols !== 4096 && { overrides: { ROWS: rows, COLS: cols } }),
    preferredOn: adapters.gpu,
  } as const;
}

/** The first line that fits is taken, among the tiles of GPUs the cheapest. Software adapters pay for every barrier. */
export const kernels = {
  vector: vectorKernel(1, "software"),
  gpuVector1: vectorKernel(1, "gpu"),
  gpuVector4: vectorKernel(4, "gpu"),
  gpuVector8: vectorKernel(8, "gpu"),
  subgroup8Large: {
    shader: matmul_subgroup8_large_vec4,
    vec4: matmul_subgroup8_large_vec4,
    half: { shader: matmul_subgroup8_large_vec4_half, vec4: matmul_subgroup8_large_vec4_half },
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
    half: { shader: matmul_subgroup8_half, vec4: matmul_subgroup8_vec4_half },
    vec4B: "nk",
    rows: 16,
    cols: 32,
    supportedOn: adapters.subgroups(8),
    preferredOn: adapters.softwareSubgroups(8),
  },
  subgroup4Large: {
    shader: matmul_subgroup4_large_vec4,
    vec4: matmul_subgroup4_large_vec4,
    half: { shader: matmul_subgroup4_large_vec4_half, vec4: matmul_subgroup4_large_vec4_half },
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
    half: { shader: matmul_subgroup4_half, vec4: matmul_subgroup4_vec4_half },
    vec4B: "nk",
    rows: 16,
    cols: 32,
    supportedOn: adapters.subgroups(4),
    preferredOn: adapters.softwareSubgroups(4),
  },
  register: {
    shader: matmul_register,
    vec4: matmul_register_vec4,
    half: { shader: matmul_register_half, vec4: matmul_register_vec4_half },
    vec4B: "nk",
    rows: 16,
    cols: 16,
    preferredOn: adapters.software,
  },
  tile128: {
    shader: matmul_tile_large,
    vec4: matmul_tile_large_vec4,
    half: { shader: matmul_tile_large_half, vec4: matmul_tile_large_vec4_half },
    vec4B: "n",
    rows: 128,
    cols: 128,
    staged: 8,
    preferredOn: adapters.gpu,
    rate: 1,
    invocations: 256,
  },
  tile64: tileKernel(64, 64, 0.75),
  tile32x64: tileKernel(32, 64, 0.65),
  tile16x64: tileKernel(16, 64, 0.5),
  tile32: tileKernel(32, 32, 0.5),
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
  const { supportedOn, isLarge, isVector, rows }: MatmulKernel = kernels[variant];
  if (isVector) return product.M <= rows && isAlongK(product);
  return (
    (!supportedOn || supportedOn(device)) && (!isLarge || isAligned(product) || (!product.half && canPad(product)))
  );
}

/** The kernel that was measured to be the fastest for a matmul, else the one that the table names. */
export function choose(device: Device, product: Product): MatmulChoice {
  const { tuning } = runtimeOf(device);
  if (tuning.isActive && !product.half) {
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
    const { preferredOn, minWork = 0, ...kernel }: MatmulKernel = kernels[variant];
    const isWorth = M * N * K * batch >= minWork;
    const isReadOften = !kernel.isLarge || isAligned(product) || Math.min(M, N) >= WORTH_PADDING;
    return preferredOn(device) && canRun(device, variant, product) && isWorth && isReadOften;
  };
  const variant = variants.find(fits) as Variant;
  return "rate" in kernels[variant] ? chooseTile(product, gpuCores(device)) : { variant };
}

/** Every tile of GPUs, for the estimate. */
export const gpuTiles: readonly (readonly [Variant, Tile])[] = variants.flatMap((variant) => {
  const kernel: MatmulKernel = kernels[variant];
  const { rate, invocations, rows, cols } = kernel;
  return rate && invocations ? [[variant, { rows, cols, rate, invocations }] as const] : [];
});

/** The tile of a GPU with this many cores, and the parts of K, that are estimated to cost least. */
export const chooseTile = (product: Product, cores: number): MatmulChoice =>
  ranked(gpuTiles, product, { cores })[0] ?? { variant: "tile32" };

/** Another program, or a later version's rows, may have written what was remembered. */
const isKnown = (choice: Choice): choice is MatmulChoice =>
  Object.hasOwn(kernels, choice.variant) && (choice.splits === undefined || choice.splits <= MOST_SPLITS);

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

const MOST_SPLITS = 256;
const MOST_CANDIDATES = 12;

/** The choices that tune() compares: every kernel meant for such an adapter, on GPUs those estimated to cost least. */
export function candidates(device: Device, product: Product): MatmulChoice[] {
  const able = variants.filter((variant) => kernels[variant].preferredOn(device) && canRun(device, variant, product));
  const untiled = able.filter((variant) => !("rate" in kernels[variant])).map((variant) => ({ variant }));
  if (!launchPolicy(device).tunesSplits) return untiled;
  const tiled = ranked(gpuTiles, product, { cores: gpuCores(device) });
  return [...untiled, ...tiled.slice(0, MOST_CANDIDATES)];
}

/** True if a kernel sums such a product of f16 in one go: partial results are f32, and longer ones are cast before. */
export function readsHalf(device: Device, product: Product): boolean {
  if (product.K > LONGEST_SUM) return false;
  const { variant, splits } = choose(device, { ...product, half: true });
  const { groups, minPart } = launchPolicy(device).splitK;
  return (splits ?? Math.min(groups / tiles(kernels[variant], product), product.K / minPart)) < 2;
}

/** Terms that a kernel adds up one after another at most: rounding errors grow with their number. */
export const LONGEST_SUM = 4096;

/** Number of a kernel's tiles that cover C. */
export function tiles({ rows, cols }: { rows: number; cols: number }, { M, N, batch = 1 }: Product): number {
  return Math.ceil(M / rows) * Math.ceil(N / cols) * batch;
}

/** The kernel's program for how B lies. */
export function programOf({ vec4B, half, ...single }: MatmulKernel, product: Product): MatmulShader {
  const { shader, vec4 } = product.half ? half : single;
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

/** True if both operands are read along K, and K is a multiple of 4. */
const isAlongK = (product: Product): boolean => !product.transA && product.transB === true && isAligned(product);

/** True if every contiguous side, and K, is a multiple of 4. */
export function isAligned(product: Product): boolean {
  const { M, K, transA, batch = 1, strideA = M * K } = product;
  return K % 4 === 0 && ofFour(transA ? M : K, batch, strideA) && vectorsB(product);
}
