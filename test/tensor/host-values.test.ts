/** Host values that a dtype holds, and those that it does not. */
import { describe, expect, it } from "vitest";
import { ArgumentError, arange, type Dtype, full, maximum, rand, ShapeError, tensor, zeros } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const UNHELD: readonly (readonly [Dtype, number])[] = [
  ["i32", 3e9],
  ["i32", 2 ** 31],
  ["i32", -(2 ** 31) - 1],
  ["i32", Number.NaN],
  ["i32", Number.POSITIVE_INFINITY],
  ["i32", Number.NEGATIVE_INFINITY],
  ["u32", -1],
  ["u32", 2 ** 32],
  ["u32", Number.NaN],
];

describe.each(UNHELD)("%s does not hold %d", (dtype, value) => {
  it("in data, where the error names the index", () => {
    expect(() => tensor([0, value], { dtype })).toThrow(ArgumentError);
    expect(() => tensor([0, value], { dtype })).toThrow(new RegExp(`${dtype} holds.*got ${value}.* at index 1`));
    expect(() => tensor(Float64Array.of(0, 1, value), { dtype })).toThrow("at index 2");
  });

  it("as a fill or padding value", () => {
    expect(() => full([2], value, { dtype })).toThrow(ArgumentError);
    expect(() => zeros([2], { dtype }).fill_(value)).toThrow(ArgumentError);
    expect(() => zeros([2], { dtype }).pad([[1, 1]], value)).toThrow(ArgumentError);
  });
});

it("int64 values beyond 32 bits are refused, and those within are taken", async () => {
  expect(() => tensor(BigInt64Array.of(1n, 2n ** 40n))).toThrow("got 1099511627776 at index 1");
  expect(await tensor(BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n)).tolist()).toEqual([-(2 ** 31), 2 ** 31 - 1]);
  expect(await tensor(BigUint64Array.of(2n ** 32n - 1n), { dtype: "u32" }).tolist()).toEqual([2 ** 32 - 1]);
});

it("conversion truncates fractions, keeps the ends of the range, and takes NaN for true", async () => {
  expect(await tensor([1.9, -1.9, 2 ** 31 - 1, -(2 ** 31)], { dtype: "i32" }).tolist()).toEqual([
    1,
    -1,
    2 ** 31 - 1,
    -(2 ** 31),
  ]);
  expect(await tensor([0, -0, Number.NaN, 2], { dtype: "bool" }).tolist()).toEqual([false, false, true, true]);
  expect(await full([2], Number.NaN, { dtype: "bool" }).tolist()).toEqual([true, true]);
  expect(await tensor([1e39, -1e39]).tolist()).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
});

it("only a list of booleans becomes bool: a number among them makes it f32", async () => {
  expect(tensor([true, false]).dtype).toBe("bool");
  const mixed = tensor([true, 2]);
  expect(mixed.dtype).toBe("f32");
  expect(await mixed.tolist()).toEqual([1, 2]);
});

it("a number that the dtype of an integer tensor cannot hold is refused beside it", async () => {
  const whole = tensor([1, 2], { dtype: "i32" });
  expect(() => whole.add(3e9)).toThrow(ArgumentError);
  expect(() => maximum(whole, -3e9)).toThrow(ArgumentError);
  expect(await whole.add(2 ** 30).tolist()).toEqual([2 ** 30 + 1, 2 ** 30 + 2]);
});

it("sizes beyond 32 bits and cyclic lists are refused at once", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  expect(() => tensor(cycle as never)).toThrow(ShapeError);
  expect(() => arange(1e12)).toThrow(ShapeError);
  expect(() => rand([2 ** 40])).toThrow(ShapeError);
  expect(() => zeros([1]).expand([2 ** 33])).toThrow(ShapeError);
});

describe("pad by mode", () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const amounts = [
    [1, 1],
    [2, 1],
  ] as const;

  it.each([
    ["reflect", [6, 5, 4, 5, 6, 5], [3, 2, 1, 2, 3, 2]],
    ["replicate", [1, 1, 1, 2, 3, 3], [1, 1, 1, 2, 3, 3]],
    ["circular", [5, 6, 4, 5, 6, 4], [2, 3, 1, 2, 3, 1]],
    ["constant", [0, 0, 0, 0, 0, 0], [0, 0, 1, 2, 3, 0]],
  ] as const)("%s is PyTorch's", async (mode, first, second) => {
    const rows = (await x.pad(amounts, { mode }).tolist()) as number[][];
    expect(rows.slice(0, 2)).toEqual([first, second]);
  });

  it("has the number of copies of each element as its gradient", async () => {
    const leaf = tensor([1, 2, 3], { requiresGrad: true });
    leaf
      .pad([[2, 1]], { mode: "reflect" })
      .sum()
      .backward();
    expect(await leaf.grad?.tolist()).toEqual([1, 3, 2]);
  });

  it("refuses more padding than the mode supports, and a value that is not used", () => {
    expect(() =>
      x.pad(
        [
          [2, 0],
          [0, 0],
        ],
        { mode: "reflect" },
      ),
    ).toThrow("at most 1");
    expect(() =>
      x.pad(
        [
          [3, 0],
          [0, 0],
        ],
        { mode: "circular" },
      ),
    ).toThrow("at most 2");
    expect(() => zeros([0]).pad([[1, 0]], { mode: "replicate" })).toThrow("at most 0");
    expect(() => x.pad(amounts, { mode: "reflect", value: 1 })).toThrow("nothing with mode 'reflect'");
  });
});
