/** Properties of whole training runs: accumulation, no waiting, flat cost. */
import { expect, it } from "vitest";
import { capture, data, manualSeed, nn, optim, randint, randn, scope, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { countReadbacks, gpuCallsDuring } from "../support/gpu-call-counter.ts";
import { classifierStep } from "../support/training-step.ts";

const device = await testDevice();

const mlp = () => {
  manualSeed(5);
  return new nn.Sequential(new nn.Linear(6, 8), new nn.Tanh(), new nn.Linear(8, 3));
};

it("gradients accumulated over unequal parts are those of the whole batch", async () => {
  const x = randn([10, 6]);
  const y = tensor(Int32Array.from({ length: 10 }, (_, i) => i % 3));
  const [whole, parts] = [mlp(), mlp()];
  nn.crossEntropy(whole.forward(x), y).backward();
  for (const [start, length] of [
    [0, 7],
    [7, 3],
  ] as const) {
    const loss = nn.crossEntropy(parts.forward(x.narrow(0, start, length)), y.narrow(0, start, length), {
      reduction: "sum",
    });
    loss.div(10).backward();
  }
  for (const [i, parameter] of whole.parameters().entries()) {
    const [a, b] = [
      await (parameter.grad as Tensor).data(),
      await ((parts.parameters()[i] as Tensor).grad as Tensor).data(),
    ];
    // Rounding of ten terms: the parts differ by 7/10 and 3/10 where counts are ignored.
    a.forEach((value, k) => {
      expect(Math.abs(value - (b[k] as number))).toBeLessThan(1e-6 + 1e-5 * Math.abs(value));
    });
  }
});

it("a training loop never waits: nothing is mapped until a read", async () => {
  const model = mlp();
  const optimizer = new optim.Adam(model.parameters());
  const step = capture(classifierStep(model, optimizer));
  const loader = new data.DataLoader([randn([64, 6]), randint(0, 3, [64])], { batchSize: 16, shuffle: true, seed: 2 });
  let loss: Tensor | undefined;
  const train = () => {
    for (let epoch = 0; epoch < 5; epoch++) for (const [x, y] of loader) loss = step(x, y);
  };
  expect(await countReadbacks(device, train)).toBe(0);
  let last: number | undefined;
  const read = async () => {
    last = await loss?.item();
  };
  expect(await countReadbacks(device, read)).toBe(1);
  expect(Number.isFinite(last)).toBe(true);
});

/** A training step of a small network, eager; its optimizer counts steps. */
function smallStep() {
  const model = mlp();
  const optimizer = new optim.AdamW(model.parameters());
  const step = classifierStep(model, optimizer);
  return { optimizer, step, x: randn([4, 6]), y: tensor(Int32Array.from([0, 1, 2, 0])) };
}

it("captured steps create no buffers, no bind groups and no pipelines", () => {
  const { step, x, y } = smallStep();
  const captured = capture(step);
  for (let i = 0; i < 3; i++) captured(x, y);
  const before = device.memory();
  expect(
    gpuCallsDuring(device, () => {
      for (let i = 0; i < 50; i++) captured(x, y);
    }),
  ).toEqual([]);
  expect(device.memory()).toEqual(before);
});

it("eager steps that have run before create nothing but the buffers of the losses that live on", () => {
  const { step, x, y } = smallStep();
  const rows = randn([16, 6]);
  const round = () => {
    scope(() => {
      let sum = x;
      for (let i = 0; i < 20; i++) sum = sum.add(x);
      rows.softmax(1).matmul(rows.t()).relu().mean(0);
    });
    step(x, y);
  };
  // Small used-up tensors live on for some time: only then do the same buffers come round again.
  for (let i = 0; i < 250; i++) round();
  const before = device.memory();
  const made = gpuCallsDuring(device, () => {
    for (let i = 0; i < 150; i++) round();
  });
  // A loss and the model's output of each step, 64 to a buffer.
  expect(made.every((one) => one === "createBuffer")).toBe(true);
  expect(made.length).toBeLessThanOrEqual(5);
  expect(device.memory().liveBytes).toBeLessThanOrEqual(before.liveBytes);
});

it("10,000 captured steps use no more memory than the second did", async () => {
  const model = new nn.Sequential(new nn.Linear(6, 4), new nn.ReLU(), new nn.Linear(4, 3));
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3, momentum: 0.9 });
  const step = capture(classifierStep(model, optimizer));
  const [x, y] = [randn([4, 6]), tensor(Int32Array.from([0, 1, 2, 0]))];
  step(x, y);
  step(x, y);
  const before = device.memory();
  for (let i = 2; i < 10_000; i++) {
    step(x, y);
    if (i % 500 === 0) await device.sync();
  }
  // Less is possible: the collector may meanwhile have freed what earlier tests left.
  expect(device.memory().liveBytes).toBeLessThanOrEqual(before.liveBytes);
  expect(device.memory().tensors).toBeLessThanOrEqual(before.tensors);
  expect(optimizer.stepCount).toBe(10_000);
  expect(step.recordings).toBe(1);
}, 240_000);
