/** Making tensors: values, dtypes, shapes, and what is refused. */
import { describe, expect, it } from "vitest";
import {
  ArgumentError,
  arange,
  DtypeError,
  eye,
  full,
  linspace,
  manualSeed,
  ones,
  onesLike,
  rand,
  randint,
  randn,
  randperm,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
  zerosLike,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const list = async (x: Tensor) => [...(await x.data())];

describe("tensor", () => {
  it("takes a number, nested arrays, booleans and typed arrays", async () => {
    expect(await tensor(2.5).tolist()).toBe(2.5);
    expect(
      await tensor([
        [1, 2],
        [3, 4],
      ]).tolist(),
    ).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(await tensor([true, false]).tolist()).toEqual([true, false]);
    expect(await tensor(new Float64Array([1, 2, 3, 4]), { shape: [2, 2] }).tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(await tensor([]).tolist()).toEqual([]);
    expect(await tensor([[], []]).shape).toEqual([2, 0]);
  });

  it("chooses a dtype by the data unless one is given", () => {
    const dtypes = [
      tensor([1]),
      tensor(true),
      tensor(new Int32Array(1)),
      tensor(new Uint32Array(1)),
      tensor(new Uint8Array(1)),
    ];
    expect(dtypes.map(({ dtype }) => dtype)).toEqual(["f32", "bool", "i32", "u32", "f32"]);
    expect(tensor([1, 2], { dtype: "i32" }).dtype).toBe("i32");
  });

  it.each(["f32", "i32", "u32", "bool"] as const)("keeps values of dtype %s", async (dtype) => {
    const values = { f32: [1.5, -2, Infinity], i32: [-5, 0, 2 ** 31 - 1], u32: [0, 7, 2 ** 32 - 1], bool: [0, 1, 1] }[
      dtype
    ];
    expect(await list(tensor(values, { dtype }))).toEqual(values);
    expect(await list(full([5], values[1] as number, { dtype }))).toEqual(new Array(5).fill(values[1]));
  });

  it("refuses ragged arrays, wrong sizes, unknown options and dtypes", () => {
    expect(() => tensor([[1], [1, 2]])).toThrow(ShapeError);
    expect(() => tensor([1, 2, 3], { shape: [2, 2] })).toThrow(/4 elements|3 elements/);
    expect(() => tensor([1], { shap: [1] } as object)).toThrow(/did you mean 'shape'/);
    expect(() => tensor([1], { dtype: "float" as "f32" })).toThrow(DtypeError);
    expect(() => tensor("12" as unknown as number)).toThrow(ArgumentError);
    expect(() => tensor([1], { dtype: "i32", requiresGrad: true })).toThrow(/float/);
  });
});

it("constants have any shape, empty ones included", async () => {
  expect(await zeros([2, 2]).tolist()).toEqual([
    [0, 0],
    [0, 0],
  ]);
  expect(await ones([3], { dtype: "i32" }).tolist()).toEqual([1, 1, 1]);
  expect(await full([], 7).item()).toBe(7);
  for (const shape of [[0], [2, 0, 3]]) expect(await list(ones(shape))).toEqual([]);
  const x = tensor([[1, 2]], { dtype: "u32" });
  expect([zerosLike(x), onesLike(x)].map(({ shape, dtype }) => [shape, dtype])).toEqual([
    [[1, 2], "u32"],
    [[1, 2], "u32"],
  ]);
  expect(() => zeros([-1])).toThrow(ArgumentError);
  expect(() => zeros([1.5])).toThrow(ArgumentError);
});

it("ranges are as PyTorch's", async () => {
  expect(await list(arange(4))).toEqual([0, 1, 2, 3]);
  expect(await list(arange(1, 2, 0.25))).toEqual([1, 1.25, 1.5, 1.75]);
  expect(await list(arange(3, 0, -1, { dtype: "i32" }))).toEqual([3, 2, 1]);
  expect(await list(arange(2, 2))).toEqual([]);
  expect(() => arange(0, 1, 0)).toThrow(ArgumentError);
  expect(await list(linspace(0, 1, 5))).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(await list(linspace(3, 9, 1))).toEqual([3]);
  expect(await list(linspace(3, 9, 0))).toEqual([]);
  expect(await eye(2, 3).tolist()).toEqual([
    [1, 0, 0],
    [0, 1, 0],
  ]);
});

describe("random tensors", () => {
  it("repeat with their seed, and differ without", async () => {
    const draw = async () => [
      ...(await list(rand([5]))),
      ...(await list(randn([7]))),
      ...(await list(randint(0, 99, [3]))),
      ...(await list(randperm(9))),
    ];
    manualSeed(3);
    const first = await draw();
    const next = await draw();
    manualSeed(3);
    expect(await draw()).toEqual(first);
    expect(next).not.toEqual(first);
    manualSeed(4);
    expect(await draw()).not.toEqual(first);
  });

  it("have their distribution's mean, variance and range", async () => {
    manualSeed(1);
    const moments = (values: number[]) => {
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      return { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length };
    };
    const uniform = await list(rand([100_001]));
    expect(Math.min(...uniform.slice(0, 50_000))).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniform.slice(0, 50_000))).toBeLessThan(1);
    // Four standard deviations of the estimates.
    expect(Math.abs(moments(uniform).mean - 0.5)).toBeLessThan(0.0037);
    expect(Math.abs(moments(uniform).variance - 1 / 12)).toBeLessThan(0.001);
    const normal = moments(await list(randn([100_001])));
    expect(Math.abs(normal.mean)).toBeLessThan(0.0127);
    expect(Math.abs(normal.variance - 1)).toBeLessThan(0.018);
    const dice = await list(randint(1, 7, [6000]));
    expect([...new Set(dice)].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("include randperm, which is a permutation", async () => {
    expect((await list(randperm(100))).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(await list(randperm(0))).toEqual([]);
  });
});

it("tensors are read through any strides, nested and flat", async () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  expect(await x.t().tolist()).toEqual([
    [1, 4],
    [2, 5],
    [3, 6],
  ]);
  expect(await list(x.slice(1, 1).flip(0))).toEqual([5, 6, 2, 3]);
  expect(await list(x.expand([2, 2, 3]))).toEqual([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
  await expect(x.item()).rejects.toThrow(/one element/);
});

it("in-place writes go through views, outside the graph", async () => {
  const x = zeros([2, 3]);
  x.narrow(1, 1, 1).fill_(5);
  expect(await x.tolist()).toEqual([
    [0, 5, 0],
    [0, 5, 0],
  ]);
  x.t().copy_(
    tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]),
  );
  expect(await x.tolist()).toEqual([
    [1, 3, 5],
    [2, 4, 6],
  ]);
  // Overlapping views of one memory: as if the source had been copied first.
  const y = arange(5);
  y.narrow(0, 1, 4).copy_(y.narrow(0, 0, 4));
  expect(await list(y)).toEqual([0, 0, 1, 2, 3]);
  const leaf = ones([2], { requiresGrad: true });
  leaf.fill_(3);
  expect(await list(leaf)).toEqual([3, 3]);
  expect(() => leaf.mul(2).fill_(1)).toThrow(/graph/);
  expect(() => leaf.copy_(ones([3]))).toThrow(/\[2\]/);
  expect(() => tensor([1]).expand([3]).fill_(1)).toThrow(/share memory/);
  leaf.copy_(tensor([7], { dtype: "i32" }));
  expect(await list(leaf)).toEqual([7, 7]);
});

it("creation takes options last, whatever numbers are omitted", async () => {
  const whole = { dtype: "i32" } as const;
  const made = [arange(3, whole), arange(1, 3, whole), arange(0, 6, 2, whole), eye(2, whole), eye(1, 2, whole)];
  expect(made.map(({ dtype }) => dtype)).toEqual(made.map(() => "i32"));
  expect(await Promise.all(made.map((one) => one.tolist()))).toEqual([
    [0, 1, 2],
    [1, 2],
    [0, 2, 4],
    [
      [1, 0],
      [0, 1],
    ],
    [[1, 0]],
  ]);
  const x = ones([2]);
  expect([zerosLike(x, whole).dtype, onesLike(x, { requiresGrad: true }).requiresGrad]).toEqual(["i32", true]);
  expect([x, x].map(zerosLike).map(({ dtype }) => dtype)).toEqual(["f32", "f32"]);
});

it("creation takes booleans and 64-bit integers", async () => {
  const flags = full([2], true);
  expect([flags.dtype, await flags.tolist()]).toEqual(["bool", [true, true]]);
  const labels = tensor(BigInt64Array.from([3n, -1n]));
  expect([labels.dtype, await labels.tolist()]).toEqual(["i32", [3, -1]]);
});
