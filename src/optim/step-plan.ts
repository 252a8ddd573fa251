/** The dispatches of one step: which pieces of flat storage each goes through, and which rows of numbers it needs. */

import type { ComputeKernel, KernelArgs } from "../gpu/compute-kernel.ts";
import type { Device } from "../gpu/device.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { eachPiece, makeTable, pieceGroups, pieceWorkgroup } from "./chunk-table.ts";
import { gradPlace, valuePlace } from "./flat-params.ts";
import type { BaseOptions, OptimizerSpec, ParamGroup } from "./optimizer-spec.ts";
import type { Slot } from "./state-buffers.ts";

/** Rows of two vectors that the kernels' params hold. */
const ROWS = 16;
const ROW_NUMBERS = 8;

export interface Launch {
  readonly kernel: ComputeKernel;
  readonly groups: number;
  readonly args: KernelArgs;
  /** Numbers of the rows, part of `args`: written anew in every step. */
  readonly numbers: number[];
  /** The parameters that share a row: those of one group with one step count. */
  readonly rows: readonly (readonly Slot[])[];
}

export interface Plan {
  readonly slots: readonly Slot[];
  readonly table: Tensor;
  /** Entries of the table. */
  readonly pieces: number;
  readonly launches: readonly Launch[];
}

/** Names the plan that these parameters need: who is in it, and who shares a row with whom. */
export function planKey(slots: readonly Slot[]): string {
  const rows = new Map<string, number>();
  let key = "";
  for (const slot of slots) {
    const row = rowKey(slot);
    if (!rows.has(row)) rows.set(row, rows.size);
    key += `${slot.index}:${rows.get(row)},`;
  }
  return key;
}

/** Whether parameters that share a row still have equal step counts: steps with fewer gradients part them. */
export function rowsHold({ launches }: Plan): boolean {
  return launches.every(({ rows }) => rows.every((row) => row.every(({ steps }) => steps === row[0]?.steps)));
}

const rowKey = ({ group, steps }: Slot): string => `${group}:${steps}`;

export function makePlan<O extends BaseOptions>(
  device: Device,
  rule: OptimizerSpec<O>,
  groups: readonly ParamGroup<O>[],
  slots: readonly Slot[],
): Plan {
  const words: number[] = [];
  const drafts = [...inSameBuffers(slots)].flatMap((together) => {
    const rows = [...groupBy(together, rowKey).values()];
    return inParts(rows, ROWS).map((part) => {
      const first = words.length / 4;
      part.forEach((row, r) => {
        for (const slot of row) appendPieces(words, slot, r);
      });
      return { rows: part, first, pieces: words.length / 4 - first };
    });
  });
  const table = makeTable(device, words);
  const launches = drafts.map(({ rows, first, pieces }) => {
    const lead = rows[0]?.[0] as Slot;
    const numbers = new Array<number>(ROWS * ROW_NUMBERS).fill(0);
    const args: Record<string, KernelArgs[string]> = {
      table: table.binding,
      value: valuePlace(lead.param).whole,
      grad: gradPlace(lead.param).whole,
      first,
      pieces,
      rows: numbers,
      // Read only where steps may be skipped: see skips.ts.
      skips: table.binding,
      skipping: 0,
    };
    rule.stateBuffers.forEach(({ binding }, k) => {
      args[binding] = (lead.region.moments[k] as Tensor).binding;
    });
    const kernel = device.kernelOf(rule.shader, {
      WORKGROUP: pieceWorkgroup(device),
      ...rule.overrides(groups[lead.group] as O),
    });
    return { kernel, groups: pieceGroups(device, pieces), args, numbers, rows };
  });
  return { slots, table, pieces: words.length / 4, launches };
}

/** Slots that one dispatch can reach: the same region, and values and gradients in the same buffers. */
function inSameBuffers(slots: readonly Slot[]): Iterable<readonly Slot[]> {
  return groupBy(
    slots,
    ({ region, param }) => `${region.id}:${valuePlace(param).whole.buffer.id}:${gradPlace(param).whole.buffer.id}`,
  ).values();
}

function appendPieces(words: number[], slot: Slot, row: number): void {
  const { param, vector } = slot;
  const value = valuePlace(param).vector;
  const grad = gradPlace(param).vector;
  eachPiece(param.device, Math.ceil(param.size / 4), (start, length) => {
    words.push(value + start, grad + start, vector + start, ((slot.index << 15) | (row << 11) | length) >>> 0);
  });
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function inParts<T>(items: readonly T[], length: number): T[][] {
  const parts: T[][] = [];
  for (let i = 0; i < items.length; i += length) parts.push(items.slice(i, i + length));
  return parts;
}

/** Writes this step's numbers into a launch. `rates` are the groups' learning rates; step counts have advanced already. */
export function writeRows<O extends BaseOptions>(
  rule: OptimizerSpec<O>,
  groups: readonly ParamGroup<O>[],
  rates: readonly number[],
  launch: Launch,
): void {
  launch.rows.forEach(([slot], r) => {
    const { group, steps } = slot as Slot;
    rule.kernelConstants(groups[group] as O, rates[group] as number, steps).forEach((number, i) => {
      launch.numbers[r * ROW_NUMBERS + i] = number;
    });
    launch.numbers[(r + 1) * ROW_NUMBERS - 1] = steps;
  });
}
