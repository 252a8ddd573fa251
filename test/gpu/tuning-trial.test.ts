import { afterEach, expect, it, vi } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import { PassTimestamps } from "../../src/gpu/dispatch-timer.ts";
import { capture, init, matmul, randn } from "../../src/index.ts";

const KEY = "matmul 24x36x20 nn";
const WINNER = { variant: "register" };

// The measurement always finds that another kernel is faster; how long replays take is planted below.
vi.mock(import("../../src/kernels/tuning/measure.ts"), async (original) => ({
  ...(await original()),
  measure: async function* (_device, { key, usual }) {
    yield;
    return { key, usual, fastest: WINNER, milliseconds: new Map(), faults: new Map() };
  },
}));

afterEach(() => {
  vi.restoreAllMocks();
});

/** The choice that is left after a trial in which replays take these milliseconds. */
async function afterTrial(before: number, after: number): Promise<{ choice: unknown; recorded: number }> {
  const device = await init({ tuning: false });
  try {
    runtimeOf(device).tuning.mode = "auto";
    const save = vi.spyOn(runtimeOf(device).tuning, "save").mockResolvedValue(true);
    vi.spyOn(PassTimestamps.prototype, "nanoseconds").mockImplementation(async () => {
      const isTaken = runtimeOf(device).tuning.choices.get(KEY) === WINNER;
      return BigInt(Math.round((isTaken ? after : before) * 1e6));
    });
    const b = randn([36, 20]);
    let recorded = 0;
    const step = capture((x) => {
      recorded++;
      return matmul(x, b);
    });
    const [a, calls] = [randn([24, 36]), 200];
    const expected = await matmul(a, b).data();
    for (let i = 0; i < calls && save.mock.calls.length === 0; i++) {
      const values = await step(a).data();
      for (const [j, value] of values.entries()) expect(value).toBeCloseTo(expected[j] as number, 4);
    }
    expect(save).toHaveBeenCalledOnce();
    await step(a).data();
    step.dispose();
    return { choice: runtimeOf(device).tuning.choices.get(KEY), recorded };
  } finally {
    await device.close();
  }
}

it("a faster kernel is kept when the whole replay gets faster, for which the function is recorded once more", async () => {
  expect(await afterTrial(10, 8)).toEqual({ choice: WINNER, recorded: 2 });
});

it("a faster kernel is given back when the whole replay gains less than 3 %", async () => {
  const { choice, recorded } = await afterTrial(10, 9.8);
  expect(choice).not.toEqual(WINNER);
  expect(recorded).toBe(3);
});
