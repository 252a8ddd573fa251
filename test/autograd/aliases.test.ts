/** Names that defineOp took before the field's: programs that use them keep working. */
import { expect, it } from "vitest";
import { defineOp, grad, mul, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

it("defineOp takes `composed`, `ctx.needs` and `ctx.temporary` for what is now called otherwise", async () => {
  const needed: (readonly boolean[])[] = [];
  const double = defineOp<object>({
    name: "double",
    forward(ctx, [x]: [Tensor]) {
      needed.push(ctx.needs);
      ctx.save(x);
      const once = ctx.temporary(mul(x, 1));
      return mul(once, 2);
    },
    backward(ctx, gradY: Tensor) {
      needed.push(ctx.needs);
      return [ctx.needs[0] ? mul(gradY, 2) : undefined];
    },
    composed: ([x]: [Tensor]) => mul(mul(x, x), 1),
  });
  const x = tensor([1, 2, 3], { requiresGrad: true });
  const [first] = grad([double(x).sum()], [x]);
  expect(await first?.tolist()).toEqual([2, 2, 2]);
  expect(needed).toEqual([[true], [true]]);
  // A second derivative goes through the decomposition: here of another function, so that it shows.
  const [slope] = grad([double(x).sum()], [x], { createGraph: true });
  const [second] = grad([(slope as Tensor).sum()], [x]);
  expect(await second?.tolist()).toEqual([2, 2, 2]);
});
