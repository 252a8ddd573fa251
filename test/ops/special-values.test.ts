/** NaN, infinities, zeros, tiny and huge numbers through every operation, forward and backward, as in PyTorch. */
import { describe, expect, it } from "vitest";
import * as gradwell from "../../src/index.ts";
import { grad, isinf, isnan, mul, ones, prod, type Tensor, tensor, zeros } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { fillArgs, type GoldenCase, type GoldenTensor, golden } from "../support/golden.ts";
import { layouts, withLayout } from "../support/strided.ts";

const device = await testDevice();
const goldenCases = await golden("special_values");
const SMALLEST_NORMAL = 2 ** -126;
const flushes = (await mul(tensor([1e-38]), 1e20).item()) === 0;

/** One element of a result: the inputs' elements beside it, the upstream gradient, the row of x, and which gradient it is. */
interface Point {
  readonly values: readonly number[];
  readonly g: number | undefined;
  readonly row: readonly number[];
  readonly of: string;
}

/** Points where the library deliberately differs from PyTorch. */
const exceptions: Record<string, { readonly why: string; readonly at: (point: Point) => boolean }> = {
  sign: {
    why: "PyTorch 1.13 gives 0 for NaN, NumPy NaN: a divergence must show",
    at: ({ values: [x = 0] }) => Number.isNaN(x),
  },
  abs: { why: "its slope is the sign", at: ({ values: [x = 0], of }) => Number.isNaN(x) && of === "x" },
  "nn.l1Loss": {
    why: "its slope is the sign",
    at: ({ values: [x = 0, y = 0], of }) => Number.isNaN(x - y) && of === "x",
  },
  elu: {
    why: "PyTorch's exp(x) - 1 loses small x",
    at: ({ values: [x = 0], of }) => Math.abs(x) === 1e-30 && of === "out",
  },
  rsqrt: {
    why: "PyTorch's cube of the result overflows",
    at: ({ values: [x = 0], g, of }) => of === "x" && x < 1e-29 && g === 0,
  },
  div: {
    why: "PyTorch's x / y / y underflows",
    at: ({ values: [, y], g, of }) => of === "y" && y === 1e30 && g === Infinity,
  },
  pow: {
    why: "a power of 0 does not change with its exponent: selected, where PyTorch multiplies; -0.5 is the reciprocal root, slope included",
    at: ({ values: [x = 0, y], g, of }) =>
      (of !== "out" && x === 0 && g === Infinity) ||
      (y === undefined && of === "x" && (Math.abs(x) < 1e-29 || x === -Infinity || g === Infinity)),
  },
  logsumexp: {
    why: "PyTorch divides by exp of a rounded result",
    at: ({ row, of }) => of === "x" && row[0] === 1e30,
  },
  norm: {
    why: "at 0 the gradient is 0: selected, where PyTorch multiplies",
    at: ({ row, g, of }) => of === "x" && g === Infinity && row.every((x) => Math.abs(x) < 1e-20),
  },
  prod: {
    why: "the product of the others, where PyTorch divides by the element",
    at: ({ row, of }) => of === "x" && row.some((x) => !Number.isFinite(x)),
  },
  "nn.huberLoss": {
    why: "an infinite upstream gradient at the joint",
    at: ({ values: [x = 0, y = 0], g }) => g === Infinity && Math.abs(x - y) === 1,
  },
  "nn.bceWithLogits": {
    why: "the loss of -inf for a target of 1 is infinite; the slope is a sum of two terms, which an infinite upstream gradient spoils",
    at: ({ values: [x], g, of }) => (of === "out" && x === -Infinity) || (of === "x" && g === Infinity),
  },
};
/** Operations for which either zero is right, or whose kernels in PyTorch lose the sign. */
const anyZero = ["maximum", "minimum", "max", "min", "gelu", "elu"];

const isSubnormal = (x: number) => x !== 0 && Math.abs(x) < SMALLEST_NORMAL;

/** Equal in being NaN, in infinity, and to a few ulp. */
function agrees(got: number, want: number): boolean {
  if (Number.isNaN(want)) return Number.isNaN(got);
  if (!Number.isFinite(want)) return got === want;
  if (Math.abs(want) <= SMALLEST_NORMAL) return Math.abs(got) <= SMALLEST_NORMAL;
  return Math.abs(got - want) <= 1e-6 * Math.abs(want);
}

function mistakes(one: GoldenCase, got: ArrayLike<number | bigint>, want: GoldenTensor, of: string): string[] {
  const inputs = Object.values(one.inputs).filter(({ data }) => data.length === want.data.length);
  const top = one.upstream.out?.data;
  const x = one.inputs.x?.data as number[];
  const width = one.op === "maxPool2d" ? 1 : x.length / (top?.length ?? want.data.length);
  return want.data.flatMap((wanted, i) => {
    const at = of === "out" && inputs.length === 0 ? i * width : i;
    const first = Math.floor(at / width) * width;
    const g =
      of === "out"
        ? undefined
        : top?.[inputs.length > 0 && top.length === want.data.length ? i : Math.floor(at / width)];
    const point = { values: inputs.map(({ data }) => data[i] as number), g, row: x.slice(first, first + width), of };
    if (exceptions[one.op]?.at(point) || (flushes && point.values.some(isSubnormal))) return [];
    const value = Number(got[i]);
    const isRight = agrees(value, wanted);
    const sameZero = of !== "out" || wanted !== 0 || anyZero.includes(one.op) || Object.is(value, wanted);
    return isRight && sameZero
      ? []
      : [`at ${JSON.stringify(point.values.map(String))}, upstream ${g}: ${value}, not ${wanted}`];
  });
}

describe.each(layouts)("on inputs that are %s", (layout) => {
  const cases = goldenCases.filter(
    ({ inputs }) => layout !== "transposed" || Object.values(inputs).some(({ shape }) => shape.length > 1),
  );
  it.each(cases)("$name is as in PyTorch", async (one) => {
    const inputs = Object.fromEntries(
      Object.entries(one.inputs).map(([name, values]) => [name, withLayout(values, layout)]),
    );
    const op = one.op.split(".").reduce<unknown>((scope, key) => (scope as Record<string, unknown>)[key], gradwell);
    const out = (op as (...args: unknown[]) => Tensor)(...fillArgs(one.args, inputs));
    const found = mistakes(one, await out.data(), one.outputs.out as GoldenTensor, "out");
    const names = Object.keys(one.grads);
    if (names.length > 0) {
      const top = one.upstream.out as GoldenTensor;
      const gradOutputs = tensor(Float64Array.from(top.data), { shape: top.shape });
      const wanted = names.map((name) => inputs[name] as Tensor);
      const grads = grad(out, wanted, { gradOutputs });
      for (const [i, name] of names.entries()) {
        found.push(...mistakes(one, await (grads[i] as Tensor).data(), one.grads[name] as GoldenTensor, name));
      }
    }
    expect(found).toEqual([]);
  });
});

describe("a gradient that is selected is 0 elsewhere, whatever the slope there", () => {
  const chains: [string, (x: Tensor) => Tensor, number[], number[]][] = [
    ["relu, sqrt", (x) => x.relu().sqrt(), [-1, 4], [0, 0.25]],
    ["maximum, sqrt", (x) => x.maximum(0).sqrt(), [-1, 4], [0, 0.25]],
    ["minimum, log", (x) => x.minimum(0).neg().log(), [1, -2], [0, -0.5]],
    ["clamp, sqrt", (x) => x.clamp(0, 9).sqrt(), [-1, 4], [0, 0.25]],
    ["clamp from above, reciprocal", (x) => x.clamp(-9, 0).reciprocal(), [3, -2], [0, -0.25]],
    ["max along a dim, log", (x) => x.reshape([1, 2]).max(0).log().sum(), [0, 4], [Infinity, 0.25]],
    ["max of a row, log", (x) => x.reshape([1, 2]).max(1).log(), [-1, 0], [0, Infinity]],
    ["max of all, log", (x) => x.max().log(), [-1, 0], [0, Infinity]],
    ["min of all, log", (x) => x.min().log(), [0, 1], [Infinity, 0]],
    ["where, sqrt", (x) => gradwell.where(x.gt(0), x, 0).sqrt(), [-1, 4], [0, 0.25]],
    ["tril, sqrt", (x) => x.reshape([1, 2]).tril().sqrt(), [4, -1], [0.25, 0]],
    ["narrow, log", (x) => x.narrow(0, 1, 1).log(), [3, 0], [0, Infinity]],
    ["gather, log", (x) => x.gather(0, tensor([1], { dtype: "i32" })).log(), [3, 0], [0, Infinity]],
    ["maxPool2d, log", (x) => gradwell.maxPool2d(x.reshape([1, 1, 1, 2]), [1, 2]).log(), [-1, 0], [0, Infinity]],
    ["norm of 0, sqrt", (x) => x.norm().sqrt(), [0, 0], [0, 0]],
    ["pow 0, sqrt", (x) => x.pow(0).sub(1).sqrt(), [0, 2], [0, 0]],
  ];
  it.each(chains)("%s", async (_, run, values, expected) => {
    const x = tensor(values, { requiresGrad: true });
    const y = run(x);
    const [gradient] = grad(y.sum(), [x]);
    expect([...(await (gradient as Tensor).data())].map((one) => one + 0)).toEqual(expected);
    // Through the graph of the gradient as well.
    const [again] = grad(run(x).sum(), [x], { createGraph: true });
    expect([...(await (again as Tensor).data())].map((one) => one + 0)).toEqual(expected);
  });

  it("dropout passes infinite gradients where it passes values, and 0 elsewhere", async () => {
    const x = ones([1000], { requiresGrad: true });
    const y = gradwell.nn.dropout(x, 0.5);
    const [gradient] = grad(y, [x], { gradOutputs: mul(ones([1000]), Infinity) });
    const passed = await y.data();
    expect(await (gradient as Tensor).data()).toEqual(passed.map((value) => (value === 0 ? 0 : Infinity)));
  });
});

it.each([3, 2500])("a product of %d factors has its gradient however many are 0", async (count) => {
  for (const zerosIn of [0, 1, 2, 3]) {
    const values = Array.from({ length: count }, (_, i) => (i < zerosIn ? 0 : i % 2 === 0 ? 2 : 0.5));
    const x = tensor(values, { requiresGrad: true });
    const [gradient] = grad(prod(x), [x]);
    const expected = values.map((_, i) =>
      values.reduce((product, value, j) => (i === j ? product : product * value), 1),
    );
    expect([...(await (gradient as Tensor).data())].map((one) => one + 0)).toEqual(expected);
  }
});

describe("comparisons, isnan, isinf and isfinite", () => {
  const values = [Number.NaN, Infinity, -Infinity, 0, -0, 1, -1, 2, 65504, -0.5];
  const compare: Record<string, (a: number, b: number) => boolean> = {
    eq: (a, b) => a === b,
    ne: (a, b) => a !== b,
    lt: (a, b) => a < b,
    le: (a, b) => a <= b,
    gt: (a, b) => a > b,
    ge: (a, b) => a >= b,
  };
  const column = (dtype: "f32" | "f16") => tensor(values, { dtype }).reshape([10, 1]);
  /** The same values as every kind of operand: beside these, a number. */
  const views: Record<string, (dtype: "f32" | "f16") => Tensor> = {
    row: (dtype) => tensor(values, { dtype }),
    "sliced row": (dtype) =>
      tensor(
        values.flatMap((x) => [x, 7]),
        { dtype },
      ).slice(0, 0, 20, 2),
    "expanded matrix": (dtype) => tensor(values, { dtype }).expand([10, 10]),
    "dense matrix": (dtype) => tensor(values, { dtype }).expand([10, 10]).clone(),
    "transposed matrix": (dtype) => tensor(values, { dtype }).reshape([10, 1]).expand([10, 10]).clone().t(),
  };
  const dtypes = device.features.f16 ? (["f32", "f16"] as const) : (["f32"] as const);
  it.each(Object.keys(compare).flatMap((op) => Object.keys(views).map((view) => [op, view])))(
    "%s knows NaN in a %s",
    async (op, view) => {
      for (const dtype of dtypes) {
        const b = (views[view] as (dtype: "f32" | "f16") => Tensor)(dtype);
        const y = await (gradwell as unknown as Record<string, (a: Tensor, b: Tensor) => Tensor>)[op]!(
          column(dtype),
          b,
        ).data();
        const expected = values.flatMap((a) => values.map((b) => Number(compare[op]?.(a, b))));
        expect(Array.from(y, Number)).toEqual(expected);
      }
    },
  );

  it("find NaN and infinities in every dtype, and in nothing", async () => {
    const bits = async (x: Tensor) => [...(await x.data())].map(Number);
    for (const dtype of dtypes) {
      const x = tensor(values, { dtype });
      expect(await bits(isnan(x))).toEqual(values.map((value) => Number(Number.isNaN(value))));
      expect(await bits(x.isinf())).toEqual(values.map((value) => Number(Math.abs(value) === Infinity)));
      expect(await bits(x.isfinite())).toEqual(values.map((value) => Number(Number.isFinite(value))));
    }
    for (const dtype of ["i32", "u32", "bool"] as const) {
      expect(await bits(isnan(ones([3], { dtype })))).toEqual([0, 0, 0]);
      expect(await bits(isinf(ones([3], { dtype })))).toEqual([0, 0, 0]);
      expect(isinf(zeros([0, 2], { dtype })).shape).toEqual([0, 2]);
    }
  });

  it("tell subnormal numbers from 0", async () => {
    const tiny = tensor([1e-40, -1e-40, 0]);
    expect([...(await tiny.gt(0).data())].map(Number)).toEqual([1, 0, 0]);
    expect([...(await tiny.ne(0).data())].map(Number)).toEqual([1, 1, 0]);
  });
});
