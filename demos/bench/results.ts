/** Evaluation of the numbers: ratios, percent of the limits, aims met or missed. */
import type { AdapterKind } from "../../src/gpu/adapter/adapter.ts";
import type { AdapterLimits } from "../../src/gpu/roofline.ts";
import { type Case, STEP_AIMS } from "./cases.ts";
import type { Counts } from "./counting.ts";
import type { LibraryName } from "./library.ts";
import type { Outcome, Outcomes } from "./measure.ts";
import { brief, type Spread } from "./stats.ts";
import { costOf } from "./work.ts";

export interface Verdict {
  aim: string;
  met: boolean;
}

export interface CaseResult {
  id: string;
  title: string;
  unit: Case["unit"];
  outcomes: Outcomes;
  /** Time of the best WebGPU peer over ours; low and high from the quartiles. */
  ratio?: { value: number; low: number; high: number; peer: LibraryName };
  gflops?: number;
  gbps?: number;
  /** Percent of the nearer of both limits, as measured on this adapter. */
  percentOfLimit?: number;
  verdicts: Verdict[];
}

export interface BenchResult {
  date: string;
  adapter: string;
  kind: AdapterKind;
  machine: string;
  node: string;
  versions: Partial<Record<LibraryName, string>>;
  quick: boolean;
  limits: AdapterLimits;
  cases: CaseResult[];
}

export function spreadIn(outcome: Outcome | undefined): Spread | undefined {
  return outcome && "spread" in outcome ? outcome.spread : undefined;
}

export function judge(one: Case, outcomes: Outcomes, kind: AdapterKind, limits: AdapterLimits): CaseResult {
  const { id, title, unit } = one;
  const result: CaseResult = { id, title, unit, outcomes, verdicts: [] };
  const ours = spreadIn(outcomes.gradwell);
  if (!ours) return { ...result, verdicts: [{ aim: "gives a result", met: false }] };
  const ratio = ratioTo(ours, outcomes, "webgpu");
  if (ratio) result.ratio = ratio;
  if (one.work && unit === "ms") Object.assign(result, rates(one, ours.median, limits));
  result.verdicts = verdicts(one, result, ours, kind);
  return result;
}

function ratioTo(ours: Spread, outcomes: Outcomes, backend: "webgpu" | "wasm"): CaseResult["ratio"] {
  let best: { peer: LibraryName; spread: Spread } | undefined;
  for (const [name, outcome] of Object.entries(outcomes)) {
    const spread = spreadIn(outcome);
    if (!name.endsWith(backend) || !spread || (best && best.spread.median <= spread.median)) continue;
    best = { peer: name as LibraryName, spread };
  }
  if (!best) return undefined;
  const { peer, spread } = best;
  return { value: spread.median / ours.median, low: spread.low / ours.high, high: spread.high / ours.low, peer };
}

function rates(one: Case, ms: number, limits: AdapterLimits): Pick<CaseResult, "gflops" | "gbps" | "percentOfLimit"> {
  const { flops, bytes } = costOf(one.work as NonNullable<Case["work"]>);
  const [gflops, gbps] = [flops / ms / 1e6, bytes / ms / 1e6];
  const percentOfLimit = 100 * Math.max(gflops / limits.gflops, gbps / limits.gbps);
  return { ...(flops > 0 && { gflops }), gbps, percentOfLimit };
}

function verdicts({ aims, unit }: Case, result: CaseResult, ours: Spread, kind: AdapterKind): Verdict[] {
  const found: Verdict[] = [];
  const [ratio, atMost, percent] = [aims.ratio?.[kind], aims.atMost?.[kind], aims.percent?.[kind]];
  if (ratio !== undefined && result.ratio) found.push({ aim: `≥ ${ratio}x`, met: result.ratio.value >= ratio });
  if (atMost !== undefined) found.push({ aim: `≤ ${atMost} ${unit}`, met: ours.median <= atMost });
  if (percent !== undefined && result.percentOfLimit !== undefined) {
    found.push({ aim: `≥ ${percent} % of limit`, met: result.percentOfLimit >= percent });
  }
  const wasm = ratioTo(ours, result.outcomes, "wasm");
  if (aims.noSlowerThanWasm?.includes(kind) && wasm) {
    found.push({ aim: `no slower than ${wasm.peer} (${brief(wasm.value)}x)`, met: wasm.value >= 1 });
  }
  const counts = countsIn(result.outcomes.gradwell);
  if (counts && result.id === "mlp") {
    const { dispatches, submits } = STEP_AIMS;
    const met = counts.dispatches <= dispatches && counts.submits <= submits;
    found.push({ aim: `≤ ${dispatches} dispatches, ${submits} submit`, met });
  }
  return found;
}

export function countsIn(outcome: Outcome | undefined): Counts | undefined {
  return outcome && "counts" in outcome ? outcome.counts : undefined;
}
