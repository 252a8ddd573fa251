/** Averages that are exact means at first and exponential later, for estimates that come now and then. */
import { runtimeOf } from "../gpu/device.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { moving_average } from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { contiguous } from "../tensor/copy.ts";
import { storageOf, type Tensor } from "../tensor/tensor.ts";

/**
 * `mean += rate (x - mean)`, leaving out values that are not finite. `rate` is asked again at every replay of a capture.
 * `mean` has to be dense.
 */
export function moveAverage(mean: Tensor, x: Tensor, rate: () => number): void {
  const dense = contiguous(x);
  const vectors = Math.ceil(mean.size / 4);
  const args = { x: bindingOf(dense), mean: bindingOf(mean), vectors };
  storageOf(mean).version++;
  runtimeOf(mean.device).runDynamic(moving_average, args, () => ({ rate: rate() }), strideGroups(mean.device, vectors));
  if (dense !== x) dense.dispose();
}

/** The weight of observation number `count` (from 1): the mean of all so far, until `beta` forgets faster. */
export const averageRate = (count: number, beta: number): number => Math.max(1 - beta, 1 / count);
