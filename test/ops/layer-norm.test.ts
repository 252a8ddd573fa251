import { describe, expect, it } from "vitest";
import { ArgumentError, backward, grad, nn, ShapeError, type Tensor, tensor } from "../../src/index.ts";
import { groupNorm, layerNorm, rmsNorm } from "../../src/ops/norm.ts";
import { gradOf, gradSlotOf, setGradSlot } from "../../src/tensor/tensor.ts";
import { rowNorm } from "../reference/norm.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { golden } from "../support/golden.ts";
import { layouts, withLayout } from "../support/strided.ts";
import { around, decompositions, norms } from "../support/tolerance.ts";
import { normals, upstream } from "../support/values.ts";

const device = await testDevice();

const leaf = (data: ArrayLike<number>, shape: number[]) =>
  tensor(Float32Array.from(data), { shape, requiresGrad: true });

/** Rows and columns: odd, vec4, several slices, fewer rows than lanes, and one long row. */
const shapes: [number, number][] = [
  [1, 1],
  [3, 1],
  [1, 4],
  [7, 5],
  [2, 3],
  [5, 8],
  [33, 17],
  [130, 12],
  [257, 3],
  [64, 65],
  [3, 1024],
  [1, 4099],
  [300, 260],
];

describe.each([
  ["layerNorm", layerNorm, false],
  ["rmsNorm", rmsNorm, true],
] as const)("%s", (_, op, rms) => {
  it.each(shapes)("matches the reference on (%i, %i), forward and backward", async (rows, cols) => {
    const x = normals(rows * cols, 1, { mean: 0.5, std: 2 });
    const [weight, bias, g] = [normals(cols, 2, { mean: 1 }), normals(cols, 3), upstream(rows * cols, 4)];
    const want = rowNorm(x, weight, bias, g, cols, 1e-5, rms);
    const inputs = [leaf(x, [rows, cols]), leaf(weight, [cols]), leaf(bias, [cols])];
    const y = op(inputs, { normalizedShape: cols, eps: 1e-5 });
    expectClose(await y.data(), want.y, norms, "y");
    const [gradX, gradWeight, gradBias] = grad(y, inputs, { gradOutputs: tensor(g, { shape: [rows, cols] }) });
    expectClose(await gradX!.data(), want.gradX, norms, "gradX");
    // Sums over the rows.
    const sums = { rtol: 2e-5, atol: 1e-5 * Math.sqrt(rows) };
    expectClose(await gradWeight!.data(), want.gradWeight, sums, "gradWeight");
    expectClose(await gradBias!.data(), want.gradBias, sums, "gradBias");
  });

  it("equals its decomposition", async () => {
    const inputs = [leaf(normals(6 * 10, 1), [6, 2, 5]), leaf(normals(10, 2), [2, 5]), leaf(normals(10, 3), [2, 5])];
    const attrs = { normalizedShape: [2, 5], eps: 1e-3 };
    const gradOutputs = tensor(upstream(60, 4), { shape: [6, 2, 5] });
    const [fused, plain] = [op(inputs, attrs), op.definition.decomposition!(inputs, attrs)];
    expectClose(await fused.data(), await plain.data(), decompositions, "y");
    const want = grad(plain, inputs, { gradOutputs });
    for (const [i, got] of grad(fused, inputs, { gradOutputs }).entries()) {
      expect(got.shape).toEqual(inputs[i]!.shape);
      expectClose(await got.data(), await want[i]!.data(), decompositions, `gradient ${i}`);
    }
  });

  it("has second derivatives", async () => {
    const x = leaf(normals(12, 1), [3, 4]);
    const attrs = { normalizedShape: 4 };
    const g = tensor(upstream(12, 2), { shape: [3, 4] });
    const twice = (y: ReturnType<typeof op>) => {
      const [first] = grad(y, [x], { gradOutputs: g, createGraph: true });
      return grad(first!, [x], { gradOutputs: g })[0]!;
    };
    const want = await twice(op.definition.decomposition!([x], attrs)).data();
    expectClose(await twice(op([x], attrs)).data(), want, decompositions, "second derivative");
  });
});

describe("layerNorm", () => {
  it.each([1e2, 1e3, 1e4])("keeps its accuracy at mean %d", async (mean) => {
    const x = normals(5 * 96, 1, { mean });
    const none = new Float64Array(x.length);
    const want = rowNorm(x, new Float64Array(96).fill(1), new Float64Array(96), none, 96, 1e-5);
    const y = layerNorm([tensor(x, { shape: [5, 96] })], { normalizedShape: 96 });
    expectClose(await y.data(), want.y, around(mean), "y");
  });

  it("gives the bias for a constant row, and finite gradients", async () => {
    const x = leaf(new Array(8).fill(3.25), [1, 8]);
    const y = layerNorm([x, undefined, tensor(normals(8, 1))], { normalizedShape: 8 });
    expectClose(await y.data(), normals(8, 1), { rtol: 0, atol: 0 }, "y");
    backward(y, tensor(upstream(8, 2), { shape: [1, 8] }));
    expect((await x.grad!.data()).every(Number.isFinite)).toBe(true);
  });

  it("takes empty tensors", async () => {
    const weight = leaf(normals(4, 1), [4]);
    const y = layerNorm([tensor([], { shape: [0, 4] }), weight], { normalizedShape: 4 });
    backward(y, tensor([], { shape: [0, 4] }));
    expect(await weight.grad!.tolist()).toEqual([0, 0, 0, 0]);
    expect(layerNorm([tensor([], { shape: [3, 0] })], { normalizedShape: 0 }).shape).toEqual([3, 0]);
  });

  it("writes both gradients into the slots of a flat storage", async () => {
    const flat = tensor(new Float32Array(256));
    const inputs = [leaf(normals(60, 1), [10, 6]), leaf(normals(6, 2), [6]), leaf(normals(6, 3), [6])];
    const g = upstream(60, 4);
    const want = rowNorm(normals(60, 1), normals(6, 2), normals(6, 3), g, 6, 1e-5);
    setGradSlot(inputs[1]!, flat.narrow(0, 64, 6));
    setGradSlot(inputs[2]!, flat.narrow(0, 128, 6));
    backward(layerNorm(inputs, { normalizedShape: 6 }), tensor(g, { shape: [10, 6] }));
    expect(gradOf(inputs[1]!)).toBe(gradSlotOf(inputs[1]!));
    const values = await flat.data();
    expectClose(values.slice(64, 70), want.gradWeight, norms, "gradWeight");
    expectClose(values.slice(128, 134), want.gradBias, norms, "gradBias");
    expect([values[63], values[134]]).toEqual([0, 0]);
  });

  it("frees its intermediates", async () => {
    const inputs = [leaf(normals(60, 1), [10, 6]), leaf(normals(6, 2), [6])];
    const g = tensor(upstream(60, 4), { shape: [10, 6] });
    const run = () => {
      const turned = inputs[0]!.reshape([6, 10]).transpose(0, 1);
      const y = layerNorm([turned, inputs[1]], { normalizedShape: 6 });
      const gradients = grad(y, inputs, { gradOutputs: g });
      for (const one of [turned, y, ...gradients]) one.dispose();
    };
    // What a graph used is freed by the next one.
    run();
    run();
    await device.sync();
    const before = device.memory();
    run();
    expect(device.memory().tensors).toBe(before.tensors);
    expect(device.memory().liveBytes).toBe(before.liveBytes);
  });

  it("names what does not fit", () => {
    const x = tensor(normals(12, 1), { shape: [3, 4] });
    expect(() => layerNorm([x], { normalizedShape: [3] })).toThrow(ShapeError);
    expect(() => layerNorm([x, tensor([1, 2])], { normalizedShape: 4 })).toThrow(
      /layerNorm: argument 'weight' expected normalizedShape \[4\]/,
    );
    expect(() => layerNorm([x], { normalizedShape: 4, eps: -1 })).toThrow(ArgumentError);
    expect(() => groupNorm([x], { groups: 3 })).toThrow(/divisor of 4 channels, got 3/);
  });
});

describe("nn.rmsNorm", () => {
  const weights = [undefined, null, tensor([1, -2, 0.5, 3])];

  it.each(weights)("is x / sqrt(mean(x^2) + eps) * weight, with weight %o", async (weight) => {
    const [x, g] = [normals(12, 1), upstream(12, 2)];
    const scale = weight ? Array.from(await weight.data(), Number) : [1, 1, 1, 1];
    for (const eps of [undefined, 0, 1e-2]) {
      const want = rowNorm(x, scale, [0, 0, 0, 0], g, 4, eps ?? 2 ** -23, true);
      const input = leaf(x, [3, 4]);
      const y = nn.rmsNorm(input, 4, weight, eps);
      expectClose(await y.data(), want.y, norms, "y");
      const [gradX] = grad(y, [input], { gradOutputs: tensor(g, { shape: [3, 4] }) }) as [Tensor];
      expectClose(await gradX.data(), want.gradX, norms, "gradX");
    }
  });

  it("adds the spacing of the dtype's numbers where no eps is given, as the layer does", async () => {
    const dtypes = device.features.f16 ? (["f32", "f16"] as const) : (["f32"] as const);
    for (const dtype of dtypes) {
      const value = 2 ** -7;
      const eps = dtype === "f16" ? 2 ** -10 : 2 ** -23;
      const x = tensor([value, -value], { dtype });
      const want = value / Math.sqrt(value * value + eps);
      const tolerance = { rtol: dtype === "f16" ? 1e-3 : 1e-6, atol: 0 };
      expectClose(await nn.rmsNorm(x, [2]).data(), [want, -want], tolerance, dtype);
      expectClose(await new nn.RMSNorm(2, { affine: false }).forward(x).data(), [want, -want], tolerance, dtype);
    }
  });

  it("passes NaN on within its row, and gives 0 for a row of zeros", async () => {
    const y = nn.rmsNorm(
      tensor([
        [0, 0],
        [Number.NaN, 1],
        [3, 4],
      ]),
      2,
    );
    expect(await y.tolist()).toEqual([
      [0, 0],
      [Number.NaN, Number.NaN],
      [expect.any(Number), expect.any(Number)],
    ]);
    expect(nn.rmsNorm(tensor([], { shape: [0, 4] }), 4).shape).toEqual([0, 4]);
  });

  it("names what does not fit", () => {
    const x = tensor(normals(12, 1), { shape: [3, 4] });
    expect(() => nn.rmsNorm(x, [3])).toThrow(
      /rmsNorm: argument 'x' expected a shape that ends in normalizedShape \[3\]/,
    );
    expect(() => nn.rmsNorm(x, 4, tensor([1, 2]))).toThrow(ShapeError);
    expect(() => nn.rmsNorm(x, 4, null, -1)).toThrow(ArgumentError);
  });
});

const cases = (await golden("norms")).filter(({ op }) =>
  ["nn.layerNorm", "nn.rmsNorm", "nn.RMSNorm", "nn.GroupNorm"].includes(op),
);

describe.each(layouts)("norms have PyTorch's values on inputs that are %s", (layout) => {
  it.each(cases)("$name", async (one) => {
    const x = withLayout(one.inputs.x!, layout);
    const param = (name: string) => {
      const values = one.inputs[name] ?? one.state[name];
      return values && leaf(values.data, values.shape);
    };
    const inputs = { x, weight: param("weight"), bias: param("bias") };
    const list = [x, inputs.weight, inputs.bias];
    const options = one.args.at(-1) as { eps?: number };
    const [shape, eps] = [one.args[one.op === "nn.layerNorm" ? 1 : 0] as number[], one.args[4] as number];
    const y =
      one.op === "nn.layerNorm"
        ? layerNorm(list, { normalizedShape: shape, eps })
        : one.op === "nn.rmsNorm"
          ? nn.rmsNorm(x, one.args[1] as number[], inputs.weight, one.args[3] as number | undefined)
          : one.op === "nn.RMSNorm"
            ? rmsNorm(list, { normalizedShape: shape, eps: options.eps! })
            : groupNorm(list as [typeof x], {
                groups: one.args[0] as number,
                ...(options.eps && { eps: options.eps }),
              });
    const tolerance = around(Number(/mean (\d+)/.exec(one.name)?.[1] ?? 0), 4);
    expectClose(await y.data(), one.outputs.out!.data, tolerance, "y");
    const wanted = Object.keys(one.grads) as (keyof typeof inputs)[];
    const gradOutputs = tensor(Float32Array.from(one.upstream.out!.data), { shape: one.upstream.out!.shape });
    const found = grad(
      y,
      wanted.map((name) => inputs[name]!),
      { gradOutputs },
    );
    for (const [i, name] of wanted.entries())
      expectClose(await found[i]!.data(), one.grads[name]!.data, tolerance, `gradient of ${name}`);
  });
});
