/** Whole training steps: profiles of the families, and a soak that must not grow. */
import { FAMILIES } from "../../demos/bench/families/families.ts";
import { parseFamilyFile } from "../../demos/bench/families/file.ts";
import { running, write } from "../../demos/bench/families/gradwell.ts";
import { type Device, runtimeOf } from "../../src/gpu/device.ts";
import { profile } from "../../src/gpu/profiler.ts";
import type { Journal } from "./records.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** Rows of a profile that are written down. */
const ROWS = 15;

export async function profileFamilies(
  device: Device,
  journal: Journal,
  stopwatch: Stopwatch,
  { budget, only }: { budget: number; only: readonly string[] },
): Promise<void> {
  const families = FAMILIES.filter(({ name }) => only.length === 0 || only.includes(name));
  for (const family of families) {
    const step = running(device, family, parseFamilyFile(await write(family)));
    try {
      for (let i = 0; i < 3; i++) step.step();
      const until = performance.now() + budget / families.length;
      const samples: number[] = [];
      do samples.push(await stopwatch.wall(() => step.step()));
      while (performance.now() < until);
      const rows = await profile(() => step.step(), device);
      samples.sort((a, b) => a - b);
      journal.sample({
        family: `training step: ${family.name}`,
        shape: family.title,
        parameters: {},
        microseconds: samples[Math.floor((samples.length - 1) / 2)] ?? Number.NaN,
        least: samples[0] ?? Number.NaN,
        samples: samples.length,
        timer: "wall",
        chosen: true,
      });
      journal.fact(`profile: ${family.name}`, rows.slice(0, ROWS));
    } catch (error) {
      journal.fact(`failed: training step ${family.name}`, String(error));
    } finally {
      step.dispose();
    }
  }
}

/** Memory of the process may grow by this many MiB in a soak. */
const GROWTH_MIB = 64;

/** Trains for `seconds`; true when loss is finite and memory has not grown. */
export async function soak(device: Device, journal: Journal, seconds: number): Promise<boolean> {
  const family = FAMILIES.find(({ name }) => name === "mlp") ?? FAMILIES[0]!;
  const training = running(device, family, parseFamilyFile(await write(family)));
  const memory = () => ({ mib: process.memoryUsage().rss / 2 ** 20, tensors: runtimeOf(device).tensorCount });
  const until = performance.now() + seconds * 1000;
  let steps = 0;
  let before: ReturnType<typeof memory> | undefined;
  while (performance.now() < until || !before) {
    for (let i = 0; i < 10; i++) training.step();
    await training.sync();
    steps += 10;
    // What is compiled and allocated once is there after a tenth of the time.
    if (!before && performance.now() > until - seconds * 900) before = memory();
  }
  const [loss, after] = [await training.loss(), memory()];
  training.dispose();
  const isFlat = after.mib - before.mib < GROWTH_MIB && after.tensors === before.tensors;
  journal.fact("soak", { seconds, steps, loss, before, after, isFlat });
  return isFlat && Number.isFinite(loss);
}
