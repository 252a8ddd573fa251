/** The JavaScript heap over ten thousand captured steps. Node alone can ask for a collection. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { capture, nn, optim, randn, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Of what can still be reached, once finalizers have run too. */
async function heapBytes(): Promise<number> {
  // A handle goes in one collection, what its finalizer lets go of in another.
  for (let i = 0; i < 6; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

it("10,000 captured steps do not grow the heap", async () => {
  const model = new nn.Sequential(new nn.Linear(6, 4), new nn.BatchNorm1d(4), new nn.ReLU(), new nn.Linear(4, 3));
  const optimizer = new optim.Adam(model.parameters(), { lr: optim.schedule.cosine({ peak: 0.01, total: 10_000 }) });
  const step = capture((x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = nn.crossEntropy(model.forward(x) as Tensor, y);
    loss.backward();
    optimizer.step();
    return loss;
  });
  const [x, y] = [randn([4, 6]), tensor(Int32Array.from([0, 1, 2, 0]))];
  const marks: number[] = [];
  for (let i = 1; i <= 10_000; i++) {
    step(x, y);
    if (i % 500 === 0) await device.sync();
    if (i >= 2000 && i % 1600 === 400) marks.push(await heapBytes());
  }
  const growth = marks.slice(1).map((bytes, i) => bytes - (marks[i] as number));
  // The middle one: what steps leave is in all of them, what the engine itself keeps now and then is not. The smallest
  // object takes 56 bytes: one of each step would make 88 KiB.
  expect(growth).toHaveLength(5);
  expect(growth.sort((p, q) => p - q)[2]).toBeLessThan(44 * 1024);
}, 240_000);
