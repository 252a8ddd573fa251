import { describe, expect, it } from "vitest";
import {
  ArgumentError,
  capture,
  DtypeError,
  grad,
  manualSeed,
  nn,
  ones,
  randn,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

const mask = async (y: Tensor) => Array.from(await y.data(), (value) => value !== 0);

describe("dropout", () => {
  it.each([0.1, 0.5, 0.9])("with p = %d drops that share and scales the rest", async (p) => {
    manualSeed(1);
    const size = 200_003;
    const data = (await nn.dropout(ones([size]), p).data()) as Float32Array;
    const kept = data.filter((value) => value !== 0);
    expect(new Set(kept)).toEqual(new Set([Math.fround(1 / (1 - p))]));
    const error = Math.sqrt((p * (1 - p)) / size);
    expect(Math.abs(kept.length / size - (1 - p))).toBeLessThan(5 * error);
    // Neighbors are independent: pairs are both kept (1 - p)^2 of the time.
    let pairs = 0;
    for (let i = 0; i + 1 < size; i++) if (data[i] !== 0 && data[i + 1] !== 0) pairs++;
    expect(Math.abs(pairs / size - (1 - p) ** 2)).toBeLessThan(0.01);
  });

  it("uses one mask forward and backward, to any order", async () => {
    const x = randn([13, 7], { requiresGrad: true });
    const y = nn.dropout(x, 0.4);
    const kept = await mask(y);
    const [gradX] = grad(y.square().sum(), x, { createGraph: true, retainGraph: true }) as [Tensor];
    expect(await mask(gradX)).toEqual(kept);
    const [second] = grad(gradX.sum(), x) as [Tensor];
    const scale = (1 / 0.6) ** 2;
    for (const [i, value] of (await second.data()).entries()) expect(value).toBeCloseTo(kept[i] ? 2 * scale : 0, 4);
  });

  it("draws the same mask through any strides", async () => {
    const x = randn([5, 6]);
    const draw = (input: Tensor) => {
      manualSeed(4);
      return nn.dropout(input, 0.5).tolist();
    };
    expect(await draw(x.t().contiguous().t())).toEqual(await draw(x));
  });

  it("draws anew at each call, and the same from the same seed", async () => {
    const layer = new nn.Dropout(0.5);
    const x = ones([64]);
    manualSeed(9);
    const [first, second] = [await mask(layer.forward(x)), await mask(layer.forward(x))];
    expect(second).not.toEqual(first);
    manualSeed(9);
    expect(await mask(layer.forward(x))).toEqual(first);
  });

  it("draws anew at each replay of a capture, as eager calls would", async () => {
    const layer = new nn.Dropout(0.5);
    const leaf = ones([64]);
    const run = (x: Tensor) => {
      const input = x.detach();
      input.requiresGrad = true;
      const y = layer.forward(input);
      return [y, grad(y.sum(), input)[0] as Tensor] as const;
    };
    const results = async (step: typeof run) => {
      manualSeed(2);
      const found: unknown[] = [];
      for (let i = 0; i < 4; i++) for (const one of step(leaf)) found.push(await one.tolist());
      return found;
    };
    const eager = await results(run);
    expect(await results(capture(run))).toEqual(eager);
    expect(eager[0]).toEqual(eager[1]);
    expect(eager[0]).not.toEqual(eager[2]);
  });

  it("does nothing in evaluation or with p = 0, and leaves nothing with p = 1", async () => {
    const x = tensor([1, -2, 3]);
    expect(new nn.Dropout(0.5).eval().forward(x)).toBe(x);
    expect(nn.dropout(x, 0.5, { training: false })).toBe(x);
    expect(nn.dropout(x, 0)).toBe(x);
    expect((await nn.dropout(x, 1).data()).every((value) => value === 0)).toBe(true);
    expect(await nn.dropout(zeros([0, 3]), 0.5).tolist()).toEqual([]);
  });

  it("keeps neither mask nor input for backward", () => {
    const x = ones([1024], { requiresGrad: true });
    const before = device.memory().liveBytes;
    const y = nn.dropout(x, 0.5);
    expect(device.memory().liveBytes - before).toBe(4096);
    y.dispose();
    expect(device.memory().liveBytes).toBe(before);
  });

  it("refuses what is no probability or no float", () => {
    const x = ones([2]);
    for (const p of [-0.1, 1.1, Number.NaN, "0.5" as unknown as number]) {
      expect(() => new nn.Dropout(p)).toThrow(ArgumentError);
      expect(() => nn.dropout(x, p)).toThrow(ArgumentError);
    }
    expect(() => nn.dropout(ones([2], { dtype: "i32" }), 0.5)).toThrow(DtypeError);
    expect(() => nn.dropout(x, 0.5, { train: true } as object)).toThrow(ArgumentError);
  });
});
