/** A training goes on after its device was lost, with the values that it would have had. */

import { expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import {
  ArgumentError,
  type Device,
  DeviceLostError,
  data,
  manualSeed,
  nn,
  optim,
  resumeOnLoss,
  tensor,
} from "../../src/index.ts";

const STEPS = 6;

/** Trains from the last checkpoint on and keeps one after each step; `lose` may destroy the device. */
function training(lose: (step: number, device: Device) => void) {
  let saved: Uint8Array | undefined;
  const losses: number[] = [];
  return async (device: Device): Promise<number[]> => {
    manualSeed(3);
    const model = new nn.Sequential(new nn.Linear(2, 4), new nn.Tanh(), new nn.Linear(4, 1));
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 });
    let step = 0;
    if (saved) step = (await data.loadCheckpoint(saved, { model, optimizer })).step ?? 0;
    for (; step < STEPS; step++) {
      optimizer.zeroGrad();
      const loss = nn.mseLoss(model.forward(tensor([[1, step]])) as never, tensor([[2]]));
      loss.backward();
      optimizer.step();
      lose(step, device);
      losses[step] = await loss.item();
      saved = await data.saveCheckpoint({ model, optimizer, step: step + 1 });
    }
    await device.close();
    return losses;
  };
}

it("resumeOnLoss continues from the last checkpoint on a new device, bit for bit", async () => {
  const expected = await resumeOnLoss(training(() => undefined));
  expect(expected).toHaveLength(STEPS);
  const told: string[] = [];
  let left = 2;
  const losing = training((step, device) => {
    if (step % 2 === 1 && left-- > 0) device.gpu.destroy();
  });
  const attempts: number[] = [];
  const run = (device: Device, losses: number) => {
    attempts.push(losses);
    return losing(device);
  };
  expect(await resumeOnLoss(run, { onLoss: ({ name }) => told.push(name) })).toEqual(expected);
  expect(attempts).toEqual([0, 1, 2]);
  expect(told).toEqual(["DeviceLostError", "DeviceLostError"]);
});

it("resumeOnLoss throws the loss when there were more than maxLosses", async () => {
  const always = training((_, device) => device.gpu.destroy());
  await expect(resumeOnLoss(always, { maxLosses: 1 })).rejects.toThrow(DeviceLostError);
});

it("resumeOnLoss lets errors pass that are no loss of its device", async () => {
  let runs = 0;
  const failing = (error: Error) =>
    resumeOnLoss(async (device) => {
      runs++;
      await device.close();
      throw error;
    });
  await expect(failing(new RangeError("mine"))).rejects.toThrow("mine");
  const other = resumeOnLoss((device) => {
    runs++;
    expect(runtimeOf(device).isUsable).toBe(true);
    throw new DeviceLostError("of another device");
  });
  await expect(other).rejects.toThrow("of another device");
  expect(runs).toBe(2);
  await resumeOnLoss((device) => device.close());
});

it("resumeOnLoss refuses what it cannot run", async () => {
  await expect(resumeOnLoss(5 as never)).rejects.toThrow(ArgumentError);
  await expect(resumeOnLoss(() => 1, { maxLosses: -1 })).rejects.toThrow(/maxLosses/);
  await expect(resumeOnLoss(() => 1, { onLoss: 1 as never })).rejects.toThrow(/onLoss/);
  await expect(resumeOnLoss(() => 1, { retries: 1 } as never)).rejects.toThrow(/unknown option/);
});
