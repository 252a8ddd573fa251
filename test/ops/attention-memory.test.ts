/** Memory of fused attention, on a device that nothing else has used: peaks are for good. */
import { expect, it } from "vitest";
import { grad, nn, randn, type Tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

it("a longer sequence takes memory in proportion to its length alone", async () => {
  const [heads, length, width] = [2, 1024, 16];
  const leaf = () => randn([heads, length, width], { requiresGrad: true });
  const operands = [leaf(), leaf(), leaf()] as const;
  const gradY = randn([heads, length, width]);
  await device.sync();
  const before = device.memory().liveBytes;
  const y = nn.scaledDotProductAttention(...operands, { isCausal: true });
  const gradients = grad([y], [...operands], { gradOutputs: [gradY] });
  const outputs = [y, ...gradients].reduce((bytes, one) => bytes + 4 * (one as Tensor).size, 0);
  await device.sync();
  const beyond = device.memory().peakBytes - before - outputs;
  // A matrix of scores would take 8 MiB, the statistics of the rows take 24 KiB.
  expect(beyond).toBeLessThan(2 ** 18);
});
