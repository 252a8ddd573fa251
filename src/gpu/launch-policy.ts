/**
 * Every decision that depends on the kind of adapter: workgroup sizes, workgroup counts, threads per row, splits. A software
 * adapter runs a workgroup as a loop over its subgroups on a few cores and pays for each workgroup and each barrier; a GPU
 * wants many workgroups and neighboring threads on neighboring addresses. The values for GPUs are by the book, untuned.
 */

/** The properties that the choice depends on: a Device has them. */
export interface Adapter {
  readonly info: {
    readonly isSoftware: boolean;
    readonly subgroupSize: number;
    readonly vendor?: string;
    readonly architecture?: string;
  };
  readonly features: { readonly subgroups: boolean };
}

export interface Policy {
  /** Invocations per workgroup of the grid-stride kernels. On software one or two subgroups are fastest. */
  readonly workgroup: number;
  /** Most workgroups of a grid-stride kernel. */
  readonly maxGroups: number;
  /** Most workgroups of the kernels over rows. */
  readonly maxRowGroups: number;
  /** Invocations that fill the adapter; what is sliced is sliced until there are as many. */
  readonly fillInvocations: number;
  /** Most slices of the rows, and the fewest values that are worth a partial sum of their own. */
  readonly slices: { readonly max: number; readonly minValues: number };
  /** Split-K: workgroups that fill the adapter, and the shortest part of K. */
  readonly splitK: { readonly groups: number; readonly minPart: number };
  /** True if tune() tries other splits of K. */
  readonly tunesSplits: boolean;
  /** Optimizers and clipping: vec4 per chunk of flat storage, and most workgroups over the chunks. */
  readonly chunks: { readonly vectors: number; readonly maxGroups: number };
  /** Most classes of a cross entropy that one workgroup computes whole; there a thread goes through a row alone. */
  readonly wholeLossClasses: number;
  /** Invocations of a kernel that runs in a single workgroup. */
  readonly singleWorkgroup: number;
  /** Neighboring columns that an invocation of a pooling kernel takes: on software enough to pay for their index. */
  readonly poolRun: number;
  /** Parts that reductions are cut into; a second stage combines them. */
  readonly reduceParts: {
    /** Up to this many elements per output are one part. */
    readonly minReduced: number;
    /** From this many outputs on, they fill the adapter without parts. */
    readonly enoughOutputs: number;
    /** Invocations that all parts are to add up to. */
    readonly invocations: number;
    readonly max: number;
  };
  /**
   * Strided copies: elements (or fours of them) of a row that a thread takes, most threads that share a row, and elements
   * that are worth an index: of shorter rows a thread takes several.
   */
  readonly copy: { readonly perThread: number; readonly maxLanes: number; readonly perIndex: number };
  /** True if transposes go in tiles through workgroup memory; false: in blocks through registers, where all is in fours. */
  readonly transposesTiles: boolean;
  /** Workgroups of the multiply-add probe. */
  readonly probeGroups: number;
}

const SOFTWARE: Policy = {
  workgroup: 8,
  maxGroups: 256,
  maxRowGroups: 64,
  fillInvocations: 1024,
  slices: { max: 16, minValues: 16 },
  splitK: { groups: 4, minPart: 1024 },
  tunesSplits: false,
  chunks: { vectors: 1024, maxGroups: 64 },
  wholeLossClasses: Number.POSITIVE_INFINITY,
  singleWorkgroup: 8,
  poolRun: 8,
  reduceParts: { minReduced: 64, enoughOutputs: 16384, invocations: 65536, max: 1024 },
  copy: { perThread: 64, maxLanes: 1, perIndex: 64 },
  transposesTiles: false,
  probeGroups: 64,
};

const GPU: Policy = {
  workgroup: 64,
  maxGroups: 8192,
  maxRowGroups: Number.POSITIVE_INFINITY,
  fillInvocations: 65536,
  slices: { max: 256, minValues: 8 },
  splitK: { groups: 64, minPart: 256 },
  tunesSplits: true,
  chunks: { vectors: 256, maxGroups: 8192 },
  wholeLossClasses: 64,
  singleWorkgroup: 256,
  poolRun: 1,
  reduceParts: { minReduced: 4096, enoughOutputs: 65536, invocations: 131072, max: 512 },
  copy: { perThread: 4, maxLanes: 64, perIndex: 1 },
  transposesTiles: true,
  probeGroups: 8192,
};

export const launchPolicy = (device: Adapter): Policy => (device.info.isSoftware ? SOFTWARE : GPU);

/** The class of adapter that the policies are for. */
export const adapterClass = (device: Adapter): "software" | "gpu" => (device.info.isSoftware ? "software" : "gpu");

/**
 * Cores (streaming multiprocessors, compute units, Xe cores) of a common GPU of a vendor or architecture. WebGPU does not
 * tell, and a wrong guess costs no more than a matmul's tile that is too large or too small.
 */
const GPU_CORES: readonly (readonly [name: RegExp, cores: number])[] = [
  [/hopper|blackwell/, 132],
  [/ampere|lovelace/, 68],
  [/nvidia/, 40],
  [/rdna-3|rdna-4/, 48],
  [/amd/, 32],
  [/apple|metal-/, 16],
  [/xe-2|alchemist|xe-hpg/, 24],
  [/intel/, 12],
  [/qualcomm|arm|img-tec/, 8],
];

export const gpuCores = ({ info: { vendor = "", architecture = "" } }: Adapter): number =>
  GPU_CORES.find(([name]) => name.test(`${vendor} ${architecture}`))?.[1] ?? 32;

/** Tests for the adapters that a kernel of a table is for or can run on. */
export const adapters = {
  software: ({ info }: Adapter): boolean => info.isSoftware,
  gpu: ({ info }: Adapter): boolean => !info.isSoftware,
  /** Subgroups of at least `width` lanes. */
  subgroups: (width: number) => (device: Adapter) => device.features.subgroups && device.info.subgroupSize >= width,
  softwareSubgroups: (width: number) => (device: Adapter) =>
    device.info.isSoftware && device.features.subgroups && device.info.subgroupSize >= width,
};

/** Invocations per workgroup of the grid-stride kernels, and of the kernels that go along columns. */
export const workgroupSize = (device: Adapter): number => launchPolicy(device).workgroup;

/** Workgroups for `items` items with a grid-stride loop. */
export function strideGroups(device: Adapter, items: number): number {
  const { workgroup, maxGroups } = launchPolicy(device);
  return Math.min(Math.ceil(items / workgroup), maxGroups);
}

/** WebGPU's most workgroups in one dimension. */
export const MAX_GROUPS_PER_DIM = 65535;

/** A count of workgroups as three, none above the limit; the last row may have some too many. */
export function foldWorkgroups(groups: number): [number, number, number] {
  if (groups <= MAX_GROUPS_PER_DIM) return [groups, 1, 1];
  const rows = Math.ceil(groups / MAX_GROUPS_PER_DIM);
  return [Math.ceil(groups / rows), rows, 1];
}

/** The variant of a kernel with lib/element.wgsl that fits rows of `cols` f32, and how many f32 its Elements hold. */
export function vectorized<S, V>(cols: number, single: S, vec4: V): { shader: S | V; width: number } {
  return cols % 4 === 0 ? { shader: vec4, width: 4 } : { shader: single, width: 1 };
}

/** Threads per row on a GPU, by the row's Elements at most. */
const GPU_ROW_THREADS: readonly (readonly [elements: number, threads: number])[] = [
  [8, 1],
  [32, 8],
  [128, 32],
  [512, 64],
  [Infinity, 256],
];

const gpuRowThreads = (elements: number): number => GPU_ROW_THREADS.find(([most]) => elements <= most)?.[1] ?? 1;

/** Software adapters pay for barriers: there a thread takes a whole row, unless that leaves threads without one. */
function rowThreads(device: Adapter, rows: number, elements: number): number {
  if (!device.info.isSoftware) return gpuRowThreads(elements);
  return rows < SOFTWARE.workgroup && elements > 64 ? SOFTWARE.workgroup : 1;
}

export interface RowLaunch {
  readonly groups: number;
  readonly overrides: { readonly WORKGROUP: number; readonly ROW_THREADS: number };
}

/** The launch of a kernel with lib/row.wgsl over `rows` rows of `elements` Elements. */
export function rowLaunch(device: Adapter, rows: number, elements: number): RowLaunch {
  const { workgroup, maxRowGroups } = launchPolicy(device);
  const ROW_THREADS = rowThreads(device, rows, elements);
  const WORKGROUP = Math.max(workgroup, ROW_THREADS);
  return {
    groups: Math.min(Math.ceil((rows * ROW_THREADS) / WORKGROUP), maxRowGroups),
    overrides: { WORKGROUP, ROW_THREADS },
  };
}

/** The launch of a kernel with lib/row_items.wgsl over `rows` rows of `elements` Elements: neighbors share a row. */
export function laneRowLaunch(device: Adapter, rows: number, elements: number): RowLaunch {
  const WORKGROUP = workgroupSize(device);
  const ROW_THREADS = Math.min(WORKGROUP, 2 ** Math.ceil(Math.log2(Math.max(elements, 1))));
  return { groups: strideGroups(device, rows * ROW_THREADS), overrides: { WORKGROUP, ROW_THREADS } };
}

/** Parts that a reduction of x (outer, reduced, inner) is cut into, and the elements of each but the last; none is empty. */
export function reduceParts(
  device: Adapter,
  { outer, reduced, inner }: { readonly outer: number; readonly reduced: number; readonly inner: number },
): { readonly parts: number; readonly most: number } {
  const { minReduced, enoughOutputs, invocations, max } = launchPolicy(device).reduceParts;
  const threads = outer * inner * (reduceLanes(device, reduced, inner)?.overrides.LANES ?? 1);
  if (reduced <= minReduced || threads >= enoughOutputs) return { parts: 1, most: reduced };
  const wanted = Math.max(1, Math.min(max, Math.ceil(invocations / threads), Math.ceil(Math.sqrt(reduced))));
  const most = Math.ceil(reduced / wanted);
  return { parts: Math.ceil(reduced / most), most };
}

/** Invocations of a workgroup in which threads share parts of a reduction. */
const REDUCE_GROUP = 256;

/** The threads that share a part of `most` elements, `inner` apart, and the parts of a workgroup; undefined: none share one. */
export function reduceLanes(device: Adapter, most: number, inner: number) {
  if (device.info.isSoftware) return undefined;
  // Along `inner`, 32 neighboring threads read neighboring elements.
  const across = inner === 1 ? REDUCE_GROUP : REDUCE_GROUP / Math.min(32, 2 ** Math.ceil(Math.log2(inner)));
  const LANES = Math.min(across, 2 ** Math.max(0, Math.ceil(Math.log2(most / 4))));
  return { atOnce: REDUCE_GROUP / LANES, overrides: { WORKGROUP: REDUCE_GROUP, LANES } };
}

export interface CopyLanes {
  /** Neighboring threads that share a row. */
  readonly LANES: number;
  /** Elements of a row that they copy at a time. */
  readonly piece: number;
  /** Short rows that they copy one after another. */
  readonly lines: number;
}

/** The threads of a strided copy of rows of `inner` elements. */
export function copyLanes(device: Adapter, inner: number): CopyLanes {
  const { perThread, maxLanes, perIndex } = launchPolicy(device).copy;
  const LANES = Math.min(maxLanes, 2 ** Math.ceil(Math.log2(Math.max(1, inner))));
  return { LANES, piece: LANES * perThread, lines: Math.max(1, Math.floor(perIndex / Math.max(1, inner))) };
}

/** Rows cut into slices of equal size (the last may be shorter), each gone through by one workgroup per run of columns. */
export interface Slices {
  readonly slices: number;
  readonly sliceRows: number;
}

/** Slices for `threads` threads side by side: enough to fill the adapter, each (of rows with `weight` values a thread) worth a partial sum. */
export function sliceRows(device: Adapter, rows: number, threads: number, weight = 1): Slices {
  const { fillInvocations, slices: limits } = launchPolicy(device);
  const fill = Math.ceil(fillInvocations / Math.max(threads, 1));
  const slices = Math.max(1, Math.min(fill, limits.max, Math.ceil((rows * weight) / limits.minValues)));
  const size = Math.max(1, Math.ceil(rows / slices));
  return { slices: Math.ceil(rows / size), sliceRows: size };
}

export interface ChannelLaunch {
  readonly groups: readonly [number, number, number];
  readonly overrides: { readonly WORKGROUP: number; readonly ROW_THREADS: number; readonly CHANNEL_PLANES: boolean };
  readonly slices: number;
  readonly sliceBatch: number;
}

/** The launch of a kernel with lib/channels.wgsl over x (batch, channels, inner), channels or inner counted in Elements. */
export function channelLaunch(
  device: Adapter,
  { batch, channels, inner }: { batch: number; channels: number; inner: number },
  CHANNEL_PLANES: boolean,
): ChannelLaunch {
  const { workgroup } = launchPolicy(device);
  const shared = device.info.isSoftware ? (channels < 4 ? workgroup : 1) : gpuRowThreads(inner);
  const ROW_THREADS = CHANNEL_PLANES ? shared : 1;
  const WORKGROUP = Math.max(workgroup, ROW_THREADS);
  const weight = Math.ceil(inner / ROW_THREADS);
  const { slices, sliceRows: sliceBatch } = sliceRows(device, batch, channels * ROW_THREADS, weight);
  const across = Math.ceil((channels * ROW_THREADS) / WORKGROUP);
  return { groups: [across, slices, 1], overrides: { WORKGROUP, ROW_THREADS, CHANNEL_PLANES }, slices, sliceBatch };
}

/** The kernels of a recurrent layer: a matmul and a cell per step, or all steps at once. */
export type RecurrenceKernels = "steps" | "subgroups" | "workgroups";

export type RecurrenceLaunch =
  | { readonly kernels: "steps" }
  | { readonly kernels: "subgroups"; readonly groups: number; readonly lanes: 4 | 8; readonly rows: number }
  | { readonly kernels: "workgroups"; readonly groups: number; readonly workgroup: number };

/** Widths up to which the weight stays in the caches of those who read it in every step. */
const RECURRENCE_WIDTHS = { software: 512, gpu: 256 };

/** Rows of a workgroup, the components of a vector. */
const WORKGROUP_ROWS = 4;

/** Rows of a subgroup, each count a program of its own: as many as leave work for two cores. 16 take longer to compile and are no faster. */
const subgroupRows = (batch: number): number => [1, 4].find((rows) => batch <= 2 * rows) ?? 8;

/** The launch of a recurrent layer with `gates` gates in all; `kernels` in place of those that the adapter is best with. */
export function recurrenceLaunch(
  device: Adapter & { readonly limits: { readonly maxComputeWorkgroupStorageSize: number } },
  { batch, width }: { readonly batch: number; readonly width: number },
  gates: number,
  kernels: RecurrenceKernels = recurrenceKernels(device, width, gates),
): RecurrenceLaunch {
  if (kernels === "subgroups") {
    const rows = subgroupRows(batch);
    return { kernels, groups: Math.ceil(batch / rows), lanes: adapters.subgroups(8)(device) ? 8 : 4, rows };
  }
  if (kernels === "workgroups") {
    const workgroup = Math.min(256, Math.max(GPU.workgroup, 2 ** Math.ceil(Math.log2(width))));
    return { kernels, groups: Math.ceil(batch / WORKGROUP_ROWS), workgroup };
  }
  return { kernels };
}

function recurrenceKernels(
  device: Parameters<typeof recurrenceLaunch>[0],
  width: number,
  gates: number,
): RecurrenceKernels {
  if (adapters.softwareSubgroups(4)(device)) return width <= RECURRENCE_WIDTHS.software ? "subgroups" : "steps";
  const fits = gates * WORKGROUP_ROWS * 4 <= device.limits.maxComputeWorkgroupStorageSize;
  return adapters.gpu(device) && fits && width <= RECURRENCE_WIDTHS.gpu ? "workgroups" : "steps";
}

/** The forms of the fused attention kernels: a subgroup of 8 lanes that works by itself, or a workgroup with its memory. */
export const ATTENTION_VARIANTS = ["lanes", "tile"] as const;
export type AttentionVariant = (typeof ATTENTION_VARIANTS)[number];

/** True if a device can run a form, whatever is preferred there. */
export const canAttend = (device: Adapter, variant: AttentionVariant): boolean =>
  variant === "tile" || adapters.subgroups(8)(device);

/** The properties that the choice of a form depends on. */
export interface AttentionCase {
  readonly queries: number;
  readonly keys: number;
  readonly isCausal: boolean;
  readonly needsGrad: boolean;
}

/** Scores of a matrix from which on keeping none of them is worth more than the speed of plain matmuls. */
const LONG_ATTENTION = 2 ** 20;

/** The form for a case, or undefined where attention by plain operations is faster. */
export function attentionVariant(device: Adapter, one: AttentionCase): AttentionVariant | undefined {
  if (!device.info.isSoftware) return "tile";
  const isLong = one.queries * one.keys >= LONG_ATTENTION;
  // Backward computes the scores twice more; that pays where it skips those above the diagonal.
  if (adapters.subgroups(8)(device)) return isLong || one.isCausal || !one.needsGrad ? "lanes" : undefined;
  return isLong ? "tile" : undefined;
}
