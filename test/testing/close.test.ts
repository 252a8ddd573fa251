import { expect, it } from "vitest";
import { ArgumentError } from "../../src/errors.ts";
import { tensor } from "../../src/tensor/create.ts";
import { AssertionError, assertClose } from "../../src/testing/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

it("assertClose passes on equal values in any two forms, synchronously without tensors", async () => {
  assertClose(1, 1);
  assertClose([[1, 2], [3, 4]], new Float32Array([1, 2, 3, 4])); // biome-ignore format: a matrix
  assertClose([], []);
  assertClose([true, false], [1, 0]);
  assertClose([Infinity, -Infinity], [Infinity, -Infinity]);
  expect(assertClose([1], [1])).toBeUndefined();
  const x = tensor([[1, 2], [3, 4]]); // biome-ignore format: a matrix
  await assertClose(x, x);
  await assertClose(x, [[1, 2], [3, 4]]); // biome-ignore format: a matrix
  await assertClose(Float64Array.of(1, 2, 3, 4), x);
  await assertClose(tensor([true, false]), [true, false]);
});

it("assertClose allows atol and rtol of the expected value, and not more", () => {
  assertClose([1.0001], [1], { atol: 2e-4, rtol: 0 });
  assertClose([1001], [1000], { atol: 0, rtol: 1e-3 });
  expect(() => assertClose([1.0003], [1], { atol: 2e-4, rtol: 0 })).toThrow(AssertionError);
  expect(() => assertClose([1000], [1001.1], { atol: 0, rtol: 1e-3 })).toThrow(AssertionError);
  expect(() => assertClose([1 + 2e-5], [1])).toThrow(AssertionError);
});

it("assertClose names the worst element, its index and how many differ", () => {
  const expected = [[1, 2, 3], [4, 5, 6]]; // biome-ignore format: a matrix
  expect(() => assertClose([[1, 2.5, 3], [4, 5, 7]], expected)).toThrow(
    /2 of 6 elements differ; the worst at \[1, 2\]: got 7, expected 6, difference 1 > 0\.0000178 \(atol 0\.00001, rtol 0\.0000013\)/,
  ); // biome-ignore format: a matrix
  expect(() => assertClose(new Float32Array([1, 3]), new Float32Array([1, 2]))).toThrow(/1 of 2 .* worst at \[1\]/);
});

it("assertClose never takes NaN or an infinity for close", () => {
  for (const [a, e] of [[NaN, 1], [1, NaN], [NaN, NaN], [1, Infinity], [Infinity, 1e38], [-Infinity, Infinity]]) {
    expect(() => assertClose([a!], [e!], { rtol: 1 }), `${a} ${e}`).toThrow(AssertionError);
  } // biome-ignore format: pairs
  assertClose([Number.NaN], [Number.NaN], { equalNan: true });
  expect(() => assertClose([1, Number.NaN, 9], [5, 0, 0])).toThrow(/worst at \[1\]: got NaN/);
});

it("assertClose compares shapes", async () => {
  expect(() => assertClose([[1, 2]], [1, 2])).toThrow(/expected shape \[2\], got shape \[1,2\]/);
  expect(() => assertClose(new Float32Array(3), [1, 2])).toThrow(/expected shape \[2\], got 3 elements/);
  await expect(assertClose(tensor([[1, 2]]), tensor([1, 2]))).rejects.toThrow(AssertionError);
  await expect(assertClose(tensor([1, 2]), [1, 3])).rejects.toThrow(/1 of 2 elements differ/);
});

it("assertClose refuses what holds no numbers", () => {
  expect(() => assertClose("1" as never, 1)).toThrow(
    /'actual' expected a tensor, a typed array, or nested numbers, got '1'/,
  );
  expect(() => assertClose([1, [2]] as never, [1, 2])).toThrow(/rows of equal length/);
  expect(() =>
    assertClose(
      [[1, 2], [3]],
      [
        [1, 2],
        [3, 4],
      ],
    ),
  ).toThrow(/rows of equal length/);
  expect(() => assertClose([1], [1], { tol: 1 } as never)).toThrow(/did you mean 'atol'|unknown option 'tol'/);
  expect(() => assertClose([1], [1], { atol: -1 })).toThrow(ArgumentError);
  expect(() => assertClose([1], [1], { atol: -1 })).toThrow(/'atol' expected a finite number >= 0/);
});
