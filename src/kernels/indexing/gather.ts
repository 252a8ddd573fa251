/** Reads by index along a dim. An index out of range reads 0 and is reported by the next read of the device. */
import { runtimeOf } from "../../gpu/device.ts";
import { strideGroups } from "../../gpu/launch-policy.ts";
import { gather } from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { withScratch } from "../../tensor/scratch.ts";
import { sizeAt } from "../../tensor/shape.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import { faultCode, type IndexFault } from "./index-check.ts";
import { innerSize } from "./scatter-sorted.ts";

/** Returns y[..., j, ...] = x[..., index[..., j, ...], ...] of index's shape: an index per element. */
export const runGather = (x: Tensor, index: Tensor, dim: number, fault: IndexFault): Tensor =>
  gatherInto(empty(x.device, index.shape, x.dtype), x, index, dim, fault, false);

/** Returns y[..., j, ...] = x[..., index[j], ...], x's shape with `dim` as long as index: one list of indices for all. */
export const runIndexSelect = (x: Tensor, index: Tensor, dim: number, fault: IndexFault): Tensor =>
  gatherInto(empty(x.device, x.shape.with(dim, index.size), x.dtype), x, index, dim, fault, true);

function gatherInto(y: Tensor, x: Tensor, index: Tensor, dim: number, fault: IndexFault, shared: boolean): Tensor {
  const { device, size } = y;
  if (size === 0) return y;
  const [length, count] = [sizeAt(x.shape, dim), sizeAt(y.shape, dim)];
  withScratch((scratch) => {
    const inputs = { x: bindingOf(scratch.contiguous(x)), index: bindingOf(scratch.contiguous(index)) };
    const buffers = { ...inputs, y: bindingOf(y), faults: runtimeOf(device).faults.binding };
    const params = { size, count, length, inner: innerSize(x.shape, dim), faultCode: faultCode(fault, index) };
    runtimeOf(device).run(gather, { ...buffers, ...params }, strideGroups(device, size), { SHARED: shared });
  });
  return y;
}
