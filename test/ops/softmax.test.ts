import { describe, expect, it } from "vitest";
import {
  ArgumentError,
  DtypeError,
  grad,
  logSoftmax,
  mul,
  softmax,
  square,
  sum,
  type Tensor,
  tensor,
  transpose,
} from "../../src/index.ts";
import { softmax as reference } from "../reference/norm.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { decompositions, softmaxes } from "../support/tolerance.ts";
import { normals, upstream } from "../support/values.ts";

await testDevice();

const functions = { softmax, logSoftmax };
const leaf = (data: ArrayLike<number>, shape: number[]) =>
  tensor(Float32Array.from(data), { shape, requiresGrad: true });
const shapes: [number, number][] = [
  [1, 1],
  [5, 3],
  [3, 4],
  [70, 10],
  [257, 7],
  [2, 131],
  [9, 1000],
  [1, 5003],
  [600, 64],
];

describe.each(["softmax", "logSoftmax"] as const)("%s", (name) => {
  const op = functions[name];

  it.each(shapes)("matches the reference on (%i, %i), forward and backward", async (rows, cols) => {
    const data = normals(rows * cols, 1, { std: 3 });
    const g = upstream(rows * cols, 2);
    const want = reference(data, g, cols, name === "logSoftmax");
    const x = leaf(data, [rows, cols]);
    const y = op(x, -1);
    expectClose(await y.data(), want.y, softmaxes, "y");
    const [gradX] = grad(y, [x], { gradOutputs: tensor(g, { shape: [rows, cols] }) });
    // logSoftmax: the sum of all gradients of the row stands against each.
    const tolerance = name === "softmax" ? softmaxes : { rtol: 2e-5, atol: 2e-6 * Math.sqrt(cols) };
    expectClose(await gradX!.data(), want.gradX, tolerance, "gradX");
  });

  it("normalizes along any dim, of any view", async () => {
    const x = tensor(normals(60, 1), { shape: [3, 4, 5] });
    for (const dim of [0, 1, 2, -3]) {
      const turned = transpose(op(transpose(x, 0, 2), dim < 0 ? 2 : 2 - dim), 0, 2);
      expectClose(await op(x, dim).data(), await turned.data(), { rtol: 1e-6, atol: 1e-7 }, `dim ${dim}`);
    }
  });

  it("is NaN for rows of -inf alone, and for those with NaN or inf", async () => {
    const rows = [
      [-Infinity, -Infinity],
      [Number.NaN, 1],
      [Infinity, 1],
      [-Infinity, 2],
    ];
    const bits = new Uint32Array((await op(tensor(rows), 1).data()).buffer);
    const areNaN = Array.from(bits, (word) => (word & 0x7fffffff) > 0x7f800000);
    expect(areNaN.slice(0, 4)).toEqual([true, true, true, true]);
    expect(areNaN.slice(4, 6)).toContain(true);
    expect(areNaN.slice(6)).toEqual([false, false]);
  });

  it("takes empty tensors", () => {
    expect(op(tensor([], { shape: [0, 3] }), 1).shape).toEqual([0, 3]);
    expect(op(tensor([], { shape: [3, 0] }), 1).shape).toEqual([3, 0]);
  });

  it("has second derivatives", async () => {
    const x = leaf(normals(12, 1), [3, 4]);
    const plain = (t: Tensor) => {
      const e = t.exp();
      const p = e.div(sum(e, 1, { keepdim: true }));
      return name === "softmax" ? p : p.log();
    };
    const twice = (y: Tensor) => {
      const [first] = grad(sum(square(y)), [x], { createGraph: true });
      return grad(sum(mul(first!, tensor(upstream(12, 2), { shape: [3, 4] }))), [x])[0]!;
    };
    expectClose(await twice(op(x, 1)).data(), await twice(plain(x)).data(), decompositions, "second derivative");
  });

  it("names what does not fit", () => {
    expect(() => op(tensor([1, 2]), 1)).toThrow(ArgumentError);
    expect(() => op(tensor([1, 2], { dtype: "i32" }), 0)).toThrow(DtypeError);
  });
});

await goldenSuite("losses", { ...softmaxes, ops: ["softmax", "logSoftmax"] });
