import { expect, it } from "vitest";
import { curvature, mul, sum, tensor } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { quadratic } from "../support/curvature.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

it("lossSmoothness measures a quadratic along its gradient, and restores the parameters", async () => {
  const start = [1.1, 2.3];
  const a = [1, 10];
  const { w, loss } = quadratic(a, start);
  const before = await w.tolist();
  const stepSizes = [0.01, 0.02, 0.1];
  const found = await curvature.lossSmoothness(loss, [w], { stepSizes });
  const gradient = start.map((value, i) => value * a[i]!);
  const lossAt = (h: number) =>
    start.reduce((total, value, i) => total + (a[i]! * (value - h * gradient[i]!) ** 2) / 2, 0);
  const distanceAt = (h: number) => h * Math.hypot(...gradient.map((one, i) => one * a[i]!));
  expectClose(
    found.points.map((one) => one.loss),
    stepSizes.map(lossAt),
    { rtol: 1e-5 },
    "losses",
  );
  expectClose(
    found.points.map((one) => one.gradientDistance),
    stepSizes.map(distanceAt),
    { rtol: 1e-5 },
    "distances",
  );
  expect(found.loss).toBeCloseTo(lossAt(0), 4);
  expectClose(found.lossRange, [lossAt(0.1), lossAt(0.01)], { rtol: 1e-5 }, "range");
  expect(found.effectiveBeta).toBeCloseTo(distanceAt(1) / Math.hypot(...gradient), 3);
  expect(await w.tolist()).toEqual(before);
});

it("lossSmoothness follows a given direction", async () => {
  const { w, loss } = quadratic([1, 10], [1, 1]);
  const found = await curvature.lossSmoothness(loss, [w], { stepSizes: [1], direction: [tensor([1, 0])] });
  expect(found.points[0]!.loss).toBeCloseTo(7, 5);
  expect(found.effectiveBeta).toBeCloseTo(1, 5);
});

it("internalCovariateShift measures the change of a layer's gradient when those before it step", async () => {
  // u v x with loss (u v - 1)^2 / 2: d/dv = (u v - 1) u.
  const [u, v] = [tensor([2], { requiresGrad: true }), tensor([3], { requiresGrad: true })];
  const loss = () => mul(sum(mul(u, v).sub(1).square()), 0.5);
  const [shift] = await curvature.internalCovariateShift(loss, [[u], [v]], { lr: 0.01 });
  const gradientV = (one: number) => (one * 3 - 1) * one;
  const moved = 2 - 0.01 * (2 * 3 - 1) * 3;
  expect(shift!.distance).toBeCloseTo(Math.abs(gradientV(moved) - gradientV(2)), 4);
  expect(shift!.relative).toBeCloseTo(shift!.distance / gradientV(2), 5);
  expect(shift!.cosine).toBeCloseTo(1, 5);
  expect([await u.tolist(), await v.tolist()]).toEqual([[2], [3]]);
});

it("both refuse bad arguments, and restore the parameters when the loss throws", async () => {
  const { w, loss } = quadratic([1], [1]);
  await expect(curvature.lossSmoothness(loss, [w], { stepSizes: [] })).rejects.toThrow("stepSizes");
  await expect(curvature.lossSmoothness(loss, [w], {} as never)).rejects.toThrow("stepSizes");
  await expect(curvature.internalCovariateShift(loss, [[w]], { lr: 1 })).rejects.toThrow("two layers");
  let calls = 0;
  const failing = () => {
    if (calls++ > 3) throw new Error("enough");
    return loss();
  };
  await expect(curvature.lossSmoothness(failing, [w], { stepSizes: [1, 2, 3] })).rejects.toThrow("enough");
  expect(await w.tolist()).toEqual([1]);
});
