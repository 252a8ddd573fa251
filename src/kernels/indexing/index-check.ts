/** Range checks of indices on the GPU: one out of range is reported by the next read; until then it reads 0 and adds nothing. */

import { ArgumentError, check } from "../../errors.ts";
import { runtimeOf } from "../../gpu/device.ts";
import { defineDeviceAssert } from "../../gpu/device-asserts.ts";
import { strideGroups } from "../../gpu/launch-policy.ts";
import { index_check } from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { withScratch } from "../../tensor/scratch.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** The error of an index out of range: its codes on the device, by the index's dtype, and its message. */
export interface IndexFault {
  readonly i32: number;
  readonly u32: number;
  readonly describe: (at: number, index: number, length: number) => string;
}

/** Defines the fault of an index out of range in an argument of `op`. */
/* @__NO_SIDE_EFFECTS__ */
export function defineIndexFault(op: string, argument = "index", noun = "an index"): IndexFault {
  const describe = (at: number, index: number, length: number) =>
    `${op}: argument '${argument}' expected ${noun} from 0 to ${length - 1} (the size is ${length}), got ${index} at offset ${at}`;
  const unsigned = (at: number, index: number, length: number) => describe(at, index >>> 0, length);
  return { i32: defineDeviceAssert(describe), u32: defineDeviceAssert(unsigned), describe };
}

/** Returns the code of the fault for an index of this dtype. */
export const faultCode = (fault: IndexFault, index: Tensor): number => (index.dtype === "u32" ? fault.u32 : fault.i32);

/** Throws for indices into a dim of size 0, where no kernel runs that would report them. */
export function checkRoom(op: string, length: number, index: Tensor): void {
  check(
    length > 0 || index.size === 0,
    ArgumentError,
    () => `${op}: argument 'index' has ${index.size} elements, and the size to index is 0`,
  );
}

/** Checks an index on the GPU, for ops whose kernels do not report faults themselves; `ignored` is never out of range. */
export function checkIndices(fault: IndexFault, index: Tensor, length: number, ignored = 0): void {
  if (index.size === 0) return;
  const { device, size } = index;
  withScratch((scratch) => {
    const buffers = { index: bindingOf(scratch.contiguous(index)), faults: runtimeOf(device).faults.binding };
    const params = { size, length, ignored, faultCode: faultCode(fault, index) };
    runtimeOf(device).run(index_check, { ...buffers, ...params }, strideGroups(device, size));
  });
}
