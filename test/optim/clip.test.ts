import { describe, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import { narrow, tensor, transpose } from "../../src/index.ts";
import { Adam, clipGradNorm, clipGradValue, SGD } from "../../src/optim/index.ts";
import { copyInto } from "../../src/tensor/copy.ts";
import { readData } from "../../src/tensor/readback.ts";
import { gradSlotOf, type Tensor } from "../../src/tensor/tensor.ts";
import { norm } from "../reference/optim.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { leaf, numbers, setGrad } from "../support/optim.ts";

const device = await testDevice();
const close = { rtol: 2e-6, atol: 0 };

/** Parameters with gradients of these sizes, in flat storage or each in its own memory. */
function withGrads(sizes: readonly number[], flat: boolean, scale = 1): { params: Tensor[]; values: number[][] } {
  const params = sizes.map((size, i) => leaf(numbers(size, i)));
  const values = sizes.map((size, i) => numbers(size, 30 + i).map((one) => Math.fround(one * scale)));
  if (flat) new SGD(params, { lr: 1 });
  params.forEach((p, i) => {
    setGrad(p, values[i] as number[]);
    if (flat) p.grad = written(gradSlotOf(p) as Tensor, values[i] as number[]);
  });
  return { params, values };
}

/** A tensor with new values. */
function written(x: Tensor, values: readonly number[]): Tensor {
  copyInto(x, tensor(Float32Array.from(values), { shape: x.shape }));
  return x;
}

const item = async (x: Tensor): Promise<number> => (await readData(x))[0] as number;

describe.each([true, false])("clipGradNorm (flat gradients: %s)", (flat) => {
  it.each([2, 1, 3, 0.5, Infinity])(
    "returns the %d-norm before clipping, and scales by maxNorm over it",
    async (normType) => {
      const { params, values } = withGrads([1, 3, 4097, 64, 130], flat);
      const exact = norm(values.flat(), normType);
      const found = clipGradNorm(params, 0.5, { normType });
      expect(found.shape).toEqual([]);
      // pow() of software adapters is good for three digits.
      const rtol = [1, 2, Infinity].includes(normType) ? 2e-6 : 2e-3;
      expectClose([await item(found)], [exact], { rtol, atol: 0 }, "norm");
      for (const [i, p] of params.entries()) {
        const clipped = values[i]!.map((one) => (one * 0.5) / (exact + 1e-6));
        expectClose(await readData(p.grad!), clipped, { rtol: rtol + 1e-6, atol: 0 }, `gradient ${i}`);
      }
    },
  );

  it("leaves smaller gradients as they are, to the bit", async () => {
    const { params, values } = withGrads([5, 6], flat);
    const found = clipGradNorm(params, 100);
    expectClose([await item(found)], [norm(values.flat())], close, "norm");
    for (const [i, p] of params.entries()) expect(await readData(p.grad!)).toEqual(Float32Array.from(values[i]!));
  });

  it.each([1e-30, 1e-12, 1e30, 3e38])("neither loses nor overflows gradients of %d", async (scale) => {
    const { params, values } = withGrads([3, 1000], flat, scale / 20);
    const exact = norm(values.flat());
    const found = clipGradNorm(params, exact / 2);
    expectClose([await item(found)], [exact], { rtol: 5e-6, atol: 0 }, "norm");
    const factor = Math.min(1, exact / 2 / (exact + 1e-6));
    expectClose(
      await readData(params[1]!.grad!),
      values[1]!.map((one) => one * factor),
      { rtol: 1e-5, atol: 1e-37 },
      "gradient",
    );
  });

  it.each([Infinity, -Infinity, Number.NaN])(
    "leaves the gradients where one is %d, and says so by the norm",
    async (bad) => {
      const { params, values } = withGrads([3, 70], flat);
      (values[1] as number[])[69] = bad;
      written(params[1]!.grad!, values[1]!);
      const found = await item(clipGradNorm(params, 1));
      expect(found).toBe(Math.abs(bad));
      for (const [i, p] of params.entries()) expect(await readData(p.grad!)).toEqual(Float32Array.from(values[i]!));
    },
  );

  it("clipGradValue clamps each element and keeps NaN", async () => {
    const { params } = withGrads([6, 3], flat);
    written(params[0]!.grad!, [2, -2, 0.25, Infinity, -Infinity, Number.NaN]);
    clipGradValue(params, 0.5);
    expect(await readData(params[0]!.grad!)).toEqual(Float32Array.of(0.5, -0.5, 0.25, 0.5, -0.5, Number.NaN));
  });
});

it("clipGradNorm takes three dispatches for 100 flat gradients", () => {
  const { params } = withGrads(new Array<number>(100).fill(50), true);
  clipGradNorm(params, 1);
  const before = runtimeOf(device).recorder.dispatchCount;
  clipGradNorm(params, 1);
  expect(runtimeOf(device).recorder.dispatchCount - before).toBe(3);
});

it("clipGradNorm handles parameters without gradient, shared gradients, strided ones, and views with neighbors", async () => {
  const grid = tensor([
    [3, 0],
    [0, 4],
  ]);
  const [a, b, c, none] = [
    leaf([0, 0]),
    leaf([0, 0, 0]),
    tensor(
      [
        [0, 0],
        [0, 0],
      ],
      { requiresGrad: true },
    ),
    leaf([1]),
  ];
  const long = tensor([0, 0, 0, 7, 7]);
  a.grad = tensor([0, 12]);
  b.grad = narrow(long, 0, 0, 3);
  c.grad = transpose(grid, 0, 1);
  expect(await item(clipGradNorm([a, b, c, none, a], 6.5))).toBe(13);
  expectClose(await readData(a.grad), [0, 6], close, "a");
  expectClose(await readData(grid), [1.5, 0, 0, 2], close, "grid");
  expect(await readData(long)).toEqual(Float32Array.of(0, 0, 0, 7, 7));
  expect(await item(clipGradNorm([none], 1))).toBe(0);
  expect(await item(clipGradNorm(a, 1))).toBeCloseTo(6, 4);
});

it("clipGradNorm takes no memory but for the norms over many steps that free nothing", () => {
  const { params } = withGrads([300, 5], true);
  const optimizer = new Adam(params);
  const step = () => {
    for (const p of params) p.grad = gradSlotOf(p) as Tensor;
    clipGradNorm(params, 1);
    optimizer.step();
    optimizer.zeroGrad();
  };
  for (let i = 0; i < 100; i++) step();
  const { pooledBytes, ...before } = device.memory();
  for (let i = 0; i < 400; i++) step();
  const { pooledBytes: after, ...rest } = device.memory();
  expect(rest).toEqual(before);
  expect(after - pooledBytes).toBeLessThanOrEqual(400 * 256 + 2 ** 16);
});

it("clipped gradients reach the optimizer's step", async () => {
  const p = leaf([0]);
  const optimizer = new SGD([p], { lr: 1 });
  setGrad(p, [8]);
  clipGradNorm([p], 2);
  optimizer.step();
  expectClose(await readData(p), [-2], close, "p");
});

it.each([0, -1, Number.NaN, "1", undefined])("clipGradNorm refuses a limit of %s", (limit) => {
  const { params } = withGrads([2], false);
  expect(() => clipGradNorm(params, limit as number)).toThrow("'maxNorm' expected a number > 0");
  expect(() => clipGradValue(params, limit as number)).toThrow("'clipValue' expected a number > 0");
});

it("clipping refuses other bad arguments", () => {
  const p = leaf([1]);
  new Adam([p]);
  expect(() => clipGradNorm([p], 1, { normType: 0 })).toThrow("normType");
  expect(() => clipGradNorm([p], 1, { norm: 2 } as object)).toThrow("unknown option 'norm'");
  expect(() => clipGradNorm([], 1)).toThrow("at least one");
  expect(() => clipGradNorm(3 as never, 1)).toThrow("params");
  expect(() => clipGradNorm([3] as never, 1)).toThrow("only tensors");
});

it("clipGradNorm allows an infinite limit, to measure the norm alone", async () => {
  const { params, values } = withGrads([9], false);
  expectClose([await item(clipGradNorm(params, Infinity))], [norm(values.flat())], close, "norm");
  expect(await readData(params[0]!.grad!)).toEqual(Float32Array.from(values[0]!));
});
