import { expect, it } from "vitest";
import { DataLoader, IdxField } from "../../src/data/index.ts";
import { runtimeOf } from "../../src/gpu/device.ts";
import "../../src/tensor-methods.ts";
import { add, mul } from "../../src/ops/binary.ts";
import { sum } from "../../src/ops/reduce.ts";
import { ones, tensor, zeros } from "../../src/tensor/create.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { AssertionError, assertNoLeak } from "../../src/testing/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

it("assertNoLeak passes where everything is freed: disposed, scoped, or with its graph", async () => {
  const weight = tensor([1, 2], { requiresGrad: true });
  weight.grad = zeros([2]);
  await assertNoLeak(() => undefined);
  await assertNoLeak(() => ones([3]).dispose());
  await assertNoLeak(() => scope(() => void add(ones([3]), 1)));
  await assertNoLeak(async () => {
    const x = ones([100]);
    await x.data();
    x.dispose();
  });
  await assertNoLeak(() => sum(mul(weight, 3)).backward());
});

it("assertNoLeak ignores what is created once, such as the upload of a data set", async () => {
  const field = new IdxField([8, 100], "f32", new Uint8Array(800));
  await assertNoLeak(async () => {
    for (const [x] of new DataLoader([field], { batchSize: 4 })) await x.data();
  });
});

it("assertNoLeak names the tensors that were left, by label, dtype and shape, and the bytes", async () => {
  const kept: Tensor[] = [];
  const leaky = () => {
    for (let i = 0; i < 3; i++) kept.push(ones([4, 64]));
    kept.push(tensor([1], { dtype: "i32" }));
    (kept[3] as Tensor).label = "count";
  };
  await expect(assertNoLeak(leaky)).rejects.toThrow(AssertionError);
  await expect(assertNoLeak(leaky)).rejects.toThrow(
    /4 tensors and 3328 bytes more than before: 3 x f32 \[4, 64\], i32 \[1\]/,
  );
  await expect(assertNoLeak(async () => kept.push(ones([2])))).rejects.toThrow(/1 tensor and 256 bytes .*: f32 \[2\]/);
  const named = () => {
    const x = ones([2]);
    x.label = "hidden";
    kept.push(x);
  };
  await expect(assertNoLeak(named)).rejects.toThrow(/'hidden' f32 \[2\]/);
  await expect(assertNoLeak(() => void add(ones([2]), 1))).rejects.toThrow(/2 x f32 \[2\]/);
});

it("assertNoLeak finds bytes without a tensor, rethrows the function's error, and refuses other values", async () => {
  await expect(assertNoLeak(() => void runtimeOf(device).pool.acquire(512, () => "a test"))).rejects.toThrow(
    /512 bytes more .* in no new tensor/,
  );
  await expect(assertNoLeak(() => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
  await expect(assertNoLeak(3 as never)).rejects.toThrow(/'fn' expected a function, got 3/);
});
