/** The key of a captured function's arguments: whatever eager tells apart, a capture tells apart, or refuses. */
import { describe, expect, it } from "vitest";
import { CaptureError, capture, nn, optim, randn, type Tensor, tensor, zeros } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

// biome-ignore lint/suspicious/noExplicitAny: arguments of every kind
type Any = any;

/** Calls `f` eager and captured on each list of arguments, twice over, and compares what they give. */
async function expectSame(f: (...args: Any[]) => Tensor, calls: readonly (readonly unknown[])[]): Promise<void> {
  const captured = capture(f, { maxRecordings: 100 });
  for (const args of [...calls, ...calls]) expect(await captured(...args).data()).toEqual(await f(...args).data());
}

const [a, b, c] = [tensor([1, 2, 3]), tensor([10, 20, 30]), tensor([100, 200, 300])];

describe("tensors in arguments", () => {
  it("are distinguished by which of them are the same", async () => {
    const f = (x: Tensor, y: Tensor) => x.sub(y);
    await expectSame(f, [
      [a, a],
      [a, b],
      [b, a],
      [b, b],
    ]);
  });

  it("are found and replaced in lists, objects, Maps and Sets at any depth", async () => {
    const nested = (x: Tensor, y: Tensor) => [
      {
        deep: [
          new Map<unknown, unknown>([
            ["k", new Set([x])],
            [y, { y }],
          ]),
        ],
      },
    ];
    const f = (parts: Any) => {
      const map = parts[0].deep[0] as Map<unknown, unknown>;
      const [x] = map.get("k") as Set<Tensor>;
      const key = [...map.keys()][1] as Tensor;
      return (x as Tensor).sub(key).add((map.get(key) as { y: Tensor }).y.mul(2));
    };
    await expectSame(f, [[nested(a, a)], [nested(a, b)], [nested(b, a)], [nested(c, c)]]);
  });

  it("have the values of the call in their views too", async () => {
    const base = randn([4, 4]);
    const f = (x: Tensor, y: Tensor) => x.sub(y).sum(0);
    await expectSame(f, [
      [base, base.t()],
      [base, base],
      [base.t(), base],
      [base.narrow(0, 1, 2), base.narrow(0, 2, 2)],
      [base.narrow(1, 1, 2), base.narrow(1, 0, 2)],
      [base.narrow(0, 0, 1).expand([4, 4]), base],
    ]);
  });

  it("keep eager's bits in sums and matmuls when transposed", async () => {
    const [x, w] = [randn([33, 65]), randn([33, 65])];
    await expectSame(
      (p: Tensor, q: Tensor) => p.matmul(q),
      [
        [x, w.t()],
        [x.t(), w],
      ],
    );
    await expectSame((p: Tensor) => p.sum(1), [[x], [x.t()], [x.permute([1, 0])]]);
  });
});

describe("plain data is distinguished by its values", () => {
  const values: unknown[] = [
    ...[0, -0, 1, 1n, "1", Number.NaN, Number.POSITIVE_INFINITY, true, false, null, undefined, "", "null", "undefined"],
    ...["a,b", "a;b", "s1:a", "NaN", "d1;", "u", "n"],
    ...[[], [undefined], [null], [[]], [[], []], new Array(1), new Array(2), ["a", "b"], ["a,b"], ["b", "a"]],
    ...[{}, { a: 1 }, { a: "1" }, { a: undefined }, { b: 1 }, { a: 1, b: 2 }, { b: 2, a: 1 }, { "a:1,b": 2 }],
    ...[Object.create(null), Object.assign(Object.create(null), { a: 1 }), { [Symbol.for("a")]: 1 }, { a: [1] }],
    ...[new Map(), new Map([["a", 1]]), new Map([["a", 2]]), new Map([["b", 1]]), new Map([[1, "a"]])],
    ...[new Set(), new Set([1]), new Set(["1"]), new Set([1, 2]), new Set([2, 1])],
    ...[new Date(0), new Date(1), new Date(Number.NaN), /a/, /a/g, /b/, /a;/, Object.assign(/a/g, { lastIndex: 1 })],
    ...[Symbol("a"), Symbol("a"), Symbol.for("a"), Symbol.for("b"), () => 1, () => 1],
    JSON.parse('{"__proto__": 1}'),
    JSON.parse('{"__proto__": 2}'),
  ];

  it("each of these has a separate recording, which equal values find again", () => {
    const f = capture<[Tensor, unknown], Tensor>((x) => x.mul(1), { maxRecordings: 2 * values.length });
    for (const [i, value] of values.entries()) {
      f(a, value);
      expect(f.recordings, `value ${i}`).toBe(i + 1);
    }
    for (const value of values) f(a, value);
    expect(f.recordings).toBe(values.length);
  });

  it("pairs are distinguished too: no separator can be imitated", () => {
    const f = capture<[Tensor, ...unknown[]], Tensor>((x) => x.mul(1), { maxRecordings: 100 });
    const lists = [
      ["a", "b"],
      ["ab"],
      ["a", "", "b"],
      [["a"], "b"],
      [["a", "b"]],
      ["a", ["b"]],
      [1, 23],
      [12, 3],
      [undefined],
      [undefined, undefined],
    ];
    for (const [i, list] of lists.entries()) {
      f(a, ...list);
      expect(f.recordings).toBe(i + 1);
    }
  });

  it("shared and cyclic parts keep their shape", async () => {
    type Ring = { x: Tensor; next: Ring };
    const ring = (x: Tensor): Ring => {
      const one = { x } as Ring;
      one.next = one;
      return one;
    };
    const f = (one: Any, other: Any) => one.next.next.x.mul(one.next === one ? 2 : 3).add(other === one ? 1 : 0);
    const [p, q] = [ring(a), ring(b)];
    const two = { x: a, next: { x: b } } as Any;
    two.next.next = two;
    await expectSame(f, [
      [p, p],
      [p, q],
      [q, p],
      [two, two],
      [two, p],
    ]);
  });
});

describe("functions and the library's objects are distinguished by identity", () => {
  it("two closures of one source are two functions", async () => {
    const times = (n: number) => (x: Tensor) => x.mul(n);
    const [times2, times3] = [times(2), times(3)];
    await expectSame(
      (x: Tensor, g: (x: Tensor) => Tensor) => g(x),
      [
        [a, times2],
        [a, times3],
      ],
    );
  });

  it("two models and optimizers passed to one step are trained separately", async () => {
    const make = () => {
      const model = new nn.Linear(3, 1);
      model.weight.fill_(1);
      return { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }) };
    };
    const step = capture(({ model, optimizer }: ReturnType<typeof make>, x: Tensor) => {
      optimizer.zeroGrad();
      const loss = model.forward(x).sum();
      loss.backward();
      optimizer.step();
      return loss;
    });
    const [first, second] = [make(), make()];
    for (let i = 0; i < 3; i++) step(first, a);
    expect(await second.model.weight.tolist()).toEqual([[1, 1, 1]]);
    step(second, a);
    expect((await second.model.weight.data())[0]).toBeCloseTo(0.9, 5);
    expect((await first.model.weight.data())[0]).toBeCloseTo(0.7, 5);
  });
});

describe("what cannot be keyed is refused, with its path", () => {
  class Config {
    readonly #rate: number;
    constructor(rate: number) {
      this.#rate = rate;
    }
    get rate() {
      return this.#rate;
    }
  }
  const f = capture<[Tensor, ...unknown[]], Tensor>((x) => x.mul(1));
  const deep: unknown[] = [];
  for (let i = 0, at = deep; i < 100_000; i++) {
    const next: unknown[] = [];
    at.push(next);
    at = next;
  }
  it.each<[string, unknown, RegExp]>([
    ["an instance of a class", new Config(1), /arguments\[1\] is an instance of Config.*let fn refer/],
    [
      "one deep inside",
      { list: [{ config: new Config(1) }] },
      /arguments\[1\]\.list\[0\]\.config is an instance of Config/,
    ],
    [
      "a getter",
      {
        get lr() {
          return 1;
        },
      },
      /arguments\[1\]\.lr is a getter/,
    ],
    ["a list with properties", Object.assign([1], { more: 1 }), /arguments\[1\] .*properties of its own/],
    ["a Map with properties", Object.assign(new Map(), { more: 1 }), /properties of its own/],
    ["a subclass of Map", new (class Table extends Map {})(), /an instance of Table/],
    ["a subclass of Array", new (class List extends Array {})(), /an instance of List/],
    ["an error", new Error("x"), /an instance of Error/],
    ["a promise", Promise.resolve(1), /an instance of Promise/],
    ["a WeakMap", new WeakMap(), /an instance of WeakMap/],
    ["a buffer", new ArrayBuffer(4), /an instance of ArrayBuffer/],
    ["a DataView", new DataView(new ArrayBuffer(4)), /an instance of DataView/],
    ["a boxed number", Object(1), /an instance of Number/],
    ["what only looks like a Map", Object.create(Map.prototype), /an instance of Map/],
    ["a Proxy of a Set", new Proxy(new Set(), {}), /an instance of Set/],
    ["a Proxy of a typed array", new Proxy(new Float32Array(2), {}), /an instance of Float32Array/],
    ["a Proxy of a tensor", new Proxy(zeros([2]), {}), /arguments\[1\] .*Proxy/],
    ["100,000 levels of nesting", deep, /levels deep/],
  ])("%s", (_, value, message) => {
    expect(() => f(a, value)).toThrow(CaptureError);
    expect(() => f(a, value)).toThrow(message);
  });
});

describe("what a function does to its arguments and a replay could not is refused", () => {
  it.each<[string, (x: Tensor, more: Any) => unknown, RegExp]>([
    ["copy_", (x) => x.copy_(b), /wrote into arguments\[0\].*clone/],
    ["fill_", (x) => x.fill_(1), /wrote into arguments\[0\]/],
    ["copy_ through a view", (x) => x.narrow(0, 0, 1).fill_(7), /wrote into arguments\[0\]/],
    ["dispose", (x) => x.dispose(), /disposed of arguments\[0\]/],
    ["requiresGrad", (x) => Object.assign(x, { requiresGrad: true }), /set requiresGrad of arguments\[0\]/],
    ["a property", (_, more) => Object.assign(more, { count: 1 }), /changed its arguments/],
    ["a list", (_, more) => more.list.push(1), /changed its arguments/],
    ["a Map", (x, more) => more.map.set("x", x), /changed its arguments/],
  ])("%s", async (_, change, message) => {
    const [x, more] = [tensor([1, 2, 3]), { list: [], map: new Map() }];
    const f = capture<[Tensor, unknown], Tensor>((one, two) => {
      const y = one.mul(2);
      change(one, two);
      return y;
    });
    expect(() => f(x, more)).toThrow(CaptureError);
    expect(() => f(x, more)).toThrow(message);
    expect(await x.tolist()).toEqual([1, 2, 3]);
    expect(more).toEqual({ list: [], map: new Map() });
  });

  it("arguments on memory that the function writes by another way are refused, now or later", async () => {
    const state = zeros([3]);
    const f = capture((x: Tensor) => {
      state.fill_(5);
      return x.add(1);
    });
    expect(() => f(state)).toThrow(/arguments\[0\] shares memory with what fn writes to.*clone\(\)/);
    await f(a).data();
    expect(() => f(state)).toThrow(/shares memory/);
    expect(await f(state.clone()).tolist()).toEqual([6, 6, 6]);
  });
});

it("the recording that was not used for longest is freed first", () => {
  const f = capture((x: Tensor) => x.mul(2), { maxRecordings: 2 });
  let made = 0;
  const g = capture(
    (x: Tensor) => {
      made++;
      return x.mul(2);
    },
    { maxRecordings: 2 },
  );
  for (const n of [1, 2, 1, 3, 1, 3, 1]) for (const one of [f, g]) one(zeros([n]));
  // 1 was used between 2 and 3, so 2 had to go.
  expect(made).toBe(3);
});

it("a loop that records in each call gets one warning, which names the argument", () => {
  const warnings: string[] = [];
  const warn = console.warn;
  console.warn = (text: string) => void warnings.push(text);
  try {
    const f = capture((x: Tensor, g: (x: Tensor) => Tensor) => g(x));
    for (let i = 0; i < 60; i++) f(a, (x) => x.mul(2));
  } finally {
    console.warn = warn;
  }
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/arguments\[1\], a function, made anew in each call/);
});

it("a function that calls itself, or fails, leaves everything as it was", async () => {
  const before = device.memory();
  const f: (x: Tensor) => Tensor = capture((x: Tensor): Tensor => f(x));
  expect(() => f(a)).toThrow(/inside another/);
  const half = capture((x: Tensor, fails: { now: boolean }) => {
    const y = x.mul(2);
    if (fails.now) throw new RangeError("of the user's");
    return y;
  });
  expect(() => half(a, { now: true })).toThrow(RangeError);
  expect(device.memory().liveBytes).toBe(before.liveBytes);
  expect(await half(a, { now: false }).tolist()).toEqual([2, 4, 6]);
  expect(await a.add(b).tolist()).toEqual([11, 22, 33]);
});
