/** Who owns what a graph holds is decided when it is taken: no public flag that changes later destroys a parameter. */
import { describe, expect, it } from "vitest";
import {
  backward,
  GradwellError,
  grad,
  nn,
  noGrad,
  ones,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

const parameter = () => tensor([2, 3], { requiresGrad: true });

describe("a leaf that is frozen after forward", () => {
  const ends: [string, (out: Tensor) => void][] = [
    ["the result is disposed", (out) => out.dispose()],
    ["the graph is walked", (out) => out.sum().backward()],
    ["a scope ends", (out) => scope(() => void out.mul(2)) ?? out.dispose()],
  ];
  it.each(ends)("survives when %s", async (_, end) => {
    const model = new nn.Linear(3, 2);
    const out = model.forward(randn([4, 3]));
    for (const one of model.parameters()) one.requiresGrad = false;
    end(out);
    for (const one of model.parameters()) expect((await one.data()).every(Number.isFinite)).toBe(true);
    expect(await model.forward(ones([1, 3])).data()).toHaveLength(2);
  });

  it("gets no gradient, as in PyTorch, while the others do", async () => {
    const [a, b] = [parameter(), parameter()];
    const loss = a.mul(b).sum();
    a.requiresGrad = false;
    loss.backward();
    expect(a.grad).toBeNull();
    expect(await b.grad?.tolist()).toEqual([2, 3]);
  });

  it("is a constant to second derivatives from then on", async () => {
    const [a, b] = [parameter(), parameter()];
    const loss = a.mul(b).square().sum();
    a.requiresGrad = false;
    const [g] = grad(loss, [b], { createGraph: true });
    expect(await g?.tolist()).toEqual([16, 54]);
    (g as Tensor).sum().backward();
    expect(a.grad).toBeNull();
    expect(await b.grad?.tolist()).toEqual([8, 18]);
    expect(await a.tolist()).toEqual([2, 3]);
  });
});

it("a leaf that wants a gradient only after forward stays a constant of that graph", async () => {
  const [a, b] = [tensor([2, 3]), parameter()];
  const loss = a.mul(b).sum();
  a.requiresGrad = true;
  loss.backward();
  expect(a.grad).toBeNull();
  expect(await a.tolist()).toEqual([2, 3]);
});

it("gradients of freed tensors are refused by name", () => {
  const w = parameter();
  const mid = w.mul(2);
  const loss = mid.sum();
  mid.dispose();
  expect(() => grad(loss, mid)).toThrow(/grad: tensor of shape \[2\] is gone/);
});

it("the gradients that grad() returns belong to the caller alone", async () => {
  const [x, y] = [tensor(3, { requiresGrad: true }), tensor(4, { requiresGrad: true })];
  const seed = tensor(1);
  const [a, b] = grad(x.add(y), [x, y], { gradOutputs: seed }) as [Tensor, Tensor];
  a.fill_(7);
  seed.fill_(9);
  expect(await b.item()).toBe(1);
  const [c] = grad(x.add(0), [x]) as [Tensor];
  c.fill_(5);
  x.mul(2).backward();
  expect(await x.grad?.item()).toBe(2);
  x.grad = null;
  x.add(0).backward(undefined, { createGraph: true });
  (x.grad as Tensor | null)?.detach().fill_(5);
  x.grad = null;
  x.mul(3).backward();
  expect(await (x.grad as Tensor | null)?.item()).toBe(3);
});

it("one gradient that a backward gives to two inputs becomes two", async () => {
  const { defineOp } = await import("../../src/index.ts");
  const sum = defineOp({
    name: "sum of two",
    forward: (_, [a, b]: [Tensor, Tensor]) => noGrad(() => a.add(b)),
    backward: (_, g: Tensor) => {
      const both = g.mul(2);
      return [both, both];
    },
  });
  const [a, b] = [parameter(), parameter()];
  const twice = () => sum(a, b).sum().backward();
  twice();
  b.mul(0).sum().backward();
  a.mul(10).sum().backward();
  expect(await a.grad?.tolist()).toEqual([12, 12]);
  expect(await b.grad?.tolist()).toEqual([2, 2]);
});

it("a gradient must fit its leaf when it is set", () => {
  const w = parameter();
  w.label = "w";
  for (const wrong of [tensor([1]), tensor([1, 2], { dtype: "i32" }), 5, undefined, "x"]) {
    expect(() => {
      w.grad = wrong as Tensor;
    }).toThrow(GradwellError);
  }
  const mine = scope(() => {
    const made = tensor([1, 1]);
    w.grad = made;
    return null;
  });
  expect(mine).toBeNull();
  expect(w.grad?.disposed).toBe(false);
});

/** Small numbers that repeat. */
function* lcg(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (state * 1664525 + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

it("flipping flags between any two calls frees no parameter and gives no other error than the library's own", async () => {
  const runs = process.env.GRADWELL_TEST_ALL ? 400 : 40;
  for (let seed = 0; seed < runs; seed++) {
    const random = lcg(seed);
    const pick = (n: number) => Math.floor(random.next().value * n);
    const params = [parameter(), parameter(), parameter()];
    const other = <T>(list: readonly T[]) => list[pick(list.length)] as T;
    let pool: Tensor[] = [...params];
    const steps: (() => unknown)[] = [
      () => pool.push(other(pool).mul(other(pool))),
      () => pool.push(other(pool).add(other(params)).tanh()),
      () => pool.push(scope(() => other(pool).mul(2).exp())),
      () => pool.push(other(pool).detach()),
      () => {
        const one = other(params);
        one.requiresGrad = !one.requiresGrad;
      },
      () => {
        other(pool).label = `label ${pick(9)}`;
      },
      () => {
        other(params).grad = null;
      },
      () => {
        const one = other(params);
        one.grad = zeros([2]);
      },
      () => backward(other(pool).sum(), undefined, { retainGraph: pick(2) === 0, createGraph: pick(4) === 0 }),
      () => grad(other(pool).sum(), [other(params)], { allowUnused: true, createGraph: pick(2) === 0 }),
      () => {
        const one = other(pool);
        if (!params.includes(one)) one.dispose();
      },
      () => {
        pool = [...params];
      },
    ];
    for (let i = 0; i < 60; i++) {
      try {
        other(steps)();
      } catch (error) {
        expect(error, `seed ${seed}, step ${i}`).toBeInstanceOf(GradwellError);
      }
    }
    for (const one of params) expect(await one.tolist(), `seed ${seed}`).toEqual([2, 3]);
  }
  await device.sync();
}, 120_000);

const DEPTH = process.env.GRADWELL_TEST_ALL ? 100_000 : 20_000;

describe(`a graph of ${DEPTH} operations`, () => {
  const deep = () => {
    const w = tensor([1], { requiresGrad: true });
    let y = w.add(1);
    for (let i = 1; i < DEPTH; i++) {
      using x = y;
      y = x.add(1);
    }
    return { w, y };
  };

  it("is dropped without backward", () => {
    const before = device.memory().tensors;
    const { w, y } = deep();
    y.dispose();
    w.dispose();
    expect(device.memory().tensors).toBe(before);
  }, 120_000);

  it("is walked back", async () => {
    const { w, y } = deep();
    y.backward();
    expect(await w.grad?.tolist()).toEqual([1]);
  }, 120_000);
});
