/** Overheads of the adapter, and its peak rates. */

import type { BufferSlice } from "../../src/gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../../src/gpu/device.ts";
import { adapterLimits } from "../../src/gpu/roofline.ts";
import { fill } from "../../src/gpu/shaders.generated.ts";
import { bindingOf } from "../../src/tensor/binding.ts";
import { empty } from "../../src/tensor/tensor.ts";
import type { Journal } from "./records.ts";
import { median, type Stopwatch } from "./stopwatch.ts";

const DISPATCHES = 500;
const SUBMITS = 50;
const ROUNDS = 5;

export async function measureCosts(device: Device, journal: Journal, stopwatch: Stopwatch): Promise<void> {
  journal.fact("limits measured", await adapterLimits(device));
  const buffers = Array.from({ length: 16 }, () => empty(device, [64]));
  const slice = (i: number): BufferSlice<"u32", "read_write"> => {
    const { buffer, offset, size } = bindingOf(buffers[i % buffers.length] ?? buffers[0]!);
    return { buffer, offset, size };
  };
  const one = (i: number) => runtimeOf(device).run(fill, { y: slice(i), vectors: 0, bits: 0 }, 1);
  const many = (at: (i: number) => number) => () => {
    for (let i = 0; i < DISPATCHES; i++) one(at(i));
  };
  const submits = () => {
    for (let i = 0; i < SUBMITS; i++) {
      one(i);
      runtimeOf(device).recorder.flush();
    }
  };
  const microseconds = async (work: () => void, count: number): Promise<number> => {
    const values: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) values.push(await stopwatch.wall(work, count));
    return median(values.slice(1));
  };
  journal.fact(
    "microseconds of an empty dispatch",
    await microseconds(
      many((i) => i),
      DISPATCHES,
    ),
  );
  journal.fact(
    "microseconds of a dispatch on the buffer of the one before",
    await microseconds(
      many(() => 0),
      DISPATCHES,
    ),
  );
  journal.fact("microseconds of a submit with one dispatch", await microseconds(submits, SUBMITS));
  journal.fact("microseconds of a dispatch that is waited for", await microseconds(() => one(0), 1));
  for (const buffer of buffers) buffer.dispose();
}
