/** Chunks and entries: views whose gradients are concatenated once, those that are missing as zeros. */
import { expect, it } from "vitest";
import { grad, type Tensor, tensor } from "../../src/index.ts";
import { sameLifetime, splitViews, unbind } from "../../src/ops/cat-split.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const matrix = () =>
  tensor(
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    { requiresGrad: true },
  );

it("chunks fill a dim, also of a transposed view", async () => {
  const x = matrix();
  const [first, second] = splitViews(x.t(), [1, 2], 0) as [Tensor, Tensor];
  expect([await first.tolist(), await second.tolist()]).toEqual([
    [[1, 4]],
    [
      [2, 5],
      [3, 6],
    ],
  ]);
  const [ofSecond] = grad(second.square().sum(), [x], { retainGraph: true }) as [Tensor];
  expect(await ofSecond.tolist()).toEqual([
    [0, 4, 6],
    [0, 10, 12],
  ]);
  const [ofFirst] = grad(first.sum(), [x]) as [Tensor];
  expect(await ofFirst.tolist()).toEqual([
    [1, 0, 0],
    [1, 0, 0],
  ]);
});

it("unbind returns entries that are twice differentiable", async () => {
  const x = matrix();
  const [a, b] = unbind(x) as [Tensor, Tensor];
  expect(a.shape).toEqual([3]);
  const [once] = grad(a.square().mul(b).sum(), [x], { createGraph: true }) as [Tensor];
  const [twice] = grad(once.sum(), [x]) as [Tensor];
  expect(await twice.tolist()).toEqual([
    [2 * 4 + 2 * 1, 2 * 5 + 2 * 2, 2 * 6 + 2 * 3],
    [2, 4, 6],
  ]);
});

it("several results pass on their gradients separately", async () => {
  const x = matrix();
  const [y, z] = sameLifetime(x.mul(2), x.square()) as [Tensor, Tensor];
  const [both] = grad(y.sum().add(z.sum()), [x], { retainGraph: true }) as [Tensor];
  expect(await both.tolist()).toEqual([
    [4, 6, 8],
    [10, 12, 14],
  ]);
  const [one] = grad(y.sum(), [x]) as [Tensor];
  expect(await one.tolist()).toEqual([
    [2, 2, 2],
    [2, 2, 2],
  ]);
});
