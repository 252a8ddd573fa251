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
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

it("10,000 captured steps leave the heap as the second thousand did", async () => {
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
  let before = 0;
  for (let i = 0; i < 10_000; i++) {
    if (i === 2000) before = await heapBytes();
    step(x, y);
    if (i % 500 === 0) await device.sync();
  }
  await device.sync();
  // 64 KiB over 8,000 steps: any object left by a step is more.
  expect((await heapBytes()) - before).toBeLessThan(64 * 1024);
}, 240_000);
