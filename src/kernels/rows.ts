/** How kernels over rows and columns are launched: which twin of a shader, how many lanes share a row, how rows are sliced. */
import { ArgumentError, check, DtypeError, expected } from "../errors.ts";
import type { Device } from "../gpu/device.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { isFloat } from "./promotion.ts";

/** A kernel with lib/element.wgsl that fits rows of `cols` f32, and how many f32 its Elements hold. */
export function vectorized<S>(cols: number, single: S, vec4: S): { shader: S; width: number } {
  return cols % 4 === 0 ? { shader: vec4, width: 4 } : { shader: single, width: 1 };
}

export interface RowLaunch {
  readonly groups: number;
  readonly lanes: { readonly WORKGROUP: number; readonly ROW_LANES: number };
}

/** Software adapters pay dearly for barriers: there a lane takes a whole row, unless that leaves lanes without one. */
const SOFTWARE_WORKGROUP = 8;
const SOFTWARE_GROUPS = 64;

/** Lanes per row on a GPU, by the row's Elements at most. */
const GPU_ROW_LANES: readonly (readonly [elements: number, lanes: number])[] = [
  [8, 1],
  [32, 8],
  [128, 32],
  [512, 64],
  [Infinity, 256],
];

const gpuRowLanes = (elements: number): number => GPU_ROW_LANES.find(([most]) => elements <= most)?.[1] ?? 1;

/** For kernels with lib/row.wgsl over `rows` rows of `elements` Elements. */
export function rowLaunch(device: Device, rows: number, elements: number): RowLaunch {
  if (device.info.isSoftware) {
    const ROW_LANES = rows < SOFTWARE_WORKGROUP && elements > 64 ? SOFTWARE_WORKGROUP : 1;
    const groups = Math.ceil((rows * ROW_LANES) / SOFTWARE_WORKGROUP);
    return { groups: Math.min(groups, SOFTWARE_GROUPS), lanes: { WORKGROUP: SOFTWARE_WORKGROUP, ROW_LANES } };
  }
  const ROW_LANES = gpuRowLanes(elements);
  const WORKGROUP = Math.max(64, ROW_LANES);
  return { groups: Math.ceil((rows * ROW_LANES) / WORKGROUP), lanes: { WORKGROUP, ROW_LANES } };
}

/** Rows cut into slices of equal size (the last may be shorter), each gone through by one workgroup per stretch of columns. */
export interface Slices {
  readonly slices: number;
  readonly sliceRows: number;
}

/** Slices for `lanes` lanes side by side: enough to fill the adapter, each (of rows with `weight` values a lane) worth a partial sum. */
export function sliceRows(device: Device, rows: number, lanes: number, weight = 1): Slices {
  const [wanted, most, least] = device.info.isSoftware ? [1024, 16, 16] : [65536, 256, 8];
  const fill = Math.ceil(wanted / Math.max(lanes, 1));
  const slices = Math.max(1, Math.min(fill, most, Math.ceil((rows * weight) / least)));
  const size = Math.max(1, Math.ceil(rows / slices));
  return { slices: Math.ceil(rows / size), sliceRows: size };
}

export interface ChannelLaunch {
  readonly groups: readonly [number, number, number];
  readonly lanes: { readonly WORKGROUP: number; readonly ROW_LANES: number; readonly PLANES: boolean };
  readonly slices: number;
  readonly sliceBatch: number;
}

/** For kernels with lib/channels.wgsl over x (batch, channels, inner), channels or inner counted in Elements. */
export function channelLaunch(
  device: Device,
  { batch, channels, inner }: { batch: number; channels: number; inner: number },
  PLANES: boolean,
): ChannelLaunch {
  const shared = device.info.isSoftware ? (channels < 4 ? SOFTWARE_WORKGROUP : 1) : gpuRowLanes(inner);
  const ROW_LANES = PLANES ? shared : 1;
  const WORKGROUP = Math.max(columnLanes(device), ROW_LANES);
  const { slices, sliceRows: sliceBatch } = sliceRows(
    device,
    batch,
    channels * ROW_LANES,
    Math.ceil(inner / ROW_LANES),
  );
  const across = Math.ceil((channels * ROW_LANES) / WORKGROUP);
  return { groups: [across, slices, 1], lanes: { WORKGROUP, ROW_LANES, PLANES }, slices, sliceBatch };
}

/** Lanes of a workgroup that goes along columns. */
export const columnLanes = (device: Device): number => (device.info.isSoftware ? SOFTWARE_WORKGROUP : 64);

export function checkFloat(op: string, argument: string, x: Tensor | undefined): void {
  check(!x || isFloat(x.dtype), DtypeError, () => expected(op, argument, "a float tensor", `dtype ${x?.dtype}`));
}

export function checkEps(op: string, eps: number): void {
  check(Number.isFinite(eps) && eps >= 0, ArgumentError, () => expected(op, "eps", "a finite number >= 0", eps));
}
