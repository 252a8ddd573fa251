/** f16 tensors in every operation: f16 results within its rounding of what f32 gives on the same values. */
import { expect, it } from "vitest";
import * as g from "../../src/index.ts";
import { DtypeError, defineOp, flip, grad, nn, slice, Tensor, tensor, transpose } from "../../src/index.ts";
import { batchNorm, groupNorm, layerNorm, rmsNorm } from "../../src/ops/norm.ts";
import { fromHalf, toHalf } from "../../src/tensor/half.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { describeHalf } from "../support/half.ts";
import { opTable, type TableOp } from "../support/op-table.ts";
import { HALF_ULP, halves } from "../support/tolerance.ts";
import { labels, uniform, upstream } from "../support/values.ts";

const device = await testDevice();

const rounded = (values: ArrayLike<number>): Float32Array<ArrayBuffer> =>
  Float32Array.from(values, (value) => fromHalf(toHalf(value)));
const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const moreOps: readonly TableOp[] = [
  { name: "softmax", fn: (x) => g.softmax(x, 1), shapes: [[3, 7]] },
  { name: "logSoftmax", fn: (x) => g.logSoftmax(x, 0), shapes: [[4, 8]] },
  { name: "layerNorm", fn: (x, w, b) => layerNorm([x!, w, b], { normalizedShape: 8 }), shapes: [[5, 8], [8], [8]] },
  { name: "rmsNorm", fn: (x, w) => rmsNorm([x!, w], { normalizedShape: 7 }), shapes: [[5, 7], [7]] },
  { name: "groupNorm", fn: (x, w, b) => groupNorm([x!, w, b], { groups: 2 }), shapes: [[3, 4, 5], [4], [4]] },
  { name: "batchNorm", fn: (x, w, b) => batchNorm([x!, w, b], { training: true }), shapes: [[9, 4], [4], [4]] },
  {
    name: "linear",
    fn: (x, w, b) => nn.linear(x!, w!, b, { activation: "tanh" }),
    shapes: [[2, 3, 8], [5, 8], [5]],
  },
  {
    name: "crossEntropy",
    fn: (x) => nn.crossEntropy(x!, tensor(labels(6, 5, 1)), { labelSmoothing: 0.1 }),
    shapes: [[6, 5]],
  },
  {
    name: "crossEntropy of probabilities",
    fn: (x, p) => nn.crossEntropy(x!, p!),
    shapes: [
      [3, 4],
      [3, 4],
    ],
  },
  { name: "nllLoss", fn: (x) => nn.nllLoss(x!, tensor(labels(6, 5, 1))), shapes: [[6, 5]] },
  ...(["mseLoss", "l1Loss", "huberLoss", "bceWithLogits"] as const).map(
    (name): TableOp => ({
      name,
      fn: (x, y) => nn[name](x!, y!),
      shapes: [
        [4, 3],
        [4, 3],
      ],
      range: [0.1, 0.9],
    }),
  ),
  { name: "embedding", fn: (w) => nn.embedding(tensor(labels(6, 5, 2)), w!), shapes: [[5, 3]] },
  { name: "dropout", fn: (x) => nn.dropout(x!, 0), shapes: [[5, 3]] },
  {
    name: "attention",
    fn: (q, k, v) => nn.scaledDotProductAttention(q!, k!, v!, { isCausal: true }),
    shapes: [
      [2, 3, 4],
      [2, 3, 4],
      [2, 3, 5],
    ],
  },
];

describeHalf(device, "f16 inputs give f16 outputs, forward and backward", () => {
  it.each([...opTable, ...moreOps])("$name", async ({ fn, shapes, range: [low, high] = [-2, 2] }) => {
    const values = shapes.map((shape, i) => rounded(uniform(sizeOf(shape), low, high, i + 3)));
    const run = async (dtype: "f16" | "f32") => {
      const inputs = shapes.map((shape, i) => tensor(values[i]!, { shape, dtype, requiresGrad: true }));
      const y = fn(...inputs);
      const gradY = tensor(rounded(upstream(y.size, 5)), { shape: y.shape, dtype });
      const gradients = grad(y, inputs, { gradOutputs: gradY, allowUnused: true });
      const all = [y, ...gradients].filter((one) => one instanceof Tensor);
      expect(all.map((one) => one.dtype)).toEqual(all.map(() => dtype));
      return Promise.all(all.map((one) => one.data()));
    };
    const [half, single] = [await run("f16"), await run("f32")];
    half.forEach((found, i) => {
      expectClose(found, single[i]!, halves(single[i]!), i === 0 ? "forward" : `gradient ${i - 1}`);
    });
  });
});

describeHalf(device, "matmuls of f16", () => {
  const sizes = [
    [1, 1, 1],
    [3, 5, 2],
    [17, 33, 9],
    [16, 64, 32],
    [31, 300, 7],
  ] as const;
  const layouts = ["dense", "transposed"] as const;
  const cases = sizes.flatMap((size) => layouts.flatMap((a) => layouts.map((b) => [...size, a, b] as const)));
  const made = (rows: number, cols: number, layout: string, seed: number) => {
    const values = rounded(uniform(rows * cols, -1, 1, seed));
    const lies = layout === "dense" ? [rows, cols] : [cols, rows];
    const x = tensor(values, { shape: lies, dtype: "f16" });
    const at = (i: number, j: number) => values[layout === "dense" ? i * cols + j : j * rows + i] as number;
    return { x: layout === "dense" ? x : transpose(x, 0, 1), at };
  };

  it.each(cases)("of sizes %i x %i x %i, %s and %s, are summed in f32", async (M, K, N, left, right) => {
    const [a, b] = [made(M, K, left, 1), made(K, N, right, 2)];
    const y = a.x.matmul(b.x);
    const exact = Float64Array.from({ length: M * N }, (_, i) => {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a.at(Math.floor(i / N), k) * b.at(k, i % N);
      return sum;
    });
    expect(y.dtype).toBe("f16");
    // One rounding to f16; f32's own is 2^-23 of terms below 1, K times.
    expectClose(await y.data(), exact, { rtol: HALF_ULP, atol: K * 2 ** -23 }, "product");
  });

  it("keep sums that f16 would lose", async () => {
    // 4096 ones: a sum in f16 stops at 2048.
    const ones = g.ones([1, 4096], { dtype: "f16" });
    expect(await ones.matmul(g.ones([4096, 1], { dtype: "f16" })).item()).toBe(4096);
    expect(await g.sum(ones).item()).toBe(4096);
    expect(await g.mean(g.full([70000], 2, { dtype: "f16" })).item()).toBe(2);
    expect(await g.sum(g.full([70000], 2, { dtype: "f16" })).item()).toBe(Infinity);
    // 300^2 is out of f16's range, its root is not.
    expect(await g.norm(g.full([4], 300, { dtype: "f16" })).item()).toBe(600);
    expect(await g.std(tensor([-300, 300], { dtype: "f16" }), 0, { correction: 0 }).item()).toBe(300);
  });
});

describeHalf(device, "f16 in memory", () => {
  const half = (data: number[] | number[][], requiresGrad = false) => tensor(data, { dtype: "f16", requiresGrad });

  it("is filled, copied and added through any strides", async () => {
    const x = g.full([3, 5], 0.1, { dtype: "f16" });
    expect([...(await x.data())]).toEqual(new Array(15).fill(fromHalf(toHalf(0.1))));
    slice(x, 1, 1, 4, 2).fill_(-2);
    expect((await x.data())[3]).toBe(-2);
    expect((await x.data())[2]).toBe(fromHalf(toHalf(0.1)));
    const y = half([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(await transpose(y, 0, 1).contiguous().tolist()).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(await flip(y, 1).clone().tolist()).toEqual([
      [3, 2, 1],
      [6, 5, 4],
    ]);
    expect(
      await g
        .pad(
          y,
          [
            [0, 0],
            [1, 0],
          ],
          7,
        )
        .tolist(),
    ).toEqual([
      [7, 1, 2, 3],
      [7, 4, 5, 6],
    ]);
    expect(await slice(y, 1, 1, 3).tolist()).toEqual([
      [2, 3],
      [5, 6],
    ]);
  });

  it("accumulates gradients over calls and over uses", async () => {
    const x = half([1, 2, 3], true);
    for (let i = 0; i < 2; i++) g.sum(g.add(g.mul(x, x), g.mul(x, 3))).backward();
    expect(x.grad?.dtype).toBe("f16");
    expect([...(await (x.grad as Tensor).data())]).toEqual([10, 14, 18]);
  });

  it("is promoted to f32 beside f32, and each gradient has its input's dtype", async () => {
    const [a, b] = [half([1, 2], true), tensor([3, 4], { requiresGrad: true })];
    const y = g.mul(a, b);
    expect(y.dtype).toBe("f32");
    g.sum(y).backward();
    expect([a.grad?.dtype, b.grad?.dtype]).toEqual(["f16", "f32"]);
    expect([...(await (a.grad as Tensor).data())]).toEqual([3, 4]);
    expect([g.cat([a, b]).dtype, g.matmul(a, b).dtype, g.where(tensor([true, false]), a, b).dtype]).toEqual([
      "f32",
      "f32",
      "f32",
    ]);
    expect(g.scatterAdd(half([1, 1]), 0, tensor([0], { dtype: "i32" }), tensor([2])).dtype).toBe("f32");
  });

  it("has second derivatives", async () => {
    const x = half([[0.5, -1, 2]], true);
    const first = grad(g.sum(g.square(g.softmax(x, 1))), x, { createGraph: true })[0] as Tensor;
    const second = grad(g.sum(g.square(first)), x)[0] as Tensor;
    const z = tensor([[0.5, -1, 2]], { requiresGrad: true });
    const one = grad(g.sum(g.square(g.softmax(z, 1))), z, { createGraph: true })[0] as Tensor;
    const exact = await (grad(g.sum(g.square(one)), z)[0] as Tensor).data();
    expect([first.dtype, second.dtype]).toEqual(["f16", "f16"]);
    expectClose(await second.data(), exact, halves(exact), "second derivative");
  });

  it("is passed as it is to a user-defined operation, unless that declares f32", () => {
    const seen: string[] = [];
    const spy = (computes?: "f32") =>
      defineOp({
        name: "spy",
        ...(computes && { computeDtype: computes }),
        forward(_, [x]: [Tensor]) {
          seen.push(x.dtype);
          return g.clone(x);
        },
      });
    const results = [spy(), spy("f32")].map((op) => op([half([1])]).dtype);
    expect(seen).toEqual(["f16", "f32"]);
    expect(results).toEqual(["f16", "f16"]);
  });

  it("is searched by detectAnomaly for what left the range", async () => {
    const x = half([300, 2]);
    await expect(g.detectAnomaly(() => g.matmul(x, x))).rejects.toThrow(/the forward of 'matmul'/);
    await expect(g.detectAnomaly(() => g.square(x))).rejects.toThrow(/the forward of 'square'/);
  });

  it("is rounded in captured chains where it is in eager ones", async () => {
    // Values across f16's range, subnormal ones and those that become 0 among them.
    const x = tensor(uniform(512, -1, 1, 4).map((value, i) => value * 2 ** ((i % 56) - 40)));
    const chain = (a: Tensor) => {
      const b = a.to("f16");
      return g.add(g.mul(b, b), g.gelu(b)).to("f32").mul(a);
    };
    const replay = g.capture(chain);
    replay(x);
    expect(await replay(x).data()).toEqual(await chain(x).data());
  });

  it("leaves nothing behind", async () => {
    const [x, w] = [half([[1, 2]], true), half([[3, 4]], true)];
    const step = () => {
      for (const leaf of [x, w]) {
        leaf.grad?.dispose();
        leaf.grad = null;
      }
      g.sum(nn.linear(x, w)).backward();
    };
    for (let i = 0; i < 3; i++) step();
    const before = device.memory();
    for (let i = 0; i < 5; i++) step();
    expect(device.memory().tensors).toBe(before.tensors);
    expect(device.memory().liveBytes).toBe(before.liveBytes);
  });
});

describeHalf(device, "an operation without f16 kernels", () => {
  const x = () => g.zeros([2, 2], { dtype: "f16" });
  const table: [string, () => unknown][] = [
    ["rand", () => g.rand([2], { dtype: "f16" })],
    ["Adam", () => new g.optim.Adam([g.zeros([2], { dtype: "f16", requiresGrad: true })])],
    ["standardize", () => g.data.standardize(x())],
    ["indexSelect", () => g.indexSelect(x(), 0, g.zeros([1], { dtype: "f16" }))],
  ];
  it.each(table)("refuses f16: %s", (_, run) => {
    expect(run).toThrow(DtypeError);
    expect(run).toThrow(/f16/);
  });
});
