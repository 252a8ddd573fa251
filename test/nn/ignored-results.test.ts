/** Layers with several results: what a program does not look at is freed all the same. */
import { expect, it } from "vitest";
import { nn, noGrad, optim, randn, type Tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

type Layer = nn.Module & { forward(...inputs: Tensor[]): [Tensor, ...unknown[]] };
const layers: [string, () => Layer, number][] = [
  ...(["RNN", "LSTM", "GRU"] as const).flatMap((kind) =>
    [false, true].map((layerNorm): [string, () => Layer, number] => [
      layerNorm ? `${kind}, layer norm` : kind,
      () => new nn[kind](8, 4, { numLayers: 2, bidirectional: true, layerNorm }) as Layer,
      1,
    ]),
  ),
  ["MultiheadAttention", () => new nn.MultiheadAttention(8, 2) as Layer, 3],
];

const state = () => [device.memory().tensors, device.memory().liveBytes];

it.each(layers)("results of %s that are ignored are freed", (_, make, count) => {
  const layer = make();
  for (const x of [randn([3, 2, 8]), randn([3, 8])]) {
    const inputs = new Array<Tensor>(count).fill(x);
    const before = state();
    for (const one of [noGrad(() => layer.forward(...inputs)), layer.forward(...inputs)].flat(2) as (Tensor | null)[])
      one?.dispose();
    expect(state()).toEqual(before);
    const optimizer = new optim.SGD(layer.parameters(), { lr: 0.01 });
    const step = () => {
      optimizer.zeroGrad();
      const [y] = layer.forward(...inputs);
      y.square().mean().backward();
      optimizer.step();
    };
    for (let i = 0; i < 3; i++) step();
    const steady = state();
    for (let i = 0; i < 5; i++) step();
    expect(state()).toEqual(steady);
  }
});
