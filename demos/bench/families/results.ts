/** Results of the families, and what they say: ratios, aims met or missed. */
import type { AdapterKind } from "../../../src/gpu/adapter/adapter.ts";
import { brief, type Spread } from "../stats.ts";
import { FAMILY_AIMS } from "./aims.ts";
import type { FamilyCounts } from "./child.ts";
import type { FamilyLibraryName } from "./library.ts";

export interface Measured {
  /** Milliseconds of a training step. */
  step: Spread;
  /** Milliseconds from input to output on the host, by batch. */
  infer: Record<number, Spread>;
  /** Milliseconds from the import of the library to the loss of the first step, in a fresh process. */
  cold?: Spread;
  /** Peak memory of that process. */
  memory?: Spread;
  counts?: FamilyCounts;
  /** The first losses. */
  losses: number[];
}

export type FamilyOutcome = Measured | { failed: string };
export type FamilyOutcomes = Partial<Record<FamilyLibraryName, FamilyOutcome>>;

export interface FamilyResult {
  name: string;
  title: string;
  tolerance: number;
  outcomes: FamilyOutcomes;
}

export interface FamiliesResult {
  date: string;
  adapter: string;
  kind: AdapterKind;
  machine: string;
  node: string;
  /** Versions, and what the libraries run on where it isn't the adapter. */
  versions: Partial<Record<FamilyLibraryName, string>>;
  /** Libraries that took no part, and why. */
  skipped: string[];
  quick: boolean;
  families: FamilyResult[];
}

export interface Ratio {
  value: number;
  low: number;
  high: number;
  peer: FamilyLibraryName;
}

export const measuredIn = (outcome: FamilyOutcome | undefined): Measured | undefined =>
  outcome && "step" in outcome ? outcome : undefined;

/** Time of the fastest of `peers` over ours. */
export function ratioTo(outcomes: FamilyOutcomes, peers: readonly FamilyLibraryName[]): Ratio | undefined {
  const ours = measuredIn(outcomes.gradwell)?.step;
  if (!ours) return undefined;
  const ratios = peers.flatMap((peer): Ratio[] => {
    const step = measuredIn(outcomes[peer])?.step;
    if (!step) return [];
    return [{ value: step.median / ours.median, low: step.low / ours.high, high: step.high / ours.low, peer }];
  });
  return ratios.sort((a, b) => a.value - b.value)[0];
}

export const WEBGPU_PEERS = ["tfjs-webgpu", "jax-webgpu"] as const;

/** The aims of a family and whether they are met; none off lavapipe, for which they were set. */
export function verdictsOf({ name, outcomes }: FamilyResult, kind: AdapterKind): string[] {
  const aims = FAMILY_AIMS[name];
  const ours = measuredIn(outcomes.gradwell);
  if (!aims || !ours || kind !== "lavapipe") return [];
  const said = (aim: string, met: boolean) => `${aim} ${met ? "met" : "MISSED"}`;
  const [webgpu, torch] = [ratioTo(outcomes, WEBGPU_PEERS), ratioTo(outcomes, ["torch-cpu"])];
  return [
    ...(webgpu ? [said(`WebGPU ≥ ${aims.webgpu}x`, webgpu.value >= aims.webgpu)] : []),
    ...(torch ? [said(`PyTorch ≥ ${aims.torch}x`, torch.value >= aims.torch)] : []),
    ...(ours.cold ? [said(`cold ≤ ${brief(aims.coldMs)} ms`, ours.cold.median <= aims.coldMs)] : []),
    ...(ours.counts ? [said(`≤ ${aims.dispatches} dispatches`, ours.counts.dispatches <= aims.dispatches)] : []),
  ];
}
