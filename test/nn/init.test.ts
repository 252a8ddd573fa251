import { describe, expect, it } from "vitest";
import {
  ArgumentError,
  DtypeError,
  manualSeed,
  matmul,
  nn,
  noGrad,
  optim,
  randn,
  ShapeError,
  type Tensor,
  t,
  zeros,
} from "../../src/index.ts";
import type { Initializer } from "../../src/nn/init.ts";
import { originOf } from "../../src/nn/init-provenance.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { type GoldenCase, golden } from "../support/golden.ts";

await testDevice();
const { init } = nn;

/** Every initializer that draws. */
const drawing: Record<string, Initializer> = {
  xavierUniform: init.xavierUniform(),
  xavierNormal: init.xavierNormal({ gain: 2 }),
  heUniform: init.heUniform({ nonlinearity: "relu" }),
  heNormal: init.heNormal({ mode: "fanOut" }),
  lecunNormal: init.lecunNormal(),
  torchDefault: init.torchDefault(),
  orthogonal: init.orthogonal(),
  uniform: init.uniform(-3, 1),
  normal: init.normal(5, 0.1),
  truncNormal: init.truncNormal(),
  "truncNormal, one side": init.truncNormal(0, 1, 0.5, 9),
};
const SHAPE = [400, 300];
const SIZE = 120_000;

const drawn = async (draw: Initializer, shape: readonly number[] = SHAPE): Promise<Float32Array> => {
  const weight = zeros(shape);
  draw(weight);
  const data = (await weight.data()) as Float32Array;
  weight.dispose();
  return data;
};

function statistics(data: Float32Array) {
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  const moment = (power: number) => data.reduce((sum, x) => sum + (x - mean) ** power, 0) / data.length;
  const std = Math.sqrt(moment(2));
  return {
    mean,
    std,
    kurtosis: moment(4) / std ** 4,
    low: data.reduce((a, b) => Math.min(a, b)),
    high: data.reduce((a, b) => Math.max(a, b)),
  };
}

/** Five standard errors: one run in two million would fail by chance, and the seed is fixed. */
function expectSpread(data: Float32Array, mean: number, std: number): void {
  const found = statistics(data);
  const meanError = std / Math.sqrt(data.length);
  const stdError = (std * Math.sqrt(Math.max(found.kurtosis - 1, 0.1) / data.length)) / 2;
  expect(Math.abs(found.mean - mean)).toBeLessThan(5 * meanError);
  expect(Math.abs(found.std - std)).toBeLessThan(5 * stdError);
}

describe("values of initializers", () => {
  const uniformBound: Record<string, number> = {
    xavierUniform: Math.sqrt(6 / 700),
    heUniform: Math.sqrt(6 / 300),
    torchDefault: Math.sqrt(1 / 300),
  };
  it.each(Object.entries(uniformBound))("%s fills its range evenly", async (name, bound) => {
    manualSeed(7);
    const data = await drawn(drawing[name] as Initializer);
    const { low, high, kurtosis } = statistics(data);
    expectSpread(data, 0, bound / Math.sqrt(3));
    expect(kurtosis).toBeCloseTo(1.8, 1);
    expect(high).toBeLessThan(bound);
    expect(low).toBeGreaterThanOrEqual(-Math.fround(bound));
    expect(Math.min(high, -low)).toBeGreaterThan(bound * (1 - 20 / SIZE));
  });

  const normalStd: Record<string, number> = {
    xavierNormal: 2 * Math.sqrt(2 / 700),
    heNormal: Math.sqrt(2 / 400),
    lecunNormal: Math.sqrt(1 / 300),
  };
  it.each(Object.entries(normalStd))("%s draws from a normal distribution", async (name, std) => {
    manualSeed(7);
    const data = await drawn(drawing[name] as Initializer);
    expectSpread(data, 0, std);
    expect(statistics(data).kurtosis).toBeCloseTo(3, 1);
  });

  it("uniform and normal follow their arguments", async () => {
    manualSeed(7);
    expectSpread(await drawn(drawing.uniform as Initializer), -1, 4 / Math.sqrt(12));
    expectSpread(await drawn(drawing.normal as Initializer), 5, 0.1);
  });

  it.each([
    [0, 1, -2, 2],
    [0, 0.02, -2, 2],
    [1, 2, 0, 1.5],
    [0, 1, 1.5, 2],
    [-1, 0.5, -8, -1],
  ])("truncNormal(%d, %d, %d, %d) stays between the cuts", async (mean, std, a, b) => {
    manualSeed(7);
    const data = await drawn(init.truncNormal(mean, std, a, b));
    const { low, high } = statistics(data);
    expect(low).toBeGreaterThanOrEqual(a);
    expect(high).toBeLessThanOrEqual(b);
    // By the midpoint rule, apart from the code's own Simpson rule.
    const steps = 100_000;
    const [from, to] = [Math.max(a, mean - 8 * std), Math.min(b, mean + 8 * std)];
    let [mass, first, second] = [0, 0, 0];
    for (let i = 0; i < steps; i++) {
      const x = from + ((i + 0.5) * (to - from)) / steps;
      const density = Math.exp(-(((x - mean) / std) ** 2) / 2);
      mass += density;
      first += density * x;
      second += density * x * x;
    }
    const exact = Math.sqrt(second / mass - (first / mass) ** 2);
    expectSpread(data, first / mass, exact);
    const weight = zeros([3, 4]);
    init.truncNormal(mean, std, a, b)(weight);
    expect(originOf(weight)?.std).toBeCloseTo(exact, 4);
  });

  it.each([
    [5, 5],
    [7, 3],
    [4, 9],
    [6, 2, 3, 3],
  ])("orthogonal [%d, %d, ...] has orthonormal rows or columns", async (...shape) => {
    const weight = zeros(shape);
    init.orthogonal({ gain: 2 })(weight);
    const matrix = weight.reshape([shape[0] as number, -1]);
    const [rows, cols] = matrix.shape as [number, number];
    const gram = rows <= cols ? matmul(matrix, t(matrix)) : matmul(t(matrix), matrix);
    const n = Math.min(rows, cols);
    expectClose(
      await gram.data(),
      Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 4 : 0)),
      { atol: 2e-6 },
      "gram matrix",
    );
  });

  it("constants fill the tensor", async () => {
    expect(new Set(await drawn(init.constant(2.5), [3, 3]))).toEqual(new Set([2.5]));
    expect(new Set(await drawn(init.zeros(), [3]))).toEqual(new Set([0]));
    expect(new Set(await drawn(init.ones(), []))).toEqual(new Set([1]));
  });
});

describe("initializers with seeds", () => {
  it.each(Object.entries(drawing))(
    "%s gives the same bits for the same seed, and others for another seed or call",
    async (_, draw) => {
      const shape = [5, 7];
      manualSeed(11);
      const [first, second] = [await drawn(draw, shape), await drawn(draw, shape)];
      manualSeed(11);
      expect(await drawn(draw, shape)).toEqual(first);
      manualSeed(12);
      expect(await drawn(draw, shape)).not.toEqual(first);
      expect(second).not.toEqual(first);
    },
  );

  it("give a whole model the same bits", async () => {
    const build = async () => {
      manualSeed(3);
      const model = new nn.Sequential(new nn.Linear(4, 5), new nn.BatchNorm1d(5), new nn.ReLU(), new nn.Linear(5, 2));
      return Promise.all(model.parameters().map((one) => one.tolist()));
    };
    expect(await build()).toEqual(await build());
  });
});

describe("initializers have PyTorch's distributions", async () => {
  const cases = await golden("layers_init");
  const make = init as unknown as Record<string, (...args: unknown[]) => unknown>;
  const call = ({ op, args }: GoldenCase) =>
    (make[op.replace("nn.init.", "")] as (...args: unknown[]) => unknown)(...args);
  const value = (one: GoldenCase, name: string) => one.outputs[name]?.data[0] as number;

  it.each(cases.filter(({ op }) => op === "nn.init.fans"))("$name", (one) => {
    expect(call(one)).toEqual({ fanIn: value(one, "fanIn"), fanOut: value(one, "fanOut") });
  });
  it.each(cases.filter(({ op }) => op === "nn.init.calculateGain"))("$name", (one) => {
    expect(call(one)).toBeCloseTo(value(one, "out"), 6);
  });
  it.each(cases.filter(({ shape }) => shape.length > 0))("$name", async (one) => {
    const weight = zeros(one.shape);
    (call(one) as Initializer)(weight);
    const isUniform = "low" in one.outputs;
    const std = isUniform ? (value(one, "high") - value(one, "low")) / Math.sqrt(12) : value(one, "std");
    expect((originOf(weight)?.std ?? Number.NaN) / std).toBeCloseTo(1, 6);
    if (!isUniform) return;
    for (const x of await weight.data()) expect(Math.abs(x)).toBeLessThanOrEqual(value(one, "high") * (1 + 1e-6));
  });
});

describe("default weights", () => {
  const rules = async (model: nn.Module) => (await init.describe(model)).map(({ initializer }) => initializer);

  it("are He before the ReLU family and Xavier elsewhere, whatever lies between", async () => {
    const linear = () => new nn.Linear(4, 4);
    const model = new nn.Sequential(
      ...[linear(), new nn.BatchNorm1d(4), new nn.Dropout(), new nn.ReLU()],
      ...[
        linear(),
        new nn.Tanh(),
        linear(),
        new nn.GELU(),
        linear(),
        new nn.Sequential(new nn.LayerNorm(4), new nn.SiLU()),
      ],
      ...[new nn.Sequential(linear()), new nn.LeakyReLU(0.5), linear(), linear()],
    );
    expect(await rules(model)).toEqual([
      ...["heNormal", "xavierUniform", "heNormal", "heNormal", "heNormal"],
      ...["xavierUniform", "xavierUniform"],
    ]);
    const leaky = (await init.describe(model))[4];
    expect(leaky?.expectedStd).toBeCloseTo(Math.sqrt(2 / 1.25 / 4), 6);
  });

  it("follow the activation of a Linear, which a Sequential does not override", async () => {
    expect(await rules(new nn.Linear(4, 4, { activation: "relu" }))).toEqual(["heNormal"]);
    expect(await rules(new nn.Linear(4, 4, { activation: "tanh" }))).toEqual(["xavierUniform"]);
    expect(await rules(new nn.Sequential(new nn.Linear(4, 4, { activation: "relu" }), new nn.Tanh()))).toEqual([
      "heNormal",
    ]);
  });

  it("give way to an explicit initializer", async () => {
    const linear = new nn.Linear(4, 4, { weightInit: init.constant(0.5) });
    const model = new nn.Sequential(linear, new nn.ReLU());
    expect(new Set(await linear.weight.data())).toEqual(new Set([0.5]));
    expect(new Set(await (linear.bias as Tensor).data())).toEqual(new Set([0]));
    expect(model.layers).toHaveLength(2);
  });

  it.each<[string, (linear: nn.Linear) => void]>([
    ["loaded", (linear) => void linear.loadStateDict({ weight: randn([4, 4]), bias: randn([4]) })],
    ["copied", (linear) => void linear.weight.copy_(randn([4, 4]))],
    ["filled", (linear) => void linear.weight.fill_(2)],
    ["drawn by hand", (linear) => init.uniform()(linear.weight)],
    [
      "trained",
      (linear) => {
        const optimizer = new optim.SGD(linear.parameters(), { lr: 0.1 });
        (linear.forward(randn([3, 4])) as Tensor).sum().backward();
        optimizer.step();
      },
    ],
  ])("stay as they are when they were %s before", async (_, change) => {
    const linear = new nn.Linear(4, 4);
    change(linear);
    const before = await linear.weight.tolist();
    const model = new nn.Sequential(linear, new nn.ReLU());
    expect(await linear.weight.tolist()).toEqual(before);
    expect(model.length).toBe(2);
  });
});

describe("describe", () => {
  it("puts expected and actual standard deviation side by side", async () => {
    manualSeed(1);
    const model = new nn.Sequential(new nn.Linear(200, 300), new nn.ReLU(), new nn.Linear(300, 100));
    const rows = await init.describe(model);
    expect(rows.map(({ layer, shape }) => [layer, ...shape])).toEqual([
      ["0", 300, 200],
      ["2", 100, 300],
    ]);
    for (const { expectedStd, actualStd } of rows) expect(actualStd / (expectedStd as number)).toBeCloseTo(1, 1);
    (model.layers[0] as nn.Linear).weight.fill_(1);
    expect((await init.describe(model))[0]).toMatchObject({ initializer: null, expectedStd: null, actualStd: 0 });
  });
});

describe("a write of an initializer", () => {
  it("leaves the graph and the rest of a view's memory alone", async () => {
    const whole = zeros([4, 6], { requiresGrad: true });
    init.ones()(noGrad(() => whole.narrow(1, 2, 3)));
    expect(await whole.sum().item()).toBe(12);
    expect(whole.requiresGrad).toBe(true);
    manualSeed(2);
    init.heNormal()(whole.narrow(1, 2, 3));
    const [row] = (await whole.tolist()) as number[][];
    expect(row?.map((x) => x !== 0)).toEqual([false, false, true, true, true, false]);
  });

  it("may be empty", async () => {
    for (const draw of Object.values(drawing)) draw(zeros([0, 3]));
    expect(await drawn(init.xavierNormal(), [3, 0])).toHaveLength(0);
  });
});

describe("initializers refuse bad input", () => {
  const matrix = zeros([2, 2]);
  it.each<[string, () => unknown, new (message: string) => Error]>([
    ["a vector has no fans", () => init.heNormal()(zeros([3])), ShapeError],
    ["fans of a scalar", () => init.fans([]), ShapeError],
    ["integers", () => init.normal()(zeros([2], { dtype: "i32" })), DtypeError],
    ["no tensor", () => init.zeros()([1] as unknown as Tensor), DtypeError],
    ["unknown option", () => init.xavierUniform({ gian: 2 } as object), ArgumentError],
    ["unknown mode", () => init.heNormal({ mode: "fan_in" as "fanIn" }), ArgumentError],
    ["unknown nonlinearity", () => init.calculateGain("leaky_relu" as "relu"), ArgumentError],
    ["inherited name", () => init.calculateGain("toString" as "relu"), ArgumentError],
    ["a negative std", () => init.normal(0, -1)(matrix), ArgumentError],
    ["NaN", () => init.constant(Number.NaN), ArgumentError],
    ["an empty range", () => init.uniform(1, 0), ArgumentError],
    ["cuts in the wrong order", () => init.truncNormal(0, 1, 2, -2), ArgumentError],
  ])("%s", (_, act, kind) => {
    expect(act).toThrow(kind);
  });
});
