/** The JavaScript heap over twenty thousand captured steps. Node alone can ask for a collection. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { capture, nn, optim, randn, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Returns the heap size of reachable objects, after finalizers have run. */
async function heapBytes(): Promise<number> {
  // A handle goes in one collection, what its finalizer lets go of in another.
  for (let i = 0; i < 6; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

it("20,000 captured steps do not grow the heap", async () => {
  const model = new nn.Sequential(new nn.Linear(6, 4), new nn.BatchNorm1d(4), new nn.ReLU(), new nn.Linear(4, 3));
  const optimizer = new optim.Adam(model.parameters(), { lr: optim.schedule.cosine({ peak: 0.01, total: 20_000 }) });
  const step = capture((x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = nn.crossEntropy(model.forward(x) as Tensor, y);
    loss.backward();
    optimizer.step();
    return loss;
  });
  const [x, y] = [randn([4, 6]), tensor(Int32Array.from([0, 1, 2, 0]))];
  const marks: number[] = [];
  for (let i = 1; i <= 20_000; i++) {
    step(x, y);
    if (i % 500 === 0) await device.sync();
    if (i >= 4000 && i % 1600 === 0) marks.push(await heapBytes());
  }
  expect(marks).toHaveLength(10);
  // The engine keeps and drops a few hundred kilobytes by itself: the median slope over all pairs of marks (Theil and Sen)
  // is what steps leave. The smallest object takes 56 bytes: one of each step would make a slope of 56.
  const slopes = marks.flatMap((from, a) => marks.slice(a + 1).map((to, b) => (to - from) / ((b + 1) * 1600)));
  expect(slopes.sort((p, q) => p - q)[Math.floor(slopes.length / 2)]).toBeLessThan(40);
}, 240_000);
