/** Waiting for a software adapter: it sleeps, whatever the number of waits, and tells what became of the promise. */
import { expect, it } from "vitest";
import { makeDevice, runtimeOf } from "../../src/gpu/device.ts";
import { waitWithBackoff } from "../../src/gpu/software-wait.node.ts";
import { add, capture, type Tensor, zeros } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();
const WAIT_MS = 100;
/** Turns are few for any loop while another process has the processor: such a count is taken again. */
const AGAIN = { retry: 5 };

const later = <T>(value: T): Promise<T> => new Promise((resolve) => setTimeout(() => resolve(value), WAIT_MS));

/** Turns of the event loop while `wait` waits: tens of thousands where nothing sleeps. */
async function turnsDuring(wait: Promise<unknown>): Promise<number> {
  let turns = 0;
  let over = false;
  const count = () => {
    if (over) return;
    turns++;
    setImmediate(count);
  };
  setImmediate(count);
  await wait;
  over = true;
  return turns;
}

it("a wait sleeps between the turns of the event loop", AGAIN, async () => {
  const spinning = await turnsDuring(later(1));
  const withBackoff = await turnsDuring(waitWithBackoff(later(1)));
  expect(withBackoff).toBeLessThan(WAIT_MS / 0.5 + 50);
  expect(withBackoff).toBeLessThan(spinning / 2);
});

it("all waits together sleep once per turn, repeatedly", AGAIN, async () => {
  for (let i = 0; i < 3; i++) {
    const values = await Promise.all(Array.from({ length: 20 }, (_, n) => waitWithBackoff(Promise.resolve(n))));
    expect(values).toEqual(Array.from({ length: 20 }, (_, n) => n));
  }
  const start = performance.now();
  const turns = await turnsDuring(Promise.all(Array.from({ length: 200 }, () => waitWithBackoff(later(1)))));
  // Were there a sleep for each, a turn would take 100 ms.
  expect((performance.now() - start) / turns).toBeLessThan(10);
});

it("a wait does not sleep before the tiny dispatches under way could be done", AGAIN, async () => {
  const long = await turnsDuring(waitWithBackoff(later(1), 1e6));
  expect(long).toBeGreaterThan(WAIT_MS / 0.5 + 50);
  const short = await turnsDuring(waitWithBackoff(later(1), 10));
  expect(short).toBeLessThan(long / 2);
});

it("a wait rejects as the promise does, and stops sleeping", AGAIN, async () => {
  await expect(waitWithBackoff(Promise.reject(new Error("lost")))).rejects.toThrow("lost");
  const after = await turnsDuring(later(1));
  expect(after).toBeGreaterThan(WAIT_MS / 0.5 + 50);
});

it("the device of a software adapter waits with sleeps", AGAIN, async () => {
  await device.sync();
  const turns = await turnsDuring(runtimeOf(device).wait(later(1)));
  if (device.info.isSoftware) expect(turns).toBeLessThan(WAIT_MS / 0.5 + 50);
  else expect(turns).toBeGreaterThan(WAIT_MS / 0.5 + 50);
});

it("a wait gets the number of tiny dispatches since the last one, eager and replayed", async () => {
  const told: (number | undefined)[] = [];
  const own = makeDevice(device.gpu, device.info, false, (promise, tiny) => {
    told.push(tiny);
    return promise;
  });
  const [small, large] = [zeros([8], { device: own }), zeros([2 ** 16], { device: own })];
  const step = capture((x: Tensor) => add(add(x, 1).sum(), 1));
  step(small);
  await own.sync();
  for (let i = 0; i < 3; i++) add(small, 1);
  add(large, 1);
  await own.sync();
  await own.sync();
  step(small);
  const before = runtimeOf(own).recorder.smallDispatchCount;
  step(small);
  expect(runtimeOf(own).recorder.smallDispatchCount).toBeGreaterThan(before);
  expect(told.slice(1)).toEqual([3, 0]);
  step.dispose();
  await own.close();
});
