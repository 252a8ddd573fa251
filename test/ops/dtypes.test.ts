/** Integers, booleans and mixed dtypes: results and dtypes of ops, where PyTorch allows them. */
import { describe, expect, it } from "vitest";
import {
  add,
  cat,
  clamp,
  cumsum,
  DtypeError,
  div,
  eq,
  exp,
  gather,
  logicalNot,
  matmul,
  max,
  mean,
  min,
  mul,
  neg,
  norm,
  pow,
  prod,
  relu,
  scatterAdd,
  sub,
  sum,
  type Tensor,
  tensor,
  to,
  tril,
  where,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const i32 = (data: number[] | number[][]) => tensor(data, { dtype: "i32" });
const u32 = (data: number[] | number[][]) => tensor(data, { dtype: "u32" });
const both = async (x: Tensor) => [x.dtype, ...(await x.data())];

describe("dtypes are promoted as in PyTorch", () => {
  const table: [string, () => Tensor, (string | number)[]][] = [
    ["i32 + i32", () => add(i32([1, -2]), i32([5, 5])), ["i32", 6, 3]],
    ["u32 * u32", () => mul(u32([3, 4e9]), u32([2, 1])), ["u32", 6, 4e9]],
    ["u32 - i32", () => sub(u32([1]), i32([3])), ["i32", -2]],
    ["i32 + f32", () => add(i32([1]), tensor([0.5])), ["f32", 1.5]],
    ["i32 + 1", () => add(i32([1]), 1), ["i32", 2]],
    ["i32 * 0.5", () => mul(i32([3]), 0.5), ["f32", 1.5]],
    ["u32 + -1", () => add(u32([1]), -1), ["i32", 0]],
    ["bool + bool", () => add(tensor([true]), tensor([true])), ["i32", 2]],
    ["bool * f32", () => mul(tensor([true, false]), tensor([2, 2])), ["f32", 2, 0]],
    ["i32 / i32", () => div(i32([7]), i32([2])), ["f32", 3.5]],
    ["i32 ** 3", () => pow(i32([-2, 3]), 3), ["i32", -8, 27]],
    ["eq of i32", () => eq(i32([2 ** 24 + 1]), i32([2 ** 24])), ["bool", 0]],
    ["where of i32", () => where(tensor([true, false]), i32([2 ** 24 + 1, 1]), 7), ["i32", 2 ** 24 + 1, 7]],
    ["u32 ** 3", () => pow(u32([2, 1625]), 3), ["u32", 8, 1625 ** 3 % 2 ** 32]],
    ["i32 ** negative i32", () => pow(i32([2, 1, -1, -1, 0]), i32([-1, -7, -3, -4, -1])), ["i32", 0, 1, -1, 1, 0]],
    ["u32 ** u32", () => pow(u32([3, 2 ** 32 - 1]), u32([5, 2 ** 32 - 1])), ["u32", 243, 2 ** 32 - 1]],
    ["bool ** i32", () => pow(tensor([true, false]), i32([2, 2])), ["i32", 1, 0]],
    [
      "where of bools",
      () => where(tensor([true, false]), tensor([true, true]), tensor([false, false])),
      ["bool", 1, 0],
    ],
    ["neg i32", () => neg(i32([3])), ["i32", -3]],
    ["relu i32", () => relu(i32([3, -3])), ["i32", 3, 0]],
    ["clamp i32", () => clamp(i32([3, -3, 9]), -1, 5), ["i32", 3, -1, 5]],
    ["clamp i32 from below", () => clamp(i32([3, -3]), 0), ["i32", 3, 0]],
    ["clamp u32", () => clamp(u32([3, 4e9]), 5, 3e9), ["u32", 5, 3e9]],
    ["exp i32", () => exp(i32([0])), ["f32", 1]],
    ["not i32", () => logicalNot(i32([0, 3])), ["bool", 1, 0]],
  ];
  it.each(table)("%s", async (_, run, expected) => {
    expect(await both(run())).toEqual(expected);
  });
});

describe("reductions and movement keep the right dtype", () => {
  const table: [string, () => Tensor, (string | number)[]][] = [
    ["sum i32", () => sum(i32([2 ** 24, 1, -5])), ["i32", 2 ** 24 - 4]],
    [
      "matmul i32",
      () =>
        matmul(
          i32([
            [2 ** 24 + 1, 1],
            [0, 3],
          ]),
          i32([
            [1, 2],
            [5, -1],
          ]),
        ),
      ["i32", 2 ** 24 + 6, 2 ** 25 + 1, 15, -3],
    ],
    ["matmul of u32 vectors", () => matmul(u32([3, 4]), u32([5, 6])), ["u32", 39]],
    ["sum bool", () => sum(tensor([true, true, false])), ["i32", 2]],
    ["prod i32", () => prod(i32([3, -4])), ["i32", -12]],
    ["max i32", () => max(i32([-3, -4])), ["i32", -3]],
    ["min u32", () => min(u32([4e9, 3e9]), 0), ["u32", 3e9]],
    ["cumsum i32", () => cumsum(i32([2 ** 24, 1, 1]), 0), ["i32", 2 ** 24, 2 ** 24 + 1, 2 ** 24 + 2]],
    ["cat i32", () => cat([i32([1]), i32([2])]), ["i32", 1, 2]],
    ["gather bool", () => gather(tensor([true, false]), 0, i32([1, 0, 0])), ["bool", 0, 1, 1]],
    ["scatterAdd i32", () => scatterAdd(i32([1, 1]), 0, i32([0, 0, 1]), i32([2 ** 24, 1, 5])), ["i32", 2 ** 24 + 2, 6]],
    [
      "tril i32",
      () =>
        tril(
          i32([
            [1, 2],
            [3, 4],
          ]),
        ),
      ["i32", 1, 0, 3, 4],
    ],
  ];
  it.each(table)("%s", async (_, run, expected) => {
    expect(await both(run())).toEqual(expected);
  });
});

it("to() converts as PyTorch does", async () => {
  expect(await both(to(tensor([1.9, -1.9, 0]), "i32"))).toEqual(["i32", 1, -1, 0]);
  expect(await both(to(tensor([0, 0.5, Number.NaN]), "bool"))).toEqual(["bool", 0, 1, 1]);
  expect(await both(to(i32([-1]), "u32"))).toEqual(["u32", 2 ** 32 - 1]);
  expect(await both(to(tensor([true]), "f32"))).toEqual(["f32", 1]);
  const x = tensor([1], { requiresGrad: true });
  expect(to(x, "f32")).toBe(x);
  expect(to(x, "i32").requiresGrad).toBe(false);
});

it("gradients pass through masks of other dtypes", async () => {
  const x = tensor([1, 2, 3], { requiresGrad: true });
  sum(mul(mul(x, tensor([true, false, true])), i32([5, 6, 7]))).backward();
  expect([...(await (x.grad as Tensor).data())]).toEqual([5, 0, 7]);
});

it("an integer power with a huge exponent takes no longer", async () => {
  const powers = () => pow(i32([2, 3, -1]), i32([2 ** 30, 2 ** 30, 2 ** 31 - 1])).data();
  await powers();
  const started = performance.now();
  expect([...(await powers())]).toEqual([0, 1, -1]);
  expect(performance.now() - started).toBeLessThan(500);
});

it("operations without a meaning for integers are refused", () => {
  expect(() => mean(i32([1]))).toThrow(DtypeError);
  expect(() => norm(i32([1]))).toThrow(DtypeError);
  expect(() => cat([i32([1]), tensor([1])])).toThrow(DtypeError);
  expect(() => gather(tensor([1]), 0, tensor([0]))).toThrow(/i32 or u32/);
});
