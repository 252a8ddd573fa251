/** Triangles of matrices. */
import { runtimeOf } from "../gpu/device.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { triangle } from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { withScratch } from "../tensor/scratch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/**
 * Returns x (..., rows, columns) of a four-byte dtype with 0 above the `diagonal`-th diagonal over the main one, or, with
 * `upper`, below it.
 */
export function runTriangle(x: Tensor, diagonal: number, upper: boolean): Tensor {
  const { device } = x;
  const [rows = 0, columns = 0] = x.shape.slice(-2);
  const y = empty(device, x.shape, x.dtype);
  withScratch((scratch) => {
    const args = { x: bindingOf(scratch.contiguous(x)), y: bindingOf(y), size: y.size, rows, columns, diagonal };
    runtimeOf(device).run(triangle, args, strideGroups(device, y.size), { UPPER: upper });
  });
  return y;
}
