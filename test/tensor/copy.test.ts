/** Copies and fills, by commands where nothing is recorded and by kernels within a capture: the same words, no others. */
import { expect, it } from "vitest";
import { capture, nn, optim, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { gpuCallsDuring } from "../support/gpu-call-counter.ts";

const device = await testDevice();
const count = (length: number, from = 0) => tensor(Float32Array.from({ length }, (_, i) => from + i));

// First, before other tests have compiled what it must not need.
it("creating an optimizer compiles nothing, so that a first step comes soon", () => {
  const model = new nn.Sequential(new nn.Linear(6, 5), new nn.ReLU(), new nn.BatchNorm1d(5), new nn.Linear(5, 3));
  expect(gpuCallsDuring(device, () => void new optim.Adam(model.parameters()))).not.toContain("createComputePipeline");
});

const [three, nine, six] = [count(3, 100), count(9, 100), count(6, 100)];
const cases: [string, (target: Tensor) => void][] = [
  ["a copy", (target) => void target.copy_(three)],
  ["a copy of a part", (target) => void target.copy_(nine.narrow(0, 5, 3))],
  [
    "a copy of every second element",
    (target) => void target.copy_(six.reshape([3, 2]).t().narrow(0, 1, 1).reshape([3])),
  ],
  ["zeros", (target) => void target.fill_(0)],
  ["a constant", (target) => void target.fill_(2.5)],
];

it.each(cases)("%s changes its region alone, eager and captured", async (_, write) => {
  const [eager, captured] = [count(11), count(11)];
  write(eager.narrow(0, 5, 3));
  const step = capture(() => write(captured.narrow(0, 5, 3)));
  step();
  captured.copy_(count(11));
  step();
  const values = await eager.tolist();
  expect([...(values as number[]).slice(0, 5), ...(values as number[]).slice(8)]).toEqual([0, 1, 2, 3, 4, 8, 9, 10]);
  expect((values as number[]).slice(5, 8)).not.toEqual([5, 6, 7]);
  expect(await captured.tolist()).toEqual(values);
});

it("a copy runs in order with what is recorded around it", async () => {
  const x = count(4);
  const before = x.mul(10);
  x.fill_(0);
  const between = x.add(1);
  x.copy_(count(4, 7));
  x.fill_(3);
  expect(await before.tolist()).toEqual([0, 10, 20, 30]);
  expect(await between.tolist()).toEqual([1, 1, 1, 1]);
  expect(await x.mul(1).tolist()).toEqual([3, 3, 3, 3]);
});
