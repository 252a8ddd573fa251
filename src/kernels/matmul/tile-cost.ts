/** Estimated cost of a tiled matmul on a GPU: padded work, waves of workgroups, parts of K. */
import type { Product } from "./product.ts";

/** A workgroup's tile of C. */
export interface Tile {
  readonly rows: number;
  readonly cols: number;
  /** Multiply-adds that it makes in the time in which the largest tile makes one: more reuse of what was read is faster. */
  readonly rate: number;
  readonly invocations: number;
}

/** The properties of a GPU that the estimates need. */
export interface GpuSize {
  /** Cores: streaming multiprocessors, compute units, Xe cores. */
  readonly cores: number;
}

/** Invocations per core from which on waits are hidden by others' work. */
const BUSY_INVOCATIONS = 128;
/** Tiles that a core works on at a time at most, by the workgroup memory that they take. */
const TILES_AT_A_TIME = 4;
/** Costs in multiply-adds of one core: writing and reading a partial result; the dispatch that adds them up, per part too. */
const PER_PARTIAL = 64;
const SECOND_DISPATCH = 2 ** 19;
const PER_PART = 2 ** 13;

/** The part of a tile's multiply-adds that are of use, the rest being past the edges of C. */
export function usefulShare({ rows, cols }: Pick<Tile, "rows" | "cols">, { M, N }: Product): number {
  return (M * N) / (Math.ceil(M / rows) * rows * Math.ceil(N / cols) * cols);
}

/** The time of a product with K in `splits` parts, in multiply-adds of one core at full speed. */
export function tileCost(tile: Tile, product: Product, splits: number, { cores }: GpuSize): number {
  const { M, N, K, batch = 1 } = product;
  const groups = Math.ceil(M / tile.rows) * Math.ceil(N / tile.cols) * batch * splits;
  const perCore = Math.ceil(groups / cores);
  const busy = Math.min(1, (Math.min(perCore, TILES_AT_A_TIME) * tile.invocations) / BUSY_INVOCATIONS);
  const work = (perCore * tile.rows * tile.cols * Math.ceil(K / splits)) / (tile.rate * busy);
  const partials =
    splits === 1 ? 0 : SECOND_DISPATCH + splits * PER_PART + (splits * M * N * batch * PER_PARTIAL) / cores;
  return work + partials;
}

/** Into how many parts K may be cut on a GPU, and the shortest that is worth one. */
const SPLITS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const LEAST_PART = 32;
/** Partial results of all parts are no more elements than this. */
const MOST_PARTIALS = 2 ** 22;

export const splitsOf = ({ M, N, K, batch = 1 }: Product): number[] =>
  SPLITS.filter((parts) => parts === 1 || (K / parts >= LEAST_PART && parts * M * N * batch <= MOST_PARTIALS));

/** Every tile with every number of parts of K, the cheapest first. */
export function ranked<V extends string>(
  tiles: readonly (readonly [V, Tile])[],
  product: Product,
  gpu: GpuSize,
): { variant: V; splits: number }[] {
  const costed = tiles.flatMap(([variant, tile]) =>
    splitsOf(product).map((splits) => ({ variant, splits, cost: tileCost(tile, product, splits, gpu) })),
  );
  return costed.sort((a, b) => a.cost - b.cost).map(({ variant, splits }) => ({ variant, splits }));
}
