/** Tensors with numbers in them, and memory in which whatever is not written shows. */
import type { Device } from "../../src/gpu/device.ts";
import { fill } from "../../src/tensor/copy.ts";
import { rand } from "../../src/tensor/create.ts";
import { empty, type Tensor } from "../../src/tensor/tensor.ts";

export const filled = (device: Device, shape: readonly number[]): Tensor => rand([...shape], { device });

/** Fills what the pool will give next with NaN. */
export function poison(device: Device): void {
  const held: Tensor[] = [];
  for (let size = 64; size <= 2 ** 20; size *= 2) {
    for (let i = 0; i < 4; i++) {
      const one = empty(device, [size]);
      fill(one, Number.NaN);
      held.push(one);
    }
  }
  for (const one of held) one.dispose();
}
