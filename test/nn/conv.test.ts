/** Conv2d and pooling layers: arguments, shapes, default weights, and a ConvNet's training against PyTorch. */
import { describe, expect, it } from "vitest";
import { ArgumentError, nn, randn, type Tensor, zeros } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { golden } from "../support/golden.ts";
import { checkTrajectory } from "../support/golden-module.ts";
import { expectSameBits } from "../support/same-bits.ts";

await testDevice();

const classify = (model: nn.Module, { x, y }: Record<string, Tensor>) =>
  nn.crossEntropy(model.forward(x as Tensor), y as Tensor);

describe("ten AdamW steps have PyTorch's losses and gradients", async () => {
  const cases = await golden("trajectory_convnet");
  it.each(cases)("$name", (one) => checkTrajectory(one, classify, { rtol: 5e-5, atol: 1e-5 }));
  it.each(cases)("$name has the same bits eager and captured", (one) => expectSameBits(one, classify));
});

describe("constructors refuse", () => {
  const any = (value: unknown) => value as never;
  it.each<[string, () => unknown, RegExp]>([
    ["no channels", () => new nn.Conv2d(0, 3, 3), /inChannels/],
    ["no outputs", () => new nn.Conv2d(3, 0, 3), /outChannels/],
    ["no kernel", () => new nn.Conv2d(3, 3, any(undefined)), /kernelSize/],
    ["half a stride", () => new nn.Conv2d(3, 3, 3, { stride: 0.5 }), /stride/],
    ["negative padding", () => new nn.Conv2d(3, 3, 3, { padding: [1, -1] }), /padding/],
    ["no dilation", () => new nn.Conv2d(3, 3, 3, { dilation: 0 }), /dilation/],
    ["groups that do not divide", () => new nn.Conv2d(4, 6, 3, { groups: 4 }), /groups/],
    ["a misspelt option", () => new nn.Conv2d(4, 6, 3, any({ paddding: 1 })), /did you mean 'padding'/],
    ["a pool without kernel", () => new nn.MaxPool2d(0), /kernelSize/],
    ["a pool with dilation", () => new nn.AvgPool2d(2, any({ dilation: 2 })), /unknown option 'dilation'/],
  ])("%s", (_, build, message) => {
    expect(build).toThrow(ArgumentError);
    expect(build).toThrow(message);
  });
});

it("output shapes follow options of one number or a pair", () => {
  const x = zeros([2, 4, 9, 7]);
  const conv = new nn.Conv2d(4, 6, [3, 2], { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 });
  expect(conv.weight.shape).toEqual([6, 2, 3, 2]);
  expect(conv.forward(x).shape).toEqual([2, 6, 5, 5]);
  expect(new nn.Conv2d(4, 3, 3, { bias: false }).parameters()).toHaveLength(1);
  expect(new nn.MaxPool2d(2).forward(x).shape).toEqual([2, 4, 4, 3]);
  expect(new nn.AvgPool2d([3, 2], { stride: 1, padding: [1, 1] }).forward(x).shape).toEqual([2, 4, 9, 8]);
});

it("default weights depend on the activation, past norms and pools", async () => {
  const conv = () => new nn.Conv2d(16, 32, 3);
  const [he, xavier] = [conv(), conv()];
  new nn.Sequential(he, new nn.BatchNorm2d(32), new nn.MaxPool2d(2), new nn.ReLU(), xavier.eval());
  expect(await he.weight.std().item()).toBeCloseTo(Math.sqrt(2 / 144), 2);
  expect(await xavier.weight.std().item()).toBeCloseTo(Math.sqrt(2 / (144 + 288)), 2);
  expect(
    await he
      .forward(randn([2, 16, 5, 5]))
      .isfinite()
      .min()
      .item(),
  ).toBe(1);
});
