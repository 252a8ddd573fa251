import { capture, data, nn, optim, tensor } from "gradwell";
import { expect, it } from "vitest";
import { testDevice } from "../support/device.ts";
import { classifierStep } from "../support/training-step.ts";

await testDevice();
const samples = 60;
const pixels = data.idxImages(
  Uint8Array.from([0, 0, 8, 3, 0, 0, 0, samples, 0, 0, 0, 3, 0, 0, 0, 3, ...Array(9 * samples).keys()]),
  { flatten: true },
);
const labels = tensor(
  Array.from({ length: samples }, (_, i) => i % 4),
  { dtype: "i32" },
);

/** A run as programs write it: batch norm's running statistics, dropout's draws, moments and schedule are all state. */
function start() {
  const model = new nn.Sequential(
    new nn.Linear(9, 16),
    new nn.BatchNorm1d(16),
    new nn.ReLU(),
    new nn.Dropout(0.3),
    new nn.Linear(16, 4),
  );
  const lr = optim.schedule.cosine({ peak: 0.05, warmup: 5, total: 100 });
  const optimizer = new optim.AdamW(optim.decayGroups(model, 0.1), { lr });
  const loader = new data.DataLoader([pixels, labels], { batchSize: 16, shuffle: true, seed: 4 });
  const step = classifierStep(model, optimizer);
  return { model, optimizer, loader, step };
}

async function epochs(run: ReturnType<typeof start>, count: number, step = run.step): Promise<number[]> {
  const losses: number[] = [];
  for (let i = 0; i < count; i++) for (const [x, y] of run.loader) losses.push(await step(x, y).item());
  return losses;
}

it.each([false, true])("a run continued from its checkpoint gives the same bits (captured: %s)", async (captured) => {
  const first = start();
  const step = captured ? capture(first.step) : first.step;
  await epochs(first, 2, step);
  const { model, optimizer } = first;
  const bytes = await data.saveCheckpoint({ model, optimizer, step: first.loader.epoch });
  const wanted = await epochs(first, 2, step);

  const second = start();
  await epochs(second, 1);
  second.loader.epoch = data.loadCheckpoint(bytes, { model: second.model, optimizer: second.optimizer }).step;
  expect(await epochs(second, 2, captured ? capture(second.step) : second.step)).toEqual(wanted);
  const [ours, theirs] = [model.stateDict(), second.model.stateDict()];
  for (const name of Object.keys(ours)) expect(await theirs[name]!.data(), name).toEqual(await ours[name]!.data());
});
