/** Mistakes of a program around a graph: they are errors, never wrong gradients. */
import { describe, expect, it } from "vitest";
import {
  add,
  clone,
  conv2d,
  defineOp,
  grad,
  matmul,
  mul,
  nn,
  noGrad,
  ones,
  optim,
  reshape,
  square,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const leaf = (data: number[]) => tensor(data, { requiresGrad: true });
const list = async (x: Tensor | null) => [...(await (x as Tensor).data())];

describe("a tensor written in place between forward and backward", () => {
  it("is refused where the gradient needs its old values", () => {
    const factor = tensor([3, 4]);
    factor.label = "factor";
    const y = sum(mul(leaf([1, 2]), factor));
    factor.copy_(tensor([100, 100]));
    expect(() => y.backward()).toThrow(/'factor'.*\[2\].*'mul'.*changed in place/);
    const x = leaf([1, 2]);
    const z = sum(square(x));
    x.fill_(9);
    expect(() => z.backward()).toThrow(/'square'.*changed in place/);
  });

  it("is refused for second derivatives, which run forward again", () => {
    const x = leaf([1, 2]);
    const y = nn.layerNorm(reshape(x, [1, 2]), 2);
    x.fill_(9);
    expect(() => grad(y, x, { gradOutputs: ones([1, 2]), createGraph: true })).toThrow(/changed in place/);
  });

  it("is refused when an optimizer's step wrote it", () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 1));
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const losses = [0, 1].map(() => sum(model.forward(ones([1, 2]))));
    losses[0]?.backward();
    optimizer.step();
    expect(() => losses[1]?.backward()).toThrow(/'1.weight'.*'linear'.*changed in place/);
  });

  it("is allowed where the gradient does not read it", async () => {
    const x = leaf([1, 2]);
    const losses = [sum(add(x, 1)), sum(mul(x, tensor([3, 4]))), sum(reshape(x, [2, 1])), sum(clone(x))];
    x.fill_(9);
    for (const loss of losses) loss.backward();
    expect(await list(x.grad)).toEqual([6, 7]);
    const [weight, image] = [zeros([1, 2], { requiresGrad: true }), zeros([1, 1, 1, 1], { requiresGrad: true })];
    const row = tensor([[5, 6]]);
    const outputs = [nn.linear(row, weight), matmul(row, weight.t()), conv2d(ones([1, 1, 1, 1]), image)];
    noGrad(() => [weight, image].forEach((one) => void one.fill_(7)));
    for (const y of outputs) sum(y).backward();
    expect(await list(weight.grad)).toEqual([10, 12]);
    expect(await list(image.grad)).toEqual([1]);
  });
});

describe("a user-defined backward", () => {
  const double = (backward: (g: Tensor) => unknown) =>
    defineOp({
      name: "double",
      forward: (_, [x]: [Tensor, Tensor]) => mul(x, 2),
      backward: (_, g: Tensor) => backward(g) as Tensor,
    });
  const run = (backward: (g: Tensor) => unknown) => {
    const x = leaf([1, 2]);
    x.label = "theta";
    return () => sum(double(backward)([x, leaf([0])], {})).backward();
  };

  it("is refused when it returns another shape, dtype or number of gradients", () => {
    expect(run(() => [ones([3]), undefined])).toThrow(
      /backward of 'double': argument 'gradient 0' expected shape \[2\], as its input 'theta' has, got a tensor of shape \[3\]/,
    );
    expect(run((g) => g)).toThrow(/backward of 'double': expected 2 gradients.*got 1/);
    expect(run((g) => [g, undefined, g])).toThrow(/expected 2 gradients.*got 3/);
    expect(run(() => [3, undefined])).toThrow(/gradient 0.*expected a tensor.*got 3/);
    expect(run(() => [ones([2], { dtype: "i32" }), undefined])).toThrow(/gradient 0.*float.*i32/);
    expect(run((g) => [g, undefined])).not.toThrow();
  });
});

describe("backward and grad", () => {
  it("take the options instead of a gradient that a scalar does not need", async () => {
    const x = leaf([1, 2]);
    const y = sum(square(x));
    y.backward({ retainGraph: true });
    y.backward(undefined, { retainGraph: true });
    y.backward(null);
    expect(await list(x.grad)).toEqual([6, 12]);
  });

  it("check their arguments", () => {
    const x = leaf([1, 2]);
    const y = square(x);
    expect(() => y.backward(2 as unknown as Tensor)).toThrow(/gradient.*tensor of dtype f32.*\[2\], got 2/);
    expect(() => y.backward(ones([2], { dtype: "i32" }))).toThrow(/gradient.*f32.*'i32'/);
    expect(() => sum(y).backward({ retain_graph: true } as object)).toThrow(
      /unknown option 'retain_graph'.*retainGraph/,
    );
    expect(() => grad(sum(y), x, { create_graph: true } as object)).toThrow(/did you mean 'createGraph'/);
    expect(() => grad(y, x, { gradOutputs: [3] as unknown as Tensor[] })).toThrow(/gradOutputs.*got \[3\]/);
    expect(() => grad(ones([]), x)).toThrow(/outputs/);
  });
});
