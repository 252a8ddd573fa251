import { describe, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import { ArgumentError, capture, grad, ShapeError, type Tensor, tensor, zeros } from "../../src/index.ts";
import { batchNorm } from "../../src/ops/norm.ts";
import { batchNorm as reference } from "../reference/norm.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { type GoldenCase, golden } from "../support/golden.ts";
import { layouts, withLayout } from "../support/strided.ts";
import { around, decompositions, norms, runningStatistics } from "../support/tolerance.ts";
import { normals, upstream } from "../support/values.ts";

const device = await testDevice();

const leaf = (data: ArrayLike<number>, shape: number[]) =>
  tensor(Float32Array.from(data), { shape, requiresGrad: true });

/** (N, C) and (N, C, ...): odd, vec4 along channels or planes, several slices, fewer channels than lanes. */
const shapes = [
  [2, 1],
  [5, 3],
  [7, 8],
  [67, 2],
  [300, 33],
  [129, 64],
  [2, 3, 1],
  [3, 2, 5],
  [1, 4, 6],
  [4, 3, 8],
  [2, 3, 3, 5],
  [9, 5, 4, 4],
  [33, 20, 7],
  [2, 70, 12],
];

async function compare(shape: number[], mean: number) {
  const tolerance = around(mean);
  const [batch, channels, ...rest] = shape as [number, number];
  const inner = (rest as number[]).reduce((a, b) => a * b, 1);
  const size = batch * channels * inner;
  const x = normals(size, 1, { mean, std: 2 });
  const [weight, bias, g] = [normals(channels, 2, { mean: 1 }), normals(channels, 3), upstream(size, 4)];
  const want = reference(x, weight, bias, g, [batch, channels, inner], 1e-5);
  const inputs = [leaf(x, shape), leaf(weight, [channels]), leaf(bias, [channels])];
  const y = batchNorm(inputs, { training: true });
  expectClose(await y.data(), want.y, tolerance, "y");
  const found = grad(y, inputs, { gradOutputs: tensor(g, { shape }) });
  const sums = around(mean, batch * inner);
  expectClose(await found[0]!.data(), want.gradX, tolerance, "gradX");
  expectClose(await found[1]!.data(), want.gradWeight, sums, "gradWeight");
  expectClose(await found[2]!.data(), want.gradBias, sums, "gradBias");
}

const running = (channels: number) => ({
  runningMean: zeros([channels]),
  runningVar: tensor(new Float32Array(channels).fill(1)),
  numBatchesTracked: zeros([], { dtype: "i32" }),
});

describe("batchNorm", () => {
  it.each(shapes.map((shape) => [shape]))("matches the reference on %j in training, forward and backward", (shape) =>
    compare(shape, 0.5),
  );

  it.each([1e2, 1e3, 1e4])("keeps its accuracy at mean %d", async (mean) => {
    await compare([40, 8], mean);
    await compare([6, 3, 10], mean);
  });

  it("gives the bias for a constant channel", async () => {
    const y = batchNorm([tensor(new Float32Array(12).fill(1e4), { shape: [6, 2] }), undefined, tensor([3, 4])], {
      training: true,
    });
    expect(await y.tolist()).toEqual(new Array(6).fill([3, 4]));
  });

  it.each([{ training: true }, { training: false }])(
    "equals its decomposition (training: $training)",
    async ({ training }) => {
      const inputs = [leaf(normals(60, 1), [5, 4, 3]), leaf(normals(4, 2), [4]), leaf(normals(4, 3), [4])];
      const statistics = {
        runningMean: tensor(normals(4, 5)),
        runningVar: tensor(normals(4, 6).map((v) => v * v + 0.5)),
      };
      const attrs = { ...statistics, training, eps: 1e-3 };
      const gradOutputs = tensor(upstream(60, 4), { shape: [5, 4, 3] });
      const plain = batchNorm.definition.decomposition!(inputs, attrs);
      const want = grad(plain, inputs, { gradOutputs });
      const fused = batchNorm(inputs, attrs);
      expectClose(await fused.data(), await plain.data(), decompositions, "y");
      for (const [i, got] of grad(fused, inputs, { gradOutputs }).entries()) {
        expectClose(await got.data(), await want[i]!.data(), decompositions, `gradient ${i}`);
      }
    },
  );

  it("moves the running statistics in training alone, the variance unbiased", async () => {
    const state = running(1);
    const x = tensor([1, 2, 3, 6], { shape: [4, 1] });
    batchNorm([x], { ...state, training: true });
    expectClose(await state.runningMean.data(), [0.3], runningStatistics, "running mean");
    // Biased the variance would be 3.5, and the running one 1.25.
    expectClose(await state.runningVar.data(), [0.9 + 0.1 * (14 / 3)], runningStatistics, "running variance");
    batchNorm([x], { ...state, training: false });
    expect([await state.runningMean.item(), await state.numBatchesTracked.item()]).toEqual([expect.closeTo(0.3), 1]);
  });

  it("moves them in a captured step too", async () => {
    const [eager, captured] = [running(3), running(3)];
    const batches = [1, 2, 3, 4].map((seed) => tensor(normals(15, seed, { mean: seed }), { shape: [5, 3] }));
    const step = capture((x: Tensor) => batchNorm([x], { ...captured, training: true, momentum: null }));
    for (const x of batches) {
      const want = await batchNorm([x], { ...eager, training: true, momentum: null }).data();
      expect(await step(x).data()).toEqual(want);
    }
    expect(await captured.runningMean.data()).toEqual(await eager.runningMean.data());
    expect(await captured.runningVar.data()).toEqual(await eager.runningVar.data());
    expect(await captured.numBatchesTracked.item()).toBe(4);
  });

  it("refuses one value per channel before anything runs", () => {
    const state = running(3);
    const before = runtimeOf(device).recorder.dispatchCount;
    expect(() => batchNorm([tensor(normals(3, 1), { shape: [1, 3] })], { ...state, training: true })).toThrow(
      ShapeError,
    );
    expect(runtimeOf(device).recorder.dispatchCount).toBe(before);
    expect(batchNorm([tensor(normals(3, 1), { shape: [1, 3] })], { ...state, training: false }).shape).toEqual([1, 3]);
  });

  it("takes an empty batch in evaluation", async () => {
    const inputs = [tensor([], { shape: [0, 3] }), leaf([1, 2, 3], [3])];
    const y = batchNorm(inputs, { ...running(3), training: false });
    const [gradWeight] = grad(y, [inputs[1]!], { gradOutputs: tensor([], { shape: [0, 3] }) });
    expect(await gradWeight!.tolist()).toEqual([0, 0, 0]);
  });

  it("names what does not fit", () => {
    const x = tensor(normals(12, 1), { shape: [3, 4] });
    expect(() => batchNorm([x, tensor([1])], { training: true })).toThrow(
      /batchNorm: argument 'weight' expected shape \[4\]/,
    );
    const { numBatchesTracked: _, ...rest } = running(4);
    expect(() => batchNorm([x], { ...rest, training: true, momentum: null })).toThrow(ArgumentError);
    expect(() => batchNorm([x], { training: true, momentum: 2 })).toThrow(ArgumentError);
  });
});

const cases = (await golden("norms")).filter(({ op }) => op.includes("atchNorm"));
const param = (one: GoldenCase, name: string) => {
  const values = one.inputs[name] ?? one.state[name];
  return values && tensor(Float32Array.from(values.data), { shape: values.shape, requiresGrad: true });
};

async function trainingSteps(one: GoldenCase) {
  const [weight, bias] = [param(one, "weight"), param(one, "bias")];
  const options = one.args[1] as { momentum?: number | null; eps?: number; trackRunningStats?: boolean };
  const { momentum = 0.1, eps = 1e-5, trackRunningStats = true } = options;
  const state = trackRunningStats ? running(one.args[0] as number) : {};
  const mean = Number(/mean (\d+)/.exec(one.name)?.[1] ?? 0);
  const {
    shape: [, ...shape],
    data,
  } = one.inputs.x!;
  const size = data.length / 3;
  for (const step of one.steps) {
    const x = leaf(data.slice((step.step - 1) * size, step.step * size), shape);
    const y = batchNorm([x, weight, bias], { ...state, momentum, eps, training: true });
    expectClose(await y.data(), step.outputs.out!.data, around(mean), "y");
    const inputs: Record<string, Tensor | undefined> = { x, weight, bias };
    const wanted = Object.keys(step.grads);
    const gradOutputs = tensor(Float32Array.from(step.upstream.out!.data), { shape });
    const found = grad(
      y,
      wanted.map((name) => inputs[name]!),
      { gradOutputs },
    );
    for (const [i, name] of wanted.entries())
      expectClose(await found[i]!.data(), step.grads[name]!.data, around(mean, shape[0]! + 2), name);
    if (!trackRunningStats) continue;
    const kept = state as ReturnType<typeof running>;
    expectClose(await kept.runningMean.data(), step.state.running_mean!.data, runningStatistics, "running mean");
    expectClose(
      await kept.runningVar.data(),
      step.state.running_var!.data,
      mean > 0 ? around(mean) : runningStatistics,
      "running variance",
    );
    expect(await kept.numBatchesTracked.item()).toBe(step.state.num_batches_tracked!.data[0]);
  }
  const last = leaf(data.slice(2 * size), shape);
  const y = batchNorm([last, weight, bias], { ...state, eps, training: false });
  // Far from zero: the difference to the running mean is large, and takes the variance's error with it.
  const tolerance = mean > 0 ? { rtol: 1e-4 } : norms;
  expectClose(await y.data(), one.steps[2]!.outputs.eval!.data, tolerance, "evaluation");
}

async function evaluation(one: GoldenCase, layout: (typeof layouts)[number]) {
  const [x, weight, bias] = [withLayout(one.inputs.x!, layout), param(one, "weight"), param(one, "bias")];
  const [runningMean, runningVar] = [param(one, "mean")!.detach(), param(one, "var")!.detach()];
  const y = batchNorm([x, weight, bias], { runningMean, runningVar, training: false, eps: 1e-5 });
  expectClose(await y.data(), one.outputs.out!.data, norms, "y");
  const inputs: Record<string, Tensor | undefined> = { x, weight, bias };
  const wanted = Object.keys(one.grads);
  const gradOutputs = tensor(Float32Array.from(one.upstream.out!.data), { shape: one.upstream.out!.shape });
  const found = grad(
    y,
    wanted.map((name) => inputs[name]!),
    { gradOutputs },
  );
  for (const [i, name] of wanted.entries()) expectClose(await found[i]!.data(), one.grads[name]!.data, norms, name);
}

describe("batchNorm follows PyTorch's training steps", () => {
  it.each(cases.filter(({ steps }) => steps.length > 0))("$name", trainingSteps);
});
describe.each(layouts)("batchNorm has PyTorch's values on inputs that are %s", (layout) => {
  it.each(cases.filter(({ steps }) => steps.length === 0))("$name", (one) => evaluation(one, layout));
});
