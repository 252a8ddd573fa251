import { describe, expect, it } from "vitest";
import { curvature, nn, sum, type Tensor, tensor } from "../../src/index.ts";
import { curvatureCases, open, quadratic } from "../support/curvature.ts";
import { testDevice } from "../support/device.ts";
import { expectTensor, tensorOf } from "../support/golden-module.ts";
import { secondDerivatives } from "../support/tolerance.ts";

const device = await testDevice();

const cases = await curvatureCases();

describe.each(cases)("$name", (one) => {
  it("has PyTorch's Hessian and Gauss-Newton products", async () => {
    const { names, params, loss, output, lossOf } = open(one);
    const v = names.map((name) => tensorOf(one.inputs[`v.${name}`]!));
    const hessian = curvature.hessianVectorProduct(loss, params, v);
    const gaussNewton = curvature.gaussNewtonProduct(output, lossOf, params, v);
    for (const [i, name] of names.entries()) {
      await expectTensor(hessian[i] as Tensor, one.outputs[`hv.${name}`]!, secondDerivatives, `Hv of ${name}`);
      await expectTensor(gaussNewton[i] as Tensor, one.outputs[`ggnv.${name}`]!, secondDerivatives, `Gv of ${name}`);
    }
  });
});

it("gives zero where the loss is linear, and does not share memory with v", async () => {
  const w = tensor([1, 2], { requiresGrad: true });
  const v = tensor([3, 4]);
  const [product] = curvature.hessianVectorProduct(() => sum(w), [w], [v]);
  expect(await product!.tolist()).toEqual([0, 0]);
  const one = quadratic([1, 1], [1, 2]);
  const [same] = curvature.hessianVectorProduct(one.loss, [one.w], [v]);
  v.fill_(0);
  expect(await same!.tolist()).toEqual([3, 4]);
});

it("leaves no tensor behind", () => {
  const { params, loss, output, lossOf } = open(cases[1]!);
  const v = params.map((param) => tensor(new Float32Array(param.size).fill(0.5), { shape: param.shape }));
  const once = () => {
    for (const one of curvature.hessianVectorProduct(loss, params, v)) one.dispose();
    for (const one of curvature.gaussNewtonProduct(output, lossOf, params, v)) one.dispose();
  };
  once();
  const before = device.memory().tensors;
  once();
  expect(device.memory().tensors).toBe(before);
});

describe("curvature products refuse", () => {
  const { w, loss } = quadratic([1, 2], [1, 1]);
  const v = tensor([1, 1]);
  const product = curvature.hessianVectorProduct;

  it("a loss that draws random numbers", () => {
    const model = new nn.Sequential(new nn.Linear(4, 4), new nn.Dropout(0.5), new nn.Linear(4, 1));
    const x = tensor(new Float32Array(8).fill(1), { shape: [2, 4] });
    const params = model.parameters();
    const noisy = () => sum(model.forward(x));
    const along = params.map((param) => tensor(new Float32Array(param.size), { shape: param.shape }));
    expect(() => product(noisy, params, along)).toThrow("dropout left on?");
    model.eval();
    expect(product(noisy, params, along)).toHaveLength(4);
  });

  it("parameters without gradient", () => {
    const frozen = tensor([1, 1]);
    const unused = tensor([1, 1], { requiresGrad: true });
    expect(() => product(loss, [frozen], [v])).toThrow(/params\[0\]' expected a tensor with requiresGrad/);
    expect(() => product(loss, [w, unused], [v, v])).toThrow("the loss does not depend on params[1]");
  });

  it("vectors and losses of the wrong form", () => {
    expect(() => product(loss, [w], [tensor([1, 2, 3])])).toThrow("v[0]");
    expect(() => product(loss, [w], [])).toThrow("1 tensors");
    expect(() => product(() => w, [w], [v])).toThrow("one element");
    expect(() => product(loss, [], [])).toThrow("params");
  });
});
