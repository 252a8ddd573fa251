/** A captured function on a device that is gone says so as eager operations do. */
import { expect, it } from "vitest";
import { capture, DeviceLostError, DisposedError, init, type Tensor, zeros } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

/** Captured functions with and without an argument, called once. */
function prepare() {
  const [x, w] = [zeros([2]), zeros([2])];
  const [f, g] = [capture((one: Tensor) => one.add(w)), capture(() => w.mul(2))];
  f(x);
  g();
  return { calls: [() => x.add(w), () => f(x), () => f(zeros([3])), () => g()], f, g };
}

it("captured and eager calls throw DeviceLostError after the device was lost", async () => {
  const { calls, f } = prepare();
  await device.sync();
  device.gpu.destroy();
  await device.lost;
  for (const call of calls) expect(call).toThrow(DeviceLostError);
  f.dispose();
});

it("captured and eager calls throw DisposedError after close()", async () => {
  const second = await init({ tuning: false });
  const { calls, f, g } = prepare();
  await second.close();
  for (const call of calls) expect(call).toThrow(DisposedError);
  f.dispose();
  g.dispose();
});
