/** How many workgroups a grid-stride kernel should get, and of how many invocations. */
/** What the choice depends on: a Device has it. */
interface Adapter {
  readonly info: { readonly isSoftware: boolean };
}

/**
 * Invocations per workgroup of the grid-stride kernels. A software adapter runs one workgroup as a loop over its
 * subgroups, which costs it registers: one or two of them are fastest.
 */
export const workgroupSize = (device: Adapter): number => (device.info.isSoftware ? 8 : 64);

/** A software adapter pays microseconds for every workgroup; a GPU wants enough of them to be full. */
const MOST = { software: 256, gpu: 8192 };

/** Workgroups for `items` items with a grid-stride loop. */
export function strideGroups(device: Adapter, items: number): number {
  const most = device.info.isSoftware ? MOST.software : MOST.gpu;
  return Math.min(Math.ceil(items / workgroupSize(device)), most);
}

/** WebGPU's most workgroups in one dimension. */
const MAX_GROUPS = 65535;

/** A count of workgroups as three, none above the limit; the last row may have some too many. */
export function foldWorkgroups(groups: number): [number, number, number] {
  if (groups <= MAX_GROUPS) return [groups, 1, 1];
  const rows = Math.ceil(groups / MAX_GROUPS);
  return [Math.ceil(groups / rows), rows, 1];
}
