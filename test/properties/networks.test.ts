/** Random networks, optimizers and schedules, trained eagerly, captured, and from a checkpoint on: all have the same bits. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { capture, data, manualSeed, nn, optim, randint, randn, type Tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

type Pick = (below: number) => number;
const one = <T>(pick: Pick, from: readonly T[]): T => from[pick(from.length)] as T;

/** Picks a layer for values of this width (rows of features) or these channels (images), and returns its output width. */
function layer(pick: Pick, width: number, isImage: boolean): [nn.Module, number] {
  const next = one(pick, [3, 4, 8, 17]);
  const bias = pick(3) > 0;
  const weighted: () => [nn.Module, number] = isImage
    ? () => [new nn.Conv2d(width, next, 3, { padding: pick(2) + 1, bias }), next]
    : () => [new nn.Linear(width, next, { bias, activation: one(pick, ["none", "tanh", "gelu"] as const) }), next];
  const norms: (() => nn.Module)[] = isImage
    ? [() => new nn.BatchNorm2d(width, { momentum: one(pick, [0.1, null]) }), () => new nn.GroupNorm(1, width)]
    : [
        () => new nn.BatchNorm1d(width, { momentum: one(pick, [0.1, null]), affine: bias }),
        () => new nn.LayerNorm(width, { bias }),
        () => new nn.RMSNorm(width),
      ];
  const plain = [() => new nn.ReLU(), () => new nn.LeakyReLU(0.2), () => new nn.SiLU(), () => new nn.Sigmoid()];
  switch (pick(4)) {
    case 0:
      return [one(pick, norms)(), width];
    case 1:
      return [one(pick, plain)(), width];
    case 2:
      return [new nn.Dropout(0.1 * pick(6)), width];
    default:
      return weighted();
  }
}

const CLASSES = 3;

function network(pick: Pick, channels: number): nn.Sequential {
  const layers: nn.Module[] = [];
  const grow = (depth: number, from: number, isImage: boolean) => {
    let width = from;
    for (let i = 0; i < depth; i++) {
      const [made, next] = layer(pick, width, isImage);
      layers.push(made);
      width = next;
    }
    return width;
  };
  let width = channels;
  if (channels < 4) {
    width = grow(pick(4), channels, true);
    layers.push(one(pick, [() => new nn.MaxPool2d(2), () => new nn.AvgPool2d(2)])(), new Spread());
  }
  layers.push(new nn.Linear(grow(pick(5), width, false), CLASSES));
  return new nn.Sequential(...layers);
}

/** Images to one row of features per image: the mean over each channel. */
class Spread extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.mean([2, 3]);
  }
}

function optimizerFor(pick: Pick, model: nn.Module) {
  const lr = one(pick, [
    0.01,
    optim.schedule.cosine({ peak: 0.02, warmup: 2, total: 6 }),
    optim.schedule.step({ lr: 0.02, stepSize: 2, gamma: 0.5 }),
    (step: number) => 0.01 / (step + 1),
  ]);
  const params = pick(2) ? model.parameters() : optim.decayGroups(model, 0.1);
  return one(pick, [
    () => new optim.SGD(params, { lr, momentum: 0.9, nesterov: pick(2) === 1 }),
    () => new optim.Adam(params, { lr, amsgrad: pick(2) === 1 }),
    () => new optim.AdamW(params, { lr }),
    () => new optim.AdaGrad(params, { lr, lrDecay: 0.1 }),
    () => new optim.RMSProp(params, { lr, momentum: 0.5, centered: pick(2) === 1 }),
  ])();
}

/** Model, optimizer and step that the numbers choose, and what they choose later on. */
function setUp(numbers: readonly number[]) {
  let used = 0;
  const pick = (below: number) => (numbers[used++ % numbers.length] as number) % below;
  const channels = one(pick, [1, 2, 4, 9]);
  const model = network(pick, channels);
  const optimizer = optimizerFor(pick, model);
  const clip = one(pick, [undefined, optim.clipGradNorm, optim.clipGradValue]);
  const labelSmoothing = 0.1 * pick(2);
  const step = (x: Tensor, y: Tensor): Tensor => {
    optimizer.zeroGrad();
    const loss = nn.crossEntropy(model.forward(x), y, { labelSmoothing });
    loss.backward();
    clip?.(model.parameters(), 0.5);
    optimizer.step();
    return loss;
  };
  return { channels, model, optimizer, step, frozen: pick(2) ? [one(pick, model.parameters())] : [] };
}

/** Losses and last state of a run: the same for the same numbers, however it is run. */
async function train(numbers: readonly number[], way: "eager" | "captured" | "resumed") {
  manualSeed(numbers[0] as number);
  let run = setUp(numbers);
  let play = way === "captured" ? capture(run.step) : run.step;
  const losses: number[] = [];
  for (let i = 0; i < 6; i++) {
    if (way === "resumed" && i === 3) {
      const saved = await data.saveCheckpoint({ model: run.model, optimizer: run.optimizer });
      manualSeed(1);
      run = setUp(numbers);
      data.loadCheckpoint(saved, { model: run.model, optimizer: run.optimizer });
      play = run.step;
    }
    // A parameter may be frozen half way, and the last batch of an epoch is smaller.
    if (i === 4) for (const parameter of run.frozen) parameter.requiresGrad = false;
    const batch = i === 3 ? 2 : 5;
    const x = randn(run.channels < 4 ? [batch, run.channels, 6, 5] : [batch, run.channels]);
    losses.push(await play(x, randint(0, CLASSES, [batch])).item());
  }
  const state = Object.entries(run.model.stateDict()).map(async ([name, value]) => [name, ...(await value.data())]);
  return { losses, state: await Promise.all(state) };
}

it.each(["captured", "resumed"] as const)("%s training has the bits of eager training", async (way) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(10_000), { minLength: 24, maxLength: 24 }), async (numbers) => {
      const eager = await train(numbers, "eager");
      expect(eager.losses.every(Number.isFinite)).toBe(true);
      expect(await train(numbers, way)).toEqual(eager);
    }),
    { numRuns: 25, seed: 11 },
  );
});
