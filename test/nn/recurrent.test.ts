/** RNN, LSTM and GRU: PyTorch's values and training runs, states, and what is refused. */
import { describe, expect, it } from "vitest";
import { recurrenceLaunch } from "../../src/gpu/launch-policy.ts";
import { nn, noGrad, randn, scope, type Tensor, tensor, zeros } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { golden } from "../support/golden.ts";
import { classifierOf } from "../support/golden-models.ts";
import { checkModule, checkTrajectory } from "../support/golden-module.ts";
import { dispatches } from "../support/optim.ts";
import { expectSameBits } from "../support/same-bits.ts";

const device = await testDevice();

describe("recurrent layers have PyTorch's values", async () => {
  it.each(await golden("layers_recurrent"))("$name", (one) => checkModule(one, { rtol: 1e-5, atol: 3e-6 }));
});

describe("ten training steps have PyTorch's losses and gradients", async () => {
  const classify = (model: nn.Module, { x, y }: Record<string, Tensor>) =>
    nn.crossEntropy(model.forward(x as Tensor), y as Tensor);
  const cases = await golden("trajectory_recurrent");
  it.each(cases)("$name", (one) => checkTrajectory(one, classify, { rtol: 5e-5, atol: 1e-5 }, classifierOf));
  it.each(cases)("$name has the same bits eager and captured", (one) => expectSameBits(one, classify, classifierOf));
});

describe("the states", () => {
  it.each(["RNN", "LSTM", "GRU"] as const)(
    "of %s carry over: two halves of a sequence give the whole",
    async (kind) => {
      const layer = new nn[kind](3, 5, { numLayers: 2, batchFirst: true }) as nn.LSTM;
      const x = randn([2, 6, 3]);
      const [whole, end] = layer.forward(x);
      const [first, state] = layer.forward(x.narrow(1, 0, 2));
      const [second, ownEnd] = layer.forward(x.narrow(1, 2, 4), state);
      expectClose(await first.data(), await whole.narrow(1, 0, 2).data(), {}, "first");
      expectClose(await second.data(), await whole.narrow(1, 2, 4).data(), {}, "second");
      for (const [i, one] of [ownEnd].flat().entries())
        expectClose(await one.data(), await ([end].flat()[i] as Tensor).data(), {}, `state ${i}`);
    },
  );

  it("have no batch dim where the sequence has none", async () => {
    const layer = new nn.LSTM(3, 4, { bidirectional: true });
    const x = randn([5, 3]);
    const [batched, [h]] = layer.forward(x.unsqueeze(1));
    const [alone, [ownH, c]] = layer.forward(x);
    expect([alone.shape, ownH.shape, c.shape]).toEqual([
      [5, 8],
      [2, 4],
      [2, 4],
    ]);
    expect(await alone.data()).toEqual(await batched.data());
    expect(await ownH.data()).toEqual(await h.data());
    expect(layer.forward(x, [ownH, c])[0].shape).toEqual([5, 8]);
  });
});

it("all time steps take one dispatch, forward and backward; where that cannot be, each a matmul and a kernel", () => {
  const { kernels } = recurrenceLaunch(device, { batch: 4, width: 16 }, 64);
  const perStep = kernels === "steps" ? 2 : 0;
  const layer = new nn.LSTM(16, 16);
  const run = (time: number) => {
    const x = randn([time, 4, 16]);
    const forward = dispatches(device, () => noGrad(() => scope(() => void layer.forward(x))));
    const both = dispatches(device, () => layer.forward(x)[0].square().sum().backward());
    return [forward, both];
  };
  run(2);
  const [short, long] = [run(10), run(20)];
  expect((long[0] as number) - (short[0] as number)).toBe(10 * perStep);
  expect((long[1] as number) - (short[1] as number)).toBe(20 * perStep);
});

it("dropout applies between layers, in training only", async () => {
  const layer = new nn.GRU(3, 64, { numLayers: 2, dropout: 0.9 });
  const x = randn([2, 3, 3]);
  const values = async () => (await layer.forward(x)[0].data()).join();
  expect(await values()).not.toBe(await values());
  layer.eval();
  expect(await values()).toBe(await values());
  const single = new nn.GRU(3, 4, { dropout: 0.9 });
  expect(await single.forward(x)[0].data()).toEqual(await single.eval().forward(x)[0].data());
});

describe("default weights", () => {
  it("are drawn per gate, with zero biases", async () => {
    const layer = new nn.LSTM(64, 64);
    const expected = Math.sqrt(2 / 128);
    for (const name of ["weight_ih_l0", "weight_hh_l0"]) {
      expect(await (layer.stateDict()[name] as Tensor).std().item()).toBeCloseTo(expected, 2);
    }
    expect(await (layer.stateDict().bias_ih_l0 as Tensor).norm().item()).toBe(0);
    const relu = new nn.RNN(64, 64, { nonlinearity: "relu" });
    expect(await (relu.stateDict().weight_hh_l0 as Tensor).std().item()).toBeCloseTo(Math.sqrt(2 / 64), 2);
  });
});

describe("recurrent layers refuse", () => {
  const any = (value: unknown) => value as never;
  const x = () => zeros([4, 2, 3]);
  it.each<[string, () => unknown, RegExp]>([
    ["no inputs", () => new nn.RNN(0, 3), /RNN: argument 'inputSize'/],
    ["no layers", () => new nn.LSTM(3, 3, { numLayers: 0 }), /numLayers/],
    ["a misspelt option", () => new nn.GRU(3, 3, any({ batchfirst: true })), /did you mean 'batchFirst'/],
    ["a nonlinearity of the LSTM", () => new nn.LSTM(3, 3, any({ nonlinearity: "relu" })), /unknown option/],
    ["an unknown nonlinearity", () => new nn.RNN(3, 3, { nonlinearity: any("gelu") }), /'tanh' or 'relu'/],
    ["another number of features", () => new nn.GRU(5, 3).forward(x()), /\(T, N, 5\)/],
    ["integers", () => new nn.GRU(3, 3).forward(zeros([4, 2, 3], { dtype: "i32" })), /a float tensor/],
    ["no time", () => new nn.GRU(3, 3).forward(zeros([0, 2, 3])), /at least one time step/],
    ["a state of another shape", () => new nn.GRU(3, 4).forward(x(), zeros([1, 3, 4])), /shape \[1,2,4\]/],
    ["a single state of the LSTM", () => new nn.LSTM(3, 4).forward(x(), any(zeros([1, 2, 4]))), /\[h, c\]/],
    ["numbers as a state", () => new nn.GRU(3, 4).forward(x(), any([1])), /a tensor/],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});

it("an LSTM stays finite for saturated gates", async () => {
  const layer = new nn.LSTM(1, 2);
  const y = layer.forward(tensor([[[1e30]], [[-1e30]], [[1e4]]]))[0];
  y.square().sum().backward();
  for (const [name, one] of [["output", y], ...layer.namedParameters().map(([n, p]) => [n, p.grad])] as [
    string,
    Tensor,
  ][])
    expect((await one.data()).every(Number.isFinite), name).toBe(true);
});
