/** Models trained in mixed precision: as far as in f32, with a loss scale that finds its way, captured bit for bit as eager. */
import { expect, it } from "vitest";
import * as g from "../../src/index.ts";
import { autocast, capture, manualSeed, nn, optim, randn, type Tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { describeHalf } from "../support/half.ts";
import { HALF_ULP } from "../support/tolerance.ts";

const device = await testDevice();

const mlp = () => new nn.Sequential(new nn.Linear(8, 32), new nn.GELU(), new nn.LayerNorm(32), new nn.Linear(32, 3));
const convNet = () =>
  new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(8 * 16, 3),
  );

describeHalf(device, "mixed precision", () => {
  const models: [string, () => nn.Sequential, number[]][] = [
    ["an MLP", mlp, [48, 8]],
    ["a ConvNet", convNet, [24, 1, 8, 8]],
  ];
  /** Losses of 40 captured or eager steps on one batch whose classes are the sign and size of a projection. */
  const train = async (make: () => nn.Sequential, shape: number[], mixed: boolean, captured: boolean) => {
    manualSeed(7);
    const model = make();
    const x = randn(shape);
    const score = x.flatten(1).slice(1, 0, 4).sum(1);
    const y = g.add(g.gt(score, -1).to("i32"), g.gt(score, 1).to("i32"));
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-2 });
    const scaler = new optim.GradScaler({ enabled: mixed, growthInterval: 10 });
    const step = (inputs: Tensor, classes: Tensor) => {
      optimizer.zeroGrad();
      const loss = autocast(() => nn.crossEntropy(model.forward(inputs) as Tensor, classes), { enabled: mixed });
      scaler.scale(loss).backward();
      scaler.step(optimizer);
      scaler.update();
      return loss;
    };
    const play = captured ? capture(step) : step;
    const losses: number[] = [];
    for (let i = 0; i < 40; i++) losses.push(await play(x, y).item());
    const state = await Promise.all(model.parameters().map((one) => one.data()));
    return { losses, state };
  };

  it.each(models)("training of %s converges as in f32, and captured has eager's bits", async (_, make, shape) => {
    const [exact, mixed] = [await train(make, shape, false, false), await train(make, shape, true, false)];
    const last = (run: { losses: number[] }) => run.losses[39] as number;
    expect(exact.losses[0]! / last(exact)).toBeGreaterThan(3);
    expect(Math.abs(mixed.losses[0]! - exact.losses[0]!)).toBeLessThan(4 * HALF_ULP * exact.losses[0]!);
    expect(last(mixed) / last(exact)).toBeGreaterThan(0.9);
    expect(last(mixed) / last(exact)).toBeLessThan(1.1);
    expect(await train(make, shape, true, true)).toEqual(mixed);
  });

  it.each([
    ["a loss scale of 2^40", 2 ** 40, 1],
    ["an infinite input", 2 ** 10, Infinity],
  ])("an overflow in %s changes nothing but the scale", async (_, initScale, value) => {
    manualSeed(2);
    const model = mlp();
    const optimizer = new optim.AdamW(model.parameters());
    const scaler = new optim.GradScaler({ initScale });
    const all = async () => {
      const moments = Object.values(optimizer.stateDict().state).flatMap(({ exp_avg, exp_avg_sq }) => [
        exp_avg,
        exp_avg_sq,
      ]);
      return Promise.all([...model.parameters(), ...(moments as Tensor[])].map((one) => one.data()));
    };
    const step = capture((x: Tensor) => {
      optimizer.zeroGrad();
      const loss = autocast(() => nn.mseLoss(model.forward(x) as Tensor, g.zeros([4, 3])));
      scaler.scale(loss).backward();
      scaler.step(optimizer);
      scaler.update();
    });
    const ordinary = randn([4, 8]);
    const scaleOf = () => scaler.getScale().item();
    // The same recording, brought to where an ordinary step fits.
    scaler.update(1);
    step(ordinary);
    scaler.update(initScale);
    const before = await all();
    step(ordinary.mul(value));
    expect(await all()).toEqual(before);
    expect(await scaleOf()).toBe(initScale / 2);
    for (let i = 0; i < 35; i++) step(ordinary);
    expect(await all()).not.toEqual(before);
    expect(await scaleOf()).toBeLessThan(2 ** 30);
    for (const values of await all()) expect([...values].every(Number.isFinite)).toBe(true);
  });
});
