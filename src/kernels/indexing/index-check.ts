/** Indices that only the GPU sees: one out of range is reported by the next read, and meanwhile reads 0 and adds nothing. */
import { ArgumentError, check } from "../../errors.ts";
import { defineDeviceAssert } from "../../gpu/device-asserts.ts";
import { strideGroups } from "../../gpu/launch-policy.ts";
import { index_check } from "../../gpu/shaders.generated.ts";
import { contiguous } from "../../tensor/copy.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** The codes of one op's fault, by the index's dtype. */
export interface IndexFault {
  readonly i32: number;
  readonly u32: number;
  readonly describe: (at: number, index: number, length: number) => string;
}

/** The fault of an index out of range in an argument of `op`. */
/* @__NO_SIDE_EFFECTS__ */
export function defineIndexFault(op: string, argument = "index", noun = "an index"): IndexFault {
  const describe = (at: number, index: number, length: number) =>
    `${op}: argument '${argument}' expected ${noun} from 0 to ${length - 1} (the size is ${length}), got ${index} at offset ${at}`;
  const unsigned = (at: number, index: number, length: number) => describe(at, index >>> 0, length);
  return { i32: defineDeviceAssert(describe), u32: defineDeviceAssert(unsigned), describe };
}

/** The code of the fault for this index. */
export const faultCode = (fault: IndexFault, index: Tensor): number => (index.dtype === "u32" ? fault.u32 : fault.i32);

/** Throws where nothing is there to index, which no kernel needs to find out. */
export function checkRoom(op: string, length: number, index: Tensor): void {
  check(
    length > 0 || index.size === 0,
    ArgumentError,
    () => `${op}: argument 'index' has ${index.size} elements, and the size to index is 0`,
  );
}

/** Has the GPU look through an index that no kernel of the op reads one by one; `ignored` is never out of range. */
export function checkIndices(fault: IndexFault, index: Tensor, length: number, ignored = 0): void {
  if (index.size === 0) return;
  const { device } = index;
  const dense = contiguous(index);
  const params = { size: index.size, length, ignored, faultCode: faultCode(fault, index) };
  device.run(
    index_check,
    { index: dense.binding, faults: device.faults.binding, ...params },
    strideGroups(device, index.size),
  );
  if (dense !== index) dense.dispose();
}
