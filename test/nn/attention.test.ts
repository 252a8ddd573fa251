/** Attention: PyTorch's values, masks that leave nothing, what is refused, and a transformer's training. */
import { describe, expect, it } from "vitest";
import { nn, ones, randn, type Tensor, tensor, zeros } from "../../src/index.ts";
import { gradgradcheck } from "../../src/testing/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { golden } from "../support/golden.ts";
import { transformerOf } from "../support/golden-models.ts";
import { checkTrajectory } from "../support/golden-module.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { expectSameBits } from "../support/same-bits.ts";

await testDevice();

await goldenSuite("layers_attention", {
  ops: ["nn.scaledDotProductAttention", "nn.embedding"],
  rtol: 1e-5,
  atol: 2e-6,
});

describe("ten AdamW steps of a transformer have PyTorch's losses and gradients", async () => {
  const nextToken = (model: nn.Module, { x, y }: Record<string, Tensor>) =>
    nn.crossEntropy(model.forward(x as Tensor).flatten(0, 1), (y as Tensor).flatten());
  const cases = await golden("trajectory_transformer");
  it.each(cases)("$name", (one) => checkTrajectory(one, nextToken, { rtol: 5e-5, atol: 1e-5 }, transformerOf));
  it.each(cases)("$name has the same bits eager and captured", (one) => expectSameBits(one, nextToken, transformerOf));
});

describe("attention masks", () => {
  const bool = (rows: number[][]) => tensor(rows, { dtype: "bool" });

  it("that leave a query without keys give 0 and no gradient", async () => {
    const q = randn([3, 4], { requiresGrad: true });
    const [k, v] = [randn([2, 4]), randn([2, 3])];
    const attnMask = bool([
      [1, 1],
      [0, 0],
      [0, 1],
    ]);
    const y = nn.scaledDotProductAttention(q, k, v, { attnMask });
    y.square().sum().backward();
    expect(((await y.tolist()) as number[][])[1]).toEqual([0, 0, 0]);
    const gradient = (await (q.grad as Tensor).tolist()) as number[][];
    expect(gradient[1]).toEqual([0, 0, 0, 0]);
    expect(gradient.flat().every(Number.isFinite)).toBe(true);
  });

  it("can be combined: causal and boolean, boolean and additive", async () => {
    const layer = new nn.MultiheadAttention(4, 2, { batchFirst: true });
    const x = randn([2, 3, 4]);
    const hidden = bool([
      [0, 0, 1],
      [0, 0, 0],
    ]);
    const additive = zeros([3, 3]).add(
      bool([
        [0, 1, 1],
        [0, 0, 1],
        [0, 0, 0],
      ])
        .to("f32")
        .mul(-1e30),
    );
    const [causal, weights] = layer.forward(x, x, x, { isCausal: true, keyPaddingMask: hidden });
    const [added] = layer.forward(x, x, x, { attnMask: additive, keyPaddingMask: hidden });
    expectClose(await causal.data(), await added.data(), {}, "output");
    const rows = (await (weights as Tensor).tolist()) as number[][][];
    expect(rows[0]?.[2]?.[2]).toBe(0);
    expect(rows[1]?.[0]?.slice(1)).toEqual([0, 0]);
  });

  it("may differ by head: (N * numHeads, L, S)", async () => {
    const layer = new nn.MultiheadAttention(4, 2, { batchFirst: true });
    const x = randn([1, 2, 4]);
    const attnMask = tensor(
      [
        [
          [0, 1],
          [1, 0],
        ],
        [
          [0, 0],
          [0, 0],
        ],
      ],
      { dtype: "bool" },
    );
    const [, weights] = layer.forward(x, x, x, { attnMask, averageAttnWeights: false });
    expect(weights?.shape).toEqual([1, 2, 2, 2]);
    expect(((await (weights as Tensor).tolist()) as number[][][][])[0]?.[0]).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });
});

it("attention has second derivatives", async () => {
  const f = (q: Tensor, k: Tensor, v: Tensor) => nn.scaledDotProductAttention(q, k, v, { isCausal: true });
  await gradgradcheck(f, [randn([2, 3]), randn([3, 3]), randn([3, 2])]);
});

describe("MultiheadAttention", () => {
  it("takes the batch first, second, or none", async () => {
    const first = new nn.MultiheadAttention(6, 3, { batchFirst: true });
    const second = new nn.MultiheadAttention(6, 3);
    second.loadStateDict(first.stateDict());
    const [q, k] = [randn([1, 4, 6]), randn([1, 5, 6])];
    const expected = await first.forward(q, k, k)[0].data();
    const [turned, weights] = second.forward(q.transpose(0, 1), k.transpose(0, 1), k.transpose(0, 1));
    expect(turned.shape).toEqual([4, 1, 6]);
    expect(weights?.shape).toEqual([1, 4, 5]);
    expectClose(await turned.data(), expected, {}, "batch second");
    const [alone, ownWeights] = second.forward(q.squeeze(0), k.squeeze(0), k.squeeze(0));
    expect([alone.shape, ownWeights?.shape]).toEqual([
      [4, 6],
      [4, 5],
    ]);
    expectClose(await alone.data(), expected, {}, "no batch");
  });

  it("drops weights while training only", async () => {
    const layer = new nn.MultiheadAttention(4, 1, { dropout: 0.5, batchFirst: true });
    const x = randn([2, 8, 4]);
    const zerosIn = async () => Array.from(await (layer.forward(x, x, x)[1] as Tensor).data()).filter((w) => w === 0);
    expect((await zerosIn()).length).toBeGreaterThan(20);
    layer.eval();
    expect(await zerosIn()).toHaveLength(0);
  });

  const layer = () => new nn.MultiheadAttention(4, 2, { batchFirst: true });
  const x = () => zeros([2, 3, 4]);
  const any = (value: unknown) => value as never;
  it.each<[string, () => unknown, RegExp]>([
    ["heads that do not divide", () => new nn.MultiheadAttention(6, 4), /a divisor of embedDim 6/],
    ["a misspelt option", () => new nn.MultiheadAttention(6, 3, any({ batchfirst: true })), /batchFirst/],
    ["another width", () => layer().forward(zeros([2, 3, 5]), x(), x()), /query/],
    ["another batch", () => layer().forward(x(), zeros([1, 3, 4]), zeros([1, 3, 4])), /batch of 2/],
    ["a value of another length", () => layer().forward(x(), x(), zeros([2, 4, 4])), /the key's shape/],
    [
      "a mask of another shape",
      () => layer().forward(x(), x(), x(), { attnMask: ones([3, 2]) }),
      /\[3,3\] or \[4,3,3\]/,
    ],
    [
      "a mask of integers",
      () => layer().forward(x(), x(), x(), { attnMask: ones([3, 3], { dtype: "i32" }) }),
      /bool or float/,
    ],
    [
      "rows of padding",
      () => layer().forward(x(), x(), x(), { keyPaddingMask: ones([3], { dtype: "bool" }) }),
      /\[2,3\]/,
    ],
    ["dropout beyond 1", () => new nn.MultiheadAttention(4, 2, { dropout: 1.5 }), /dropout/],
    ["scale as a name", () => nn.scaledDotProductAttention(x(), x(), x(), { scale: any("one") }), /scale/],
    [
      "a mask too large",
      () => nn.scaledDotProductAttention(x(), x(), x(), { attnMask: ones([5, 2, 3, 3]) }),
      /broadcasts to/,
    ],
    ["keys of another width", () => nn.scaledDotProductAttention(x(), zeros([2, 3, 5]), x()), /last dim of 4/],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});
