/** Measured costs of matmuls on GPUs: a cost per kernel and split by architecture, and the shapes it misjudges. */
import type { ArchitectureCosts, LinearCost } from "./cost-table.ts";
import { gpuCosts } from "./gpu-costs.generated.ts";

interface Shape {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly batch?: number;
}

interface Tile {
  readonly rows: number;
  readonly cols: number;
  readonly staged?: number;
}

interface Choice<V extends string> {
  readonly variant: V;
  readonly splits?: number;
}

export const shapeName = ({ M, N, K, transA = false, transB = false, batch = 1 }: Shape): string =>
  `${batch}x${M}x${K}x${N} ${transA ? "t" : "n"}${transB ? "t" : "n"}`;

export const choiceName = ({ variant, splits = 0 }: Choice<string>): string => `${variant}/${splits}`;

/** Vendor and architecture as WebGPU names them: the class of GPUs that a measurement stands for. */
export const architectureName = (info: { readonly vendor?: string; readonly architecture?: string }): string =>
  `${info.vendor ?? ""} ${info.architecture ?? ""}`.trim();

/** Multiply-adds with those on padding, in 10^9, and the MB that tiles read and write. */
export function costFeatures(tile: Tile, { M, N, K, batch = 1 }: Shape, splits: number): [work: number, bytes: number] {
  const { rows, cols, staged = 1 } = tile;
  const tiles = Math.ceil(M / rows) * Math.ceil(N / cols) * batch;
  const depth = Math.ceil(K / staged) * staged;
  const partials = splits > 1 ? 2 * splits : 0;
  const elements = tiles * (rows + cols) * depth + M * N * batch * (1 + partials);
  return [(tiles * rows * cols * depth) / 1e9, (4 * elements) / 1e6];
}

export function costOf([fixed, perWork, perByte]: LinearCost, [work, bytes]: readonly [number, number]): number {
  return fixed + work * perWork + bytes * perByte;
}

/** The fastest of `choices` by what was measured on such GPUs; undefined where nothing was. */
export function measuredChoice<V extends string>(
  info: { readonly vendor?: string; readonly architecture?: string },
  product: Shape,
  choices: () => readonly Choice<V>[],
  tileOf: (variant: V) => Tile,
  table: Readonly<Record<string, ArchitectureCosts>> = gpuCosts,
): Choice<V> | undefined {
  const known = table[architectureName(info)];
  if (!known) return undefined;
  const exception = known.exceptions[shapeName(product)];
  let best: Choice<V> | undefined;
  let least = Infinity;
  for (const choice of choices()) {
    const name = choiceName(choice);
    if (name === exception) return choice;
    const cost = known.costs[name];
    if (!cost) continue;
    const time = costOf(cost, costFeatures(tileOf(choice.variant), product, choice.splits ?? 1));
    if (time < least) [best, least] = [choice, time];
  }
  return best;
}
