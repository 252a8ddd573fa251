/** Reductions of every kind, dtype and layout against float64, by the kernels for GPUs and for software adapters. */
import { describe, expect, it } from "vitest";
import { capture, type Dtype, type Tensor, tensor, zeros } from "../../src/index.ts";
import { type ReduceKind, runReduce } from "../../src/kernels/reduce.ts";
import { clipGradNorm } from "../../src/optim/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { pretendedGpu, withDefaultDevice } from "../support/gpu-choices.ts";
import { labels, normals, uniform } from "../support/values.ts";

const device = await testDevice();
const gpu = pretendedGpu(device);

const joins: Record<ReduceKind, (a: number, b: number) => number> = {
  sum: (a, b) => a + b,
  prod: (a, b) => a * b,
  max: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b)),
  min: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.min(a, b)),
};
const starts: Record<ReduceKind, number> = { sum: 0, prod: 1, max: -Infinity, min: Infinity };
const kinds = Object.keys(joins) as ReduceKind[];

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The reduction of a dense array in float64. */
function reference(values: ArrayLike<number>, shape: readonly number[], dims: readonly number[], kind: ReduceKind) {
  const kept = shape.map((_, i) => i).filter((i) => !dims.includes(i));
  const y = new Float64Array(sizeOf(kept.map((i) => shape[i] as number))).fill(starts[kind]);
  for (let at = 0; at < values.length; at++) {
    let to = 0;
    for (const dim of kept) {
      const step = sizeOf(shape.slice(dim + 1));
      to = to * (shape[dim] as number) + (Math.floor(at / step) % (shape[dim] as number));
    }
    y[to] = joins[kind](y[to] as number, values[at] as number);
  }
  return y;
}

const layouts: [shape: number[], dims: number[]][] = [
  [[1], [0]],
  [[100_003], [0]],
  [[3, 20_001], [1]],
  [[3, 20_001], [0]],
  [[20_001, 3], [0]],
  [[700, 33], [1]],
  [[700, 33], [0]],
  [[4, 65, 37], [1]],
  [
    [6, 5, 7, 9],
    [0, 2, 3],
  ],
  [
    [6, 5, 7, 9],
    [1, 3],
  ],
  [
    [6, 5, 7, 9],
    [0, 1, 2, 3],
  ],
  [
    [2, 0, 3],
    [0, 2],
  ],
  [[9, 1, 1], [1]],
];

describe.each([
  ["GPUs", gpu],
  ["software adapters", device],
])("reductions as chosen for %s", (_, chosen) => {
  it.each(layouts)("of f32 %j over %j", (shape, dims) =>
    withDefaultDevice(chosen, device, async () => {
      // Products stay within f32.
      const values = normals(sizeOf(shape), 3).map((value) => Math.sign(value) * Math.exp(value / 100));
      for (const kind of kinds) {
        const x = tensor(values, { shape });
        const atol = kind === "sum" ? 1e-6 * Math.sqrt(values.length) : 0;
        const rtol = kind === "prod" ? 1e-7 * values.length ** 0.75 + 1e-6 : 1e-6;
        expectClose(await runReduce(x, dims, kind).data(), reference(values, shape, dims, kind), { rtol, atol }, kind);
      }
    }),
  );

  it.each(["i32", "u32"] as Dtype[])("of %s are exact", (dtype) =>
    withDefaultDevice(chosen, device, async () => {
      const shape = [5, 1203, 3];
      const values = Array.from(labels(sizeOf(shape), 900, 4), (value) => (dtype === "i32" ? value - 500 : value));
      for (const dims of [[1], [0, 1, 2], [0, 2]]) {
        for (const kind of ["sum", "max", "min"] as const) {
          const y = await runReduce(tensor(values, { shape, dtype }), dims, kind).data();
          expect([...y]).toEqual([...reference(values, shape, dims, kind)]);
        }
      }
    }),
  );

  it("find infinities and NaN wherever they are, and keep -0", () =>
    withDefaultDevice(chosen, device, async () => {
      for (const at of [0, 1, 255, 256, 4999]) {
        for (const odd of [Number.NaN, Infinity, -Infinity]) {
          const values = uniform(5000, -1, 1, 5).map(Math.sign);
          values[at] = odd;
          for (const kind of kinds) {
            const [y] = await runReduce(tensor(values), [0], kind).data();
            const exact = values.reduce(joins[kind], starts[kind]);
            expect([kind, Number.isFinite(exact) ? exact : y]).toEqual([kind, exact]);
          }
        }
      }
      for (const n of [3, 4000]) {
        const [y] = await runReduce(tensor(new Float32Array(n).fill(-0)), [0], "sum").data();
        expect(y).toBe(-0);
      }
    }));

  it("of views with strides, and captured, have the bits of dense and eager ones", () =>
    withDefaultDevice(chosen, device, async () => {
      const x = tensor(normals(64 * 301, 6), { shape: [64, 301] });
      const step = (a: Tensor) =>
        a
          .transpose(0, 1)
          .sum(0)
          .add(a.mean([0, 1]));
      const captured = capture(step);
      for (let i = 0; i < 2; i++) expect(await captured(x).data()).toEqual(await step(x).data());
      const dense = x.transpose(0, 1).contiguous();
      expect(await x.transpose(0, 1).sum(0).data()).toEqual(await dense.sum(0).data());
    }));

  it("give the norm of many gradients", () =>
    withDefaultDevice(chosen, device, async () => {
      const values = [70_001, 3, 5000].map((size, i) => normals(size, i + 7));
      const params = values.map((one) => {
        const p = zeros([one.length], { requiresGrad: true });
        p.grad = tensor(one);
        return p;
      });
      for (const [normType, exact] of [
        [2, Math.sqrt(values.reduce((sum, one) => one.reduce((part, value) => part + value * value, sum), 0))],
        [1, values.reduce((sum, one) => one.reduce((part, value) => part + Math.abs(value), sum), 0)],
      ] as const) {
        expectClose([await clipGradNorm(params, 1e9, { normType }).item()], [exact], { rtol: 1e-5, atol: 0 }, "norm");
      }
    }));
});
