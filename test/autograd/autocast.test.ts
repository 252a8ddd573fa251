/** The scope of mixed precision: which dtype each kind of operation gives, its gradients, nesting and captures. */
import { expect, it } from "vitest";
import * as g from "../../src/index.ts";
import { ArgumentError, autocast, capture, grad, manualSeed, nn, randn, type Tensor, tensor } from "../../src/index.ts";
import { layerNorm } from "../../src/ops/norm.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { describeHalf } from "../support/half.ts";
import { HALF_ULP } from "../support/tolerance.ts";
import { labels } from "../support/values.ts";

const device = await testDevice();

const single = (shape: readonly number[]) => randn(shape);
const half = (shape: readonly number[]) => randn(shape).to("f16");
const target = () => tensor(labels(4, 3, 1));

/** The dtype of each operation's result under autocast, for f32 and f16 inputs: PyTorch's lists, except that norms and means are f32 too. */
const dtypes: [string, (make: typeof single) => Tensor | Tensor[], "f16" | "f32" | "same"][] = [
  ["matmul", (x) => x([3, 4]).matmul(x([4, 2])), "f16"],
  ["batched matmul", (x) => x([2, 3, 4]).matmul(x([4, 2])), "f16"],
  ["addmm", (x) => g.addmm(x([2]), x([3, 4]), x([4, 2]), { alpha: 2 }), "f16"],
  ["einsum", (x) => g.einsum("ij,jk->ik", x([3, 4]), x([4, 2])), "f16"],
  ["linear", (x) => nn.linear(x([3, 4]), x([2, 4]), x([2]), { activation: "gelu" }), "f16"],
  ["conv2d", (x) => g.conv2d(x([1, 2, 4, 4]), x([3, 2, 3, 3]), x([3])), "f16"],
  ["attention", (x) => nn.scaledDotProductAttention(x([2, 3, 4]), x([2, 3, 4]), x([2, 3, 4])), "f16"],
  ["LSTM", (x) => new nn.LSTM(3, 4).forward(x([2, 1, 3])).flat(), "f16"],
  ["softmax", (x) => x([3, 4]).softmax(1), "f32"],
  ["layerNorm", (x) => layerNorm([x([3, 4])], { normalizedShape: 4 }), "f32"],
  ["batchNorm", (x) => nn.batchNorm(x([3, 4]), null, null, null, null, { training: true }), "f32"],
  ["crossEntropy", (x) => nn.crossEntropy(x([4, 3]), target()), "f32"],
  ["nllLoss", (x) => nn.nllLoss(x([4, 3]), target()), "f32"],
  ["mseLoss", (x) => nn.mseLoss(x([3]), x([3])), "f32"],
  ["bceWithLogits", (x) => nn.bceWithLogits(x([3]), x([3])), "f32"],
  ["sum", (x) => x([3, 4]).sum(), "f32"],
  ["mean", (x) => x([3, 4]).mean(1), "f32"],
  ["var", (x) => x([3, 4]).var(), "f32"],
  ["norm", (x) => x([3, 4]).norm(), "f32"],
  ["cumsum", (x) => x([3, 4]).cumsum(0), "f32"],
  ["exp", (x) => x([3]).exp(), "f32"],
  ["pow", (x) => x([3]).pow(3), "f32"],
  ["add", (x) => x([3]).add(x([3])), "same"],
  ["relu", (x) => x([3]).relu(), "same"],
  ["tanh", (x) => x([3]).tanh(), "same"],
  ["max", (x) => x([3, 4]).max(1), "same"],
  ["maxPool2d", (x) => g.maxPool2d(x([1, 1, 4, 4]), 2), "same"],
  ["embedding", (x) => nn.embedding(target(), x([3, 4])), "same"],
  ["dropout", (x) => nn.dropout(x([3]), 0.5), "same"],
  ["transpose", (x) => x([3, 4]).t(), "same"],
];

it("autocast that is not enabled needs no f16", () => {
  expect(autocast(() => 1, { enabled: false })).toBe(1);
});

it("autocast refuses unknown options", () => {
  expect(() => autocast(3 as never)).toThrow("autocast: argument 'fn' expected a function");
  expect(() => autocast(() => 1, { dtype: "bf16" as never })).toThrow("'f16'");
  expect(() => autocast(() => 1, { enable: true } as object)).toThrow("did you mean 'enabled'");
  expect(() => autocast(() => 1, { enabled: 1 as never })).toThrow(ArgumentError);
});

describeHalf(device, "autocast", () => {
  it.each(dtypes)("%s computes in its dtype", (_, run, wanted) => {
    for (const [own, make] of Object.entries({ f32: single, f16: half })) {
      const results = [autocast(() => run(make))].flat();
      expect(results.map(({ dtype }) => dtype)).toEqual(results.map(() => (wanted === "same" ? own : wanted)));
      expect([run(single)].flat()[0]?.dtype).toBe("f32");
    }
  });

  it("the mode nests, and ends with its function, also when that throws", () => {
    const dtype = () => single([2, 2]).matmul(single([2, 2])).dtype;
    const seen = autocast(() => [dtype(), autocast(dtype, { enabled: false }), dtype(), autocast(dtype), dtype()]);
    expect(seen).toEqual(["f16", "f32", "f16", "f16", "f16"]);
    expect(() =>
      autocast(() => {
        throw new Error("out");
      }),
    ).toThrow("out");
    expect(dtype()).toBe("f32");
  });

  it.each([true, false])(
    "gradients of parameters are f32 and those of rounded matmuls (backward inside: %s)",
    async (inside) => {
      manualSeed(1);
      const [x, weight, bias] = [
        randn([5, 6]),
        randn([3, 6], { requiresGrad: true }),
        randn([3], { requiresGrad: true }),
      ];
      const g0 = randn([5, 3]).to("f16");
      let y = autocast(() => {
        const made = nn.linear(x, weight, bias);
        if (inside) made.backward(g0);
        return made;
      });
      if (!inside) y.backward(g0);
      y = y.detach();
      expect([weight.grad?.dtype, bias.grad?.dtype]).toEqual(["f32", "f32"]);
      const [X, W, G] = await Promise.all(
        [x.to("f16"), weight.to("f16"), g0].map(async (one) => [...(await one.data())]),
      );
      const exact = Float64Array.from({ length: 18 }, (_, i) => {
        let sum = 0;
        for (let n = 0; n < 5; n++) sum += G![n * 3 + Math.floor(i / 6)]! * X![n * 6 + (i % 6)]!;
        return sum;
      });
      // Rounded once more on its way through the weight's cast, whose gradient is f16 as the weight was there.
      expectClose(await (weight.grad as Tensor).data(), exact, { rtol: HALF_ULP, atol: 2 ** -20 }, "weight.grad");
      expect(W).toHaveLength(18);
    },
  );

  it("the inside of an operation's forward or backward is left alone", () => {
    const seen: string[] = [];
    const op = g.defineOp({
      name: "product",
      forward(ctx, [a]: [Tensor]) {
        seen.push(a.matmul(a).dtype);
        ctx.save(a);
        return g.clone(a);
      },
      backward(ctx, gradY: Tensor) {
        seen.push((ctx.saved[0] as Tensor).matmul(gradY).dtype);
        return gradY;
      },
    });
    autocast(() =>
      op([randn([2, 2], { requiresGrad: true })])
        .sum()
        .backward(),
    );
    expect(seen).toEqual(["f32", "f32"]);
  });

  it("second derivatives agree with those in f32", async () => {
    manualSeed(3);
    const [x, w] = [randn([4, 4]), randn([4, 4], { requiresGrad: true })];
    const curve = () => {
      const first = grad(x.matmul(w).tanh().sum(), w, { createGraph: true })[0] as Tensor;
      return grad(first.square().sum(), w)[0] as Tensor;
    };
    const [mixed, exact] = [autocast(curve), curve()];
    expect(mixed.dtype).toBe("f32");
    const values = await exact.data();
    const largest = Math.max(...values.map(Math.abs));
    // tanh' of a product that was rounded: a few roundings of numbers up to the largest.
    expectClose(await mixed.data(), values, { rtol: 0, atol: 8 * HALF_ULP * largest }, "second derivative");
  });

  it("a graph keeps f16 for backward, in half the memory", async () => {
    const layers = Array.from({ length: 6 }, () => new nn.Linear(32, 32));
    const x = randn([2048, 32]);
    const held = (enabled: boolean) => {
      const before = device.memory().liveBytes;
      const y = autocast(() => layers.reduce((input, layer) => layer.forward(input), x), { enabled });
      const bytes = device.memory().liveBytes - before;
      y.backward(randn(y.shape).to(y.dtype));
      return bytes;
    };
    const [single, half] = [held(false), held(true)];
    expect(single).toBeGreaterThanOrEqual(6 * x.size * 4);
    // Beside seven halves of an activation the casts of weights and a few small things.
    expect(half).toBeLessThan(0.65 * single);
  });

  it("the mode is part of what a recording is valid for", async () => {
    const step = capture((x: Tensor) => x.matmul(x));
    const x = tensor([
      [1 + 2 ** -12, 0],
      [0, 1],
    ]);
    const run = () => step(x);
    for (let i = 0; i < 2; i++) {
      const half = autocast(run);
      expect([half.dtype, (await half.data())[0]]).toEqual(["f16", 1]);
      const single = run();
      expect([single.dtype, (await single.data())[0]]).toEqual(["f32", Math.fround((1 + 2 ** -12) ** 2)]);
    }
    expect(step.recordings).toBe(2);
  });
});
