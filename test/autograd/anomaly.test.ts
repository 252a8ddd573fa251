import { expect, it } from "vitest";
import {
  AnomalyError,
  CaptureError,
  capture,
  detectAnomaly,
  div,
  exp,
  grad,
  log,
  mul,
  nn,
  norm,
  ones,
  scope,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  transpose,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

it("detectAnomaly names the first op of the forward, its shapes and its parameter", async () => {
  const weight = tensor([[1, 2, 3]], { requiresGrad: true });
  weight.label = "encoder.weight";
  const run = detectAnomaly(() => {
    const scores = sub(weight, tensor([[1], [5]]));
    return exp(log(mul(scores, 2)));
  });
  await expect(run).rejects.toThrow(AnomalyError);
  await expect(run).rejects.toThrow(/forward of 'log'.*\[2,3\]/);
  await expect(detectAnomaly(() => div(weight, 0))).rejects.toThrow(/'div'.*'encoder\.weight' \[1,3\]/);
});

it("detectAnomaly names the op of the backward and the parameter that the gradient belongs to", async () => {
  const x = tensor([0, 4], { requiresGrad: true });
  x.label = "scale";
  await expect(detectAnomaly(() => sum(sqrt(x)).backward())).rejects.toThrow(
    /backward of 'sqrt'.*input 0: the gradient of 'scale' \[2\]/,
  );
  x.grad = null;
  await expect(detectAnomaly(() => sum(sqrt(square(x))).backward())).rejects.toThrow(/backward of 'sqrt'/);
  await expect(detectAnomaly(() => grad(sum(sqrt(x)), [x], { createGraph: true }))).rejects.toThrow(/not finite/);
});

it("detectAnomaly sees infinity as well as NaN, also in transposed results", async () => {
  await expect(detectAnomaly(() => mul(tensor([1e38]), 1e38))).rejects.toThrow(/'mul'/);
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  await expect(detectAnomaly(() => log(transpose(sub(x, 4), 0, 1)))).rejects.toThrow(/'log'.*\[3,2\]/);
});

it("detectAnomaly returns the result of a sound function, sync or async, and holds no memory", async () => {
  const model = new nn.Sequential(new nn.Linear(4, 8), new nn.LayerNorm(8), new nn.GELU(), new nn.Linear(8, 2));
  const x = ones([3, 4]);
  const loss = await detectAnomaly(() => {
    const found = norm(model.forward(x) as Tensor);
    found.backward(undefined, { retainGraph: true });
    return found;
  });
  expect(Number.isFinite(await loss.item())).toBe(true);
  expect(await detectAnomaly(async () => (await tensor([3]).item()) + 1)).toBe(4);
  const before = device.memory().tensors;
  await detectAnomaly(() => scope(() => void log(sum(x))));
  expect(device.memory().tensors).toBe(before);
  // Once it is over nothing is watched.
  expect(await log(tensor([-1])).item()).toBeNaN();
});

it("detectAnomaly handles more operations than fit one page of flags", async () => {
  const run = detectAnomaly(() => {
    let x = tensor([1]);
    for (let i = 0; i < 1500; i++) x = mul(x, 1.5);
    return x;
  });
  await expect(run).rejects.toThrow(/'mul'/);
});

it("detectAnomaly rethrows what fn throws, and refuses to watch a capture being recorded", async () => {
  await expect(
    detectAnomaly(() => {
      throw new RangeError("inside");
    }),
  ).rejects.toThrow(RangeError);
  const step = capture((x: Tensor) => mul(x, 2));
  await expect(detectAnomaly(() => step(tensor([1])))).rejects.toThrow(CaptureError);
});
