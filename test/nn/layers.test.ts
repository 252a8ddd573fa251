/** Construction of layers, and the arguments that they refuse. */

import { describe, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import {
  ArgumentError,
  DtypeError,
  type GradwellError,
  nn,
  ones,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

type Kind = new (message: string) => GradwellError;

describe("constructors refuse", () => {
  const any = (value: unknown) => value as never;
  it.each<[string, () => unknown, RegExp]>([
    ["Linear without inputs", () => new nn.Linear(0, 3), /inFeatures/],
    ["Linear with half a feature", () => new nn.Linear(2, 1.5), /outFeatures/],
    [
      "Linear with an unknown option",
      () => new nn.Linear(2, 2, any({ activaton: "relu" })),
      /did you mean 'activation'/,
    ],
    ["Linear with an unknown activation", () => new nn.Linear(2, 2, { activation: any("rleu") }), /one of none, relu/],
    ["Linear with a number for bias", () => new nn.Linear(2, 2, { bias: any(1) }), /true or false/],
    ["Linear with a name for an initializer", () => new nn.Linear(2, 2, { weightInit: any("he") }), /an initializer/],
    ["BatchNorm1d without features", () => new nn.BatchNorm1d(any(undefined)), /numFeatures/],
    ["BatchNorm2d with negative eps", () => new nn.BatchNorm2d(2, { eps: -1 }), /eps/],
    ["BatchNorm1d with momentum 2", () => new nn.BatchNorm1d(2, { momentum: 2 }), /momentum/],
    ["LayerNorm over nothing", () => new nn.LayerNorm([]), /normalizedShape/],
    ["RMSNorm with a bias", () => new nn.RMSNorm(3, any({ bias: true })), /unknown option 'bias'/],
    ["GroupNorm that does not divide", () => new nn.GroupNorm(4, 6), /a divisor of numChannels 6/],
    ["Embedding with padding outside", () => new nn.Embedding(3, 2, { paddingIdx: 3 }), /from -3 to 2/],
    ["LeakyReLU with NaN", () => new nn.LeakyReLU(Number.NaN), /negativeSlope/],
    ["Flatten from a half", () => new nn.Flatten(0.5), /startDim/],
    ["Softmax along a name", () => new nn.Softmax(any("rows")), /dim/],
    ["Sequential of a function", () => new nn.Sequential(any(() => 1)), /layer 0/],
    ["registerBuffer of numbers", () => new nn.ReLU().registerBuffer("b", any([1])), /a tensor or null/],
  ])("%s", (_, build, message) => {
    const before = device.memory().tensors;
    expect(build).toThrow(ArgumentError);
    expect(build).toThrow(message);
    expect(device.memory().tensors).toBe(before);
  });
});

describe("layers refuse bad inputs", () => {
  const whole = { dtype: "i32" } as const;
  it.each<[string, () => [nn.Module, Tensor], Kind, RegExp]>([
    ["Linear, features", () => [new nn.Linear(3, 2), zeros([4, 2])], ShapeError, /last dim of 3.*\[4, 2\]/],
    ["Linear, a scalar", () => [new nn.Linear(3, 2), zeros([])], ShapeError, /last dim of 3/],
    ["Linear, integers", () => [new nn.Linear(3, 2), zeros([4, 3], whole)], DtypeError, /a float tensor/],
    ["BatchNorm1d, images", () => [new nn.BatchNorm1d(3), zeros([2, 3, 4, 4])], ShapeError, /\(N, C\) or \(N, C, L\)/],
    ["BatchNorm2d, rows", () => [new nn.BatchNorm2d(3), zeros([2, 3])], ShapeError, /\(N, C, H, W\)/],
    ["BatchNorm1d, channels", () => [new nn.BatchNorm1d(3), zeros([2, 4])], ShapeError, /3 channels/],
    ["BatchNorm1d, integers", () => [new nn.BatchNorm1d(3), zeros([2, 3], whole)], DtypeError, /batchNorm/],
    ["LayerNorm, last dims", () => [new nn.LayerNorm([2, 3]), zeros([3, 3])], ShapeError, /ends in \[2,3\]/],
    ["LayerNorm, too few dims", () => [new nn.LayerNorm([2, 3]), zeros([3])], ShapeError, /ends in \[2,3\]/],
    ["RMSNorm, last dim", () => [new nn.RMSNorm(4), zeros([3])], ShapeError, /ends in \[4\]/],
    ["GroupNorm, channels", () => [new nn.GroupNorm(2, 4), zeros([3, 6])], ShapeError, /\(N, 4, ...\)/],
    ["Embedding, floats", () => [new nn.Embedding(4, 2), zeros([3])], DtypeError, /i32 or u32/],
    ["Dropout, bools", () => [new nn.Dropout(), ones([3], { dtype: "bool" })], DtypeError, /float/],
    ["Flatten, too few dims", () => [new nn.Flatten(2), ones([3])], ArgumentError, /start/],
  ])("%s", (_, build, kind, message) => {
    const [layer, x] = build();
    const before = [runtimeOf(device).recorder.dispatchCount, device.memory().tensors];
    expect(() => layer.forward(x)).toThrow(kind);
    expect(() => layer.forward(x)).toThrow(message);
    expect([runtimeOf(device).recorder.dispatchCount, device.memory().tensors]).toEqual(before);
  });
});

describe("output shapes", () => {
  it("of Linear keep any leading dims, none included", () => {
    const linear = new nn.Linear(3, 2);
    for (const shape of [[3], [5, 3], [2, 4, 3], [0, 3]]) {
      expect(linear.forward(randn(shape)).shape).toEqual([...shape.slice(0, -1), 2]);
    }
    expect(new nn.Linear(3, 2, { bias: false }).parameters()).toHaveLength(1);
  });

  it("of Flatten and Softmax follow their dims", async () => {
    expect(new nn.Flatten().forward(zeros([2, 3, 4])).shape).toEqual([2, 12]);
    expect(new nn.Flatten(0, 1).forward(zeros([2, 3, 4])).shape).toEqual([6, 4]);
    const sums = (new nn.Softmax(0).forward(randn([3, 4])) as Tensor).sum(0);
    for (const sum of await sums.data()) expect(sum).toBeCloseTo(1, 6);
  });

  it("of an embedding follow the indices, from none to many", async () => {
    const layer = new nn.Embedding(4, 2, { paddingIdx: -1 });
    expect(layer.forward(zeros([], { dtype: "i32" })).shape).toEqual([2]);
    expect(layer.forward(zeros([0], { dtype: "i32" })).shape).toEqual([0, 2]);
    const rows = await layer
      .forward(
        tensor(
          [
            [3, 0],
            [0, 3],
          ],
          { dtype: "u32" },
        ),
      )
      .tolist();
    expect((rows as number[][][])[0]?.[0]).toEqual([0, 0]);
    expect((rows as number[][][])[0]?.[1]).toEqual((rows as number[][][])[1]?.[0]);
  });
});
