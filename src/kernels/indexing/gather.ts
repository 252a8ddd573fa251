/** Reads by index along a dim. An index out of range reads 0 and is reported by the next read of the device. */
import { runtimeOf } from "../../gpu/device.ts";
import { laneRowLaunch, strideGroups, vectorized } from "../../gpu/launch-policy.ts";
import { gather, gather_rows, gather_rows_vec4 } from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { withScratch } from "../../tensor/scratch.ts";
import { sizeAt } from "../../tensor/shape.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import { faultCode, type IndexFault } from "./index-check.ts";
import { innerSize } from "./scatter-sorted.ts";

/** Returns y[..., j, ...] = x[..., index[..., j, ...], ...] of index's shape: an index per element. */
export function runGather(x: Tensor, index: Tensor, dim: number, fault: IndexFault): Tensor {
  const y = empty(x.device, index.shape, x.dtype);
  const { device, size } = y;
  if (size === 0) return y;
  const [length, count] = [sizeAt(x.shape, dim), sizeAt(y.shape, dim)];
  withScratch((scratch) => {
    const inputs = { x: bindingOf(scratch.contiguous(x)), index: bindingOf(scratch.contiguous(index)) };
    const buffers = { ...inputs, y: bindingOf(y), faults: runtimeOf(device).faults.binding };
    const params = { size, count, length, inner: innerSize(x.shape, dim), faultCode: faultCode(fault, index) };
    runtimeOf(device).run(gather, { ...buffers, ...params }, strideGroups(device, size));
  });
  return y;
}

/** Returns y[..., j, ...] = x[..., index[j], ...], x's shape with `dim` as long as index: one list of indices for all. */
export function runIndexSelect(x: Tensor, index: Tensor, dim: number, fault: IndexFault): Tensor {
  const y = empty(x.device, x.shape.with(dim, index.size), x.dtype);
  if (y.size === 0) return y;
  const inner = innerSize(x.shape, dim);
  const sizes = { rows: y.size / inner, count: index.size, length: sizeAt(x.shape, dim), inner };
  withScratch((scratch) => {
    const list = { index: scratch.contiguous(index), start: 0, faultCode: faultCode(fault, index) };
    gatherRows(y, scratch.contiguous(x), list, sizes);
  });
  return y;
}

interface RowList {
  readonly index: Tensor;
  readonly start: number;
  readonly faultCode: number;
}

/** Sizes of x (outer, length, inner) and y (outer, count, inner) in 32-bit words; `rows` are those of y. */
interface RowSizes {
  readonly rows: number;
  readonly count: number;
  readonly length: number;
  readonly inner: number;
}

/** Writes into y the rows of x at `count` indices from `start` on; both are dense, and y is not empty. */
export function gatherRows(y: Tensor, x: Tensor, list: RowList, { inner, ...sizes }: RowSizes): void {
  const { device } = y;
  const { shader, width } = vectorized(inner, gather_rows, gather_rows_vec4);
  const { groups, overrides } = laneRowLaunch(device, sizes.rows, inner / width);
  const buffers = {
    x: bindingOf(x),
    index: bindingOf(list.index),
    y: bindingOf(y),
    faults: runtimeOf(device).faults.binding,
  };
  const { start, faultCode } = list;
  runtimeOf(device).run(shader, { ...buffers, ...sizes, inner: inner / width, start, faultCode }, groups, overrides);
}
