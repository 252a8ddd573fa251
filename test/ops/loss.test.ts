import { describe, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import { ArgumentError, backward, grad, nn, ShapeError, tensor, transpose } from "../../src/index.ts";
import { crossEntropyLabels } from "../../src/ops/loss.ts";
import { crossEntropy as reference } from "../reference/norm.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { decompositions, losses as tolerance } from "../support/tolerance.ts";
import { labels, normals, upstream } from "../support/values.ts";

const device = await testDevice();
const { crossEntropy, huberLoss, mseLoss, nllLoss } = nn;
const leaf = (data: ArrayLike<number>, shape: number[]) =>
  tensor(Float32Array.from(data), { shape, requiresGrad: true });

/** Rows and classes: in one workgroup and in several dispatches, odd and vec4. */
const shapes: [number, number][] = [
  [1, 1],
  [1, 7],
  [5, 3],
  [128, 10],
  [33, 131],
  [3, 5000],
  [257, 65],
  [300, 100],
  [2, 20001],
];

describe("crossEntropy", () => {
  it.each(shapes)("matches the reference on (%i, %i), forward and backward", async (rows, classes) => {
    const data = normals(rows * classes, 1, { std: 3 });
    const target = labels(rows, classes, 2);
    const want = reference(data, target, classes);
    const x = leaf(data, [rows, classes]);
    const loss = crossEntropy(x, tensor(target));
    backward(loss);
    expectClose(await loss.data(), [want.loss], tolerance, "loss");
    expectClose(await x.grad!.data(), want.gradX, { rtol: 2e-5, atol: 2e-6 / rows }, "gradX");
  });

  it.each([
    [4, 3],
    [40, 600],
  ])("equals its decomposition on (%i, %i), with every option", async (rows, classes) => {
    const target = tensor(labels(rows, classes, 2));
    const inputs = [
      leaf(normals(rows * classes, 1), [rows, classes]),
      target,
      tensor(normals(classes, 3).map(Math.abs)),
    ];
    for (const reduction of ["mean", "sum", "none"] as const) {
      const attrs = { reduction, ignoreIndex: labels(rows, classes, 2)[1]!, labelSmoothing: 0.2 };
      const [fused, plain] = [
        crossEntropyLabels(inputs, attrs),
        crossEntropyLabels.definition.decomposition!(inputs, attrs),
      ];
      const gradOutputs = tensor(upstream(fused.size, 4), { shape: fused.shape });
      const sums = { rtol: decompositions.rtol!, atol: decompositions.atol! * rows };
      expectClose(await fused.data(), await plain.data(), sums, reduction);
      const [want] = grad(plain, [inputs[0]!], { gradOutputs });
      const [got] = grad(fused, [inputs[0]!], { gradOutputs });
      expectClose(await got!.data(), await want!.data(), decompositions, `gradient, ${reduction}`);
    }
  });

  it("takes one dispatch forward and none backward for few logits", () => {
    const x = leaf(normals(1280, 1), [128, 10]);
    const target = tensor(labels(128, 10, 2));
    const before = runtimeOf(device).recorder.dispatchCount;
    backward(crossEntropy(x, target));
    expect(runtimeOf(device).recorder.dispatchCount - before).toBe(1);
  });

  it("takes probabilities, whose gradients are also those of the labels they stand for", async () => {
    const x = leaf(normals(12, 1), [4, 3]);
    const target = labels(4, 3, 2);
    const oneHot = Float32Array.from({ length: 12 }, (_, i) => (i % 3 === target[Math.floor(i / 3)] ? 1 : 0));
    for (const labelSmoothing of [0, 0.3]) {
      const byLabel = crossEntropy(x, tensor(target), { labelSmoothing });
      const byProbability = crossEntropy(x, tensor(oneHot, { shape: [4, 3] }), { labelSmoothing });
      expectClose(await byProbability.data(), await byLabel.data(), tolerance, "loss");
      expectClose(await grad(byProbability, [x])[0]!.data(), await grad(byLabel, [x])[0]!.data(), tolerance, "gradX");
    }
  });

  it("takes dims after the classes, and one row alone", async () => {
    const x = leaf(normals(2 * 3 * 20, 1), [2, 3, 4, 5]);
    const target = tensor(labels(40, 3, 2), { shape: [2, 4, 5] });
    const rows = leaf(await x.permute([0, 2, 3, 1]).data(), [40, 3]);
    const [loss, want] = [crossEntropy(x, target), crossEntropy(rows, target.reshape([40]))];
    expect(await loss.item()).toBe(await want.item());
    const gradX = grad(loss, [x])[0]!.permute([0, 2, 3, 1]).reshape([40, 3]);
    expect(await gradX.data()).toEqual(await grad(want, [rows])[0]!.data());
    const one = crossEntropy(tensor([1, 2, 3]), tensor(1, { dtype: "i32" }));
    expect(await one.item()).toBeCloseTo(1.4076, 4);
  });

  it("reads labels of any view", async () => {
    const x = tensor(normals(12, 1), { shape: [4, 3] });
    const pairs = tensor(labels(8, 3, 2), { shape: [2, 4] });
    const column = transpose(tensor([...(await pairs.data())], { shape: [2, 4], dtype: "i32" }), 0, 1)
      .narrow(1, 1, 1)
      .reshape([4]);
    expect(await crossEntropy(x, column).item()).toBe(
      await crossEntropy(x, tensor((await pairs.data()).slice(4) as Int32Array<ArrayBuffer>)).item(),
    );
  });

  it.each([
    ["mean", Number.NaN],
    ["sum", 0],
  ] as const)("gives PyTorch's result where all labels are ignored (%s)", async (reduction, want) => {
    for (const classes of [3, 6000]) {
      const x = leaf(normals(4 * classes, 1), [4, classes]);
      const loss = crossEntropy(x, tensor([-100, -100, -100, -100], { dtype: "i32" }), { reduction });
      backward(loss);
      expect(await loss.item()).toBe(want);
      expect((await x.grad!.data()).every((value) => value === 0)).toBe(true);
    }
    const none = crossEntropy(tensor([], { shape: [0, 3] }), tensor([], { shape: [0], dtype: "i32" }), { reduction });
    expect(await none.item()).toBe(want);
  });

  it("is NaN, with NaN gradients, for rows with NaN, inf or nothing but -inf, and for those alone", async () => {
    const bad = [Number.NaN, Infinity, -Infinity];
    for (const classes of [3, 6000]) {
      const rows = [
        ...bad.map((value) => Array.from({ length: classes }, (_, i) => (value < 0 || i === 1 ? value : 1))),
      ];
      const x = leaf([...rows.flat(), ...normals(classes, 1)], [4, classes]);
      const loss = crossEntropy(x, tensor([0, 1, 2, 0], { dtype: "i32" }), { reduction: "none" });
      expect([...(await loss.data())].map(Number.isNaN)).toEqual([true, true, true, false]);
      const [gradX] = grad(loss, [x], { gradOutputs: tensor([1, 1, 1, 1]) });
      const gradients = await gradX!.data();
      expect(gradients.slice(0, classes).some(Number.isNaN)).toBe(true);
      expect(gradients.slice(3 * classes).every(Number.isFinite)).toBe(true);
    }
  });

  it.each([3, -1])("names label %i, which is out of range, once at the next read", async (label) => {
    const loss = crossEntropy(tensor(normals(9, 1), { shape: [3, 3] }), tensor([0, label, 2], { dtype: "i32" }));
    await expect(loss.item()).rejects.toThrow(
      `crossEntropy: argument 'target' has label ${label} in row 1, which is out of range`,
    );
    expect(await loss.item()).toBeNaN();
  });

  it("names what does not fit", () => {
    const x = tensor(normals(12, 1), { shape: [4, 3] });
    expect(() => crossEntropy(x, tensor([1, 2], { dtype: "i32" }))).toThrow(
      /argument 'target' expected shape \[4\], got a tensor of shape \[2\]/,
    );
    expect(() => crossEntropy(x, tensor([1, 2, 0, 1]))).toThrow(ShapeError);
    expect(() => crossEntropy(x, tensor([1, 2, 0, 1], { dtype: "i32" }), { reduction: "max" as "mean" })).toThrow(
      ArgumentError,
    );
    expect(() => crossEntropy(x, tensor([1, 2, 0, 1], { dtype: "i32" }), { smoothing: 1 } as object)).toThrow(
      /unknown option 'smoothing'/,
    );
    expect(() => huberLoss(x, x, { delta: 0 })).toThrow(ArgumentError);
    expect(() => mseLoss(x, tensor([1]))).toThrow(/mseLoss: argument 'target' expected shape \[4,3\]/);
  });
});

describe("nllLoss", () => {
  it("is NaN, without a gradient, for a label out of range, which the next read names", async () => {
    const x = leaf([1, 2, 3, 4], [2, 2]);
    const loss = nllLoss(x, tensor([2, 1], { dtype: "i32" }), { reduction: "sum" });
    loss.backward();
    await expect(loss.item()).rejects.toThrow(/nllLoss: argument 'target' expected a label from 0 to 1/);
    expect(await loss.item()).toBeNaN();
    expect([...(await x.grad!.data())]).toEqual([0, 0, 0, -1]);
  });
});

const ops = ["crossEntropy", "nllLoss", "mseLoss", "l1Loss", "huberLoss", "bceWithLogits"].map((name) => `nn.${name}`);
await goldenSuite("losses", { ...tolerance, ops });
