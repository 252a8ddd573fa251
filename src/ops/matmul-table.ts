/** Which matmul kernel runs where: a table per kind of adapter, by the shape of the product. */
import type { Device } from "../gpu/device.ts";
import type { Shader } from "../gpu/shader.ts";
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
} from "../gpu/shaders.generated.ts";

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
}

export interface Kernel {
  readonly shader: Shader;
  /** Its twin that reads B as vec4, and along which sides of B it can. */
  readonly vec4: Shader;
  readonly vec4B: "n" | "nk";
  /** The tile of C that a workgroup makes. */
  readonly rows: number;
  readonly cols: number;
  /** How many k it stages at a time; those that stage nothing guard every load. */
  readonly staged?: number;
  /** Takes vec4 of A and B only and no tail of K: fast, but slow to compile. */
  readonly isLarge?: boolean;
  readonly overrides?: { readonly TILE: number };
  /** The adapters that it can run on, and those that it is for. */
  readonly runs?: (device: Device) => boolean;
  readonly on: (device: Device) => boolean;
  /** How many tiles, and how many multiply-adds, there must be for it to be worth while. */
  readonly fill?: number;
  readonly least?: number;
}

const lanes = (width: number) => (device: Device) => device.features.subgroups && device.info.subgroupSize >= width;
const software = ({ info }: Device): boolean => info.isSoftware;
const softwareLanes = (width: number) => (device: Device) => software(device) && lanes(width)(device);
const gpu = ({ info }: Device): boolean => !info.isSoftware;

/** Multiply-adds that take a software adapter about as long as a hundredth of what compiling another kernel does. */
const LARGE = 2 ** 25;

/** The first line that fits is taken. Software adapters pay for every barrier; GPUs need enough workgroups to be busy. */
export const kernels = {
  large8: {
    shader: matmul_subgroup8_large_vec4,
    vec4: matmul_subgroup8_large_vec4,
    vec4B: "nk",
    rows: 32,
    cols: 32,
    isLarge: true,
    runs: lanes(8),
    on: softwareLanes(8),
    least: LARGE,
  },
  subgroup8: {
    shader: matmul_subgroup8,
    vec4: matmul_subgroup8_vec4,
    vec4B: "nk",
    rows: 16,
    cols: 32,
    runs: lanes(8),
    on: softwareLanes(8),
  },
  large4: {
    shader: matmul_subgroup4_large_vec4,
    vec4: matmul_subgroup4_large_vec4,
    vec4B: "nk",
    rows: 32,
    cols: 32,
    isLarge: true,
    runs: lanes(4),
    on: softwareLanes(4),
    least: LARGE,
  },
  subgroup4: {
    shader: matmul_subgroup4,
    vec4: matmul_subgroup4_vec4,
    vec4B: "nk",
    rows: 16,
    cols: 32,
    runs: lanes(4),
    on: softwareLanes(4),
  },
  register: {
    shader: matmul_register,
    vec4: matmul_register_vec4,
    vec4B: "nk",
    rows: 16,
    cols: 16,
    on: software,
  },
  tile128: {
    shader: matmul_tile_large,
    vec4: matmul_tile_large_vec4,
    vec4B: "n",
    rows: 128,
    cols: 128,
    staged: 8,
    on: gpu,
    fill: 128,
  },
  tile64: {
    shader: matmul_tile,
    vec4: matmul_tile_vec4,
    vec4B: "n",
    rows: 64,
    cols: 64,
    staged: 16,
    on: gpu,
    fill: 64,
  },
  tile32: {
    shader: matmul_tile,
    vec4: matmul_tile_vec4,
    vec4B: "n",
    rows: 32,
    cols: 32,
    staged: 8,
    overrides: { TILE: 32 },
    on: gpu,
  },
} as const satisfies Record<string, Kernel>;

export type Variant = keyof typeof kernels;
export const variants = Object.keys(kernels) as Variant[];

/** Whether a device can run a kernel on such a product, whatever the table prefers. */
export function canRun(device: Device, variant: Variant, product: Product): boolean {
  const { runs, isLarge }: Kernel = kernels[variant];
  return (!runs || runs(device)) && (!isLarge || isAligned(product));
}

/** The kernel that the table names for a product. */
export function choose(device: Device, product: Product): Variant {
  const { M, N, K, batch = 1 } = product;
  const fits = (variant: Variant) => {
    const { on, fill = 0, least = 0, ...kernel }: Kernel = kernels[variant];
    return (
      on(device) && canRun(device, variant, product) && tiles(kernel, product) >= fill && M * N * K * batch >= least
    );
  };
  return variants.find(fits) as Variant;
}

/** How many tiles of a kernel cover C. */
export function tiles({ rows, cols }: { rows: number; cols: number }, { M, N, batch = 1 }: Product): number {
  return Math.ceil(M / rows) * Math.ceil(N / cols) * batch;
}

/** The kernel's program for how B lies. */
export function programOf({ shader, vec4, vec4B }: Kernel, product: Product): Shader {
  return vec4B.includes(product.transB ? "k" : "n") && vectorsB(product) ? vec4 : shader;
}

/** Whether A is read along M, its contiguous side. */
export const isTurned = ({ transA }: Product): boolean => transA === true;

const ofFour = (length: number, batch: number, stride: number): boolean =>
  length > 0 && length % 4 === 0 && (batch === 1 || stride % 4 === 0);

/** Whether the contiguous side of B is a multiple of four. */
function vectorsB({ N, K, transB, batch = 1, strideB = K * N }: Product): boolean {
  return ofFour(transB ? K : N, batch, strideB);
}

function isAligned(product: Product): boolean {
  const { M, K, transA, batch = 1, strideA = M * K } = product;
  return K % 4 === 0 && ofFour(transA ? M : K, batch, strideA) && vectorsB(product);
}
