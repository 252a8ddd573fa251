/** Release of graphs after backward: small results stay readable, and no training frees what another one reads. */
import { expect, it } from "vitest";
import {
  capture,
  DisposedError,
  keep,
  nn,
  noGrad,
  ones,
  optim,
  randn,
  scope,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

const leaf = () => tensor([1, 2], { requiresGrad: true });
const wide = ones([512]);

it("losses, and other small results, of any number of steps are read at the end", async () => {
  const w = leaf();
  const optimizer = new optim.SGD([w], { lr: 0 });
  const [losses, parts]: Tensor[][] = [[], []];
  const count = process.env.GRADWELL_TEST_ALL ? 20_000 : 600;
  const before = device.memory();
  for (let k = 0; k < count; k++) {
    optimizer.zeroGrad();
    const part = w.mul(k);
    const loss = part.sum();
    loss.add(1).backward();
    optimizer.step();
    losses?.push(loss);
    parts?.push(part);
  }
  // Held by the program alone, they count as used up.
  expect(device.memory().liveBytes - before.liveBytes).toBeLessThan(2 ** 17);
  for (let k = 0; k < count; k += 97) {
    expect(await losses?.[k]?.item()).toBe(3 * k);
    expect(await parts?.[k]?.tolist()).toEqual([k, 2 * k]);
  }
  expect(
    await losses
      ?.at(-1)
      ?.sub(losses[0] as Tensor)
      .item(),
  ).toBe(3 * (count - 1));
}, 120_000);

it("every handle of a thousand steps, eager and captured, is right or throws", async () => {
  const w = leaf();
  const optimizer = new optim.SGD([w], { lr: 0 });
  const train = (k: Tensor) => {
    optimizer.zeroGrad();
    const loss = w.mul(k).sum();
    loss.backward();
    optimizer.step();
    return loss;
  };
  const captured = capture(train);
  const kept: [value: number, handle: Tensor][] = [];
  const steps = 1000;
  for (let k = 1; k <= steps; k++) {
    const factor = tensor(k);
    if (k % 3 === 0) captured(factor);
    else {
      const loss = train(factor);
      kept.push([3 * k, loss], [3 * k, loss.detach()]);
      if (k % 50 === 1) {
        const large = w.sum().mul(wide).mul(k);
        large.sum().backward();
        kept.push([3 * k, large], [3 * k, large.detach().clone()]);
        continue;
      }
    }
    const g = w.grad as Tensor;
    if (k % 10 < 4) kept.push([k, g], [k, g.detach()], [k, g.reshape([2, 1])]);
    if (k % 7 === 0) w.requiresGrad = false;
    w.requiresGrad = true;
    if (k % 100 === 0) await device.sync();
  }
  let right = 0;
  for (const [value, handle] of kept) {
    try {
      expect(new Set(await handle.data())).toEqual(new Set([value]));
      right++;
    } catch (error) {
      expect(error).toBeInstanceOf(DisposedError);
    }
  }
  expect(right).toBeGreaterThan(1300);
}, 120_000);

it("two trainings that alternate at every await read their own tensors", async () => {
  const train = async (factor: number) => {
    const w = leaf();
    const optimizer = new optim.SGD([w], { lr: 0 });
    for (let k = 1; k <= 10; k++) {
      optimizer.zeroGrad();
      const large = w
        .sum()
        .mul(wide)
        .mul(factor * k);
      const loss = large.mean();
      loss.backward();
      await null;
      expect((await large.data())[511]).toBe(3 * factor * k);
      await new Promise((resolve) => setTimeout(resolve, 1));
      optimizer.step();
      expect(await large.mean().item()).toBe(3 * factor * k);
      expect(await w.grad?.tolist()).toEqual([factor * k, factor * k]);
    }
  };
  await Promise.all([train(1), train(10), train(100)]);
});

it("a later backward over one of the same leaves frees the large tensors of the earlier graph, with the way out", () => {
  const [g, d, other] = [leaf(), leaf(), leaf()];
  const fake = g.sum().mul(wide);
  const judged = fake.detach().mul(d.sum());
  judged.mean().backward();
  other.mul(2).sum().backward();
  expect(judged.disposed).toBe(false);
  // The generator's step goes through the discriminator: what only that of before used goes.
  fake.mul(d.sum()).mean().backward();
  expect(() => judged.add(1)).toThrow(/later backward\(\) freed it; .*detach\(\)\.clone\(\)/);
  expect(fake.disposed).toBe(false);
  g.mul(1).sum().backward();
  expect(() => fake.add(1)).toThrow(DisposedError);
});

it("a GAN's two optimizers train as each alone would", async () => {
  const [g, d] = [new nn.Linear(8, 64), new nn.Linear(64, 1)];
  const [og, od] = [new optim.SGD(g.parameters(), { lr: 0.01 }), new optim.SGD(d.parameters(), { lr: 0.01 })];
  const real = randn([16, 64]);
  const before = () => [device.memory().tensors, device.memory().liveBytes];
  let baseline: number[] = [];
  for (let i = 0; i < 6; i++) {
    const fake = g.forward(randn([16, 8]));
    od.zeroGrad();
    d.forward(real).mean().sub(d.forward(fake.detach()).mean()).backward();
    od.step();
    og.zeroGrad();
    const loss = d.forward(fake).mean().neg();
    loss.backward();
    og.step();
    expect(Number.isFinite(await loss.item())).toBe(true);
    if (i === 1) baseline = before();
  }
  expect(before()[1]).toBeLessThanOrEqual((baseline[1] as number) + 2 ** 16);
});

it("leaves that are new in every step do not keep the tensors of all steps before", () => {
  const big = ones([1024, 1024]);
  let w = ones([], { requiresGrad: true });
  let pooled = 0;
  for (let i = 0; i < 140; i++) {
    const y = w.mul(big);
    y.mean().backward();
    w = noGrad(() => w.mul(1));
    w.requiresGrad = true;
    pooled = Math.max(pooled, device.memory().pooledBytes);
  }
  expect(pooled).toBeLessThan(600 * 2 ** 20);
});

it("scopes of async functions own nothing that other tasks make, and keep() reaches them", async () => {
  let kept: Tensor | undefined;
  let first: Tensor | undefined;
  const task = scope(async () => {
    first = ones([3]);
    kept = ones([3]);
    await null;
    const late = first.add(1);
    return { list: new Map([["late", late]]) };
  });
  const made = ones([3]).add(1);
  keep(kept as unknown as Tensor);
  const result = await task;
  await null;
  expect(await made.tolist()).toEqual([2, 2, 2]);
  expect(await kept?.tolist()).toEqual([1, 1, 1]);
  expect(await result.list.get("late")?.tolist()).toEqual([2, 2, 2]);
  expect(() => first?.add(1)).toThrow(
    /the scope\(\) that it was made in has ended; return it from there, or call keep\(x\)/,
  );
});

it("a scope keeps what its result leads to, at any depth and round cycles", async () => {
  class Holder {
    inside: unknown;
    constructor(inside: unknown) {
      this.inside = inside;
    }
  }
  const result = scope(() => {
    const cycle: { self?: unknown; x: Tensor } = { x: ones([1]) };
    cycle.self = cycle;
    let deep: unknown = ones([1]).add(1);
    for (let i = 0; i < 100_000; i++) deep = [deep];
    return new Holder([new Map([[ones([1]), new Set([ones([1]).add(2)])]]), cycle, deep]);
  });
  const [map, cycle, nested] = result.inside as [Map<Tensor, Set<Tensor>>, { x: Tensor }, unknown];
  let deep = nested;
  while (Array.isArray(deep)) deep = deep[0];
  for (const one of [...map.keys(), ...[...map.values()].flatMap((set) => [...set]), cycle.x, deep as Tensor])
    expect((await one.data()).length).toBe(1);
});
