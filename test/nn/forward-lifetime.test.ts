/** Tensors that a module's forward frees, and those that outlive it. */
import { expect, it } from "vitest";
import { keep, nn, noGrad, ones, scope, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

class Activations {
  readonly all: Tensor[] = [];
  last: { x?: Tensor } = {};
}

/** Keeps activations wherever `put` puts them. */
class Tap extends nn.Module {
  readonly inner = new nn.Linear(2, 2);
  cache = new Map<string, unknown>();
  seen = new Set<unknown>();
  nested: Record<string, unknown> = {};
  holder = new Activations();
  override forward(x: Tensor, put: (hidden: Tensor, self: Tap, into: never) => void, into?: unknown): Tensor {
    const hidden = this.inner.forward(x).tanh();
    put(hidden, this, into as never);
    return hidden.mul(2).add(1);
  }
}

const x = ones([1, 2]);
let outer: Tensor[] = [];

const keepers: [string, () => unknown, (hidden: Tensor, self: Tap, into: never) => void][] = [
  ["an array in an argument", () => [], (h, _, into: Tensor[]) => into.push(h)],
  [
    "an object in an argument",
    () => ({ deep: {} }),
    (h, _, into: { deep: { h?: Tensor } }) => Object.assign(into.deep, { h }),
  ],
  ["a Map in an argument", () => new Map(), (h, _, into: Map<string, unknown>) => into.set("h", [h])],
  ["a Set in an argument", () => new Set(), (h, _, into: Set<Tensor>) => into.add(h)],
  ["a class instance in an argument", () => new Activations(), (h, _, into: Activations) => into.all.push(h)],
  ["a property", () => null, (h, self) => Object.assign(self, { last: h })],
  ["a Map of the module", () => null, (h, self) => self.cache.set("deep", { list: [h] })],
  ["a Set of the module", () => null, (h, self) => self.seen.add([h])],
  ["an object of the module", () => null, (h, self) => Object.assign(self.nested, { a: { b: new Map([[h, 1]]) } })],
  ["a class instance of the module", () => null, (h, self) => Object.assign(self.holder.last, { x: h })],
  ["a property of a child", () => null, (h, self) => Object.assign(self.inner, { last: h })],
  ["keep()", () => null, (h) => void keep(h)],
];

it.each(keepers)(
  "an activation that was put into %s outlives the forward, and nothing else does",
  async (_, make, put) => {
    const model = new Tap();
    const [all, into] = [[] as Tensor[], make()];
    const record: typeof put = (h, self, to) => {
      all.push(h);
      put(h, self, to);
    };
    const before = device.memory().tensors;
    const y = noGrad(() => model.forward(x, record, into)) as Tensor;
    expect(device.memory().tensors).toBe(before + 2);
    expect(await all[0]?.data()).toHaveLength(2);
    expect(await y.data()).toHaveLength(2);
  },
);

it("the error on an activation in an array that only forward knows says which module freed it, and what to do", () => {
  const model = new nn.Sequential(new nn.Linear(2, 2));
  const tap = new Tap();
  const net = Object.assign(new nn.Module(), { model, taps: [tap] });
  net.namedParameters();
  outer = [];
  tap.forward(x, (h) => void outer.push(h));
  expect(() => outer[0]?.add(1)).toThrow(/the forward of Tap 'taps\.0' made it and freed it .*keep\(x\)/);
});

it("results in class instances, Maps and Sets are kept", async () => {
  class Model extends nn.Module {
    override forward(input: Tensor) {
      const result = new Activations();
      result.all.push(input.add(1));
      return { result, more: new Map([["two", new Set([input.add(2)])]]) };
    }
  }
  const { result, more } = new Model().forward(x);
  expect(await result.all[0]?.tolist()).toEqual([[2, 2]]);
  expect(await [...(more.get("two") ?? [])][0]?.tolist()).toEqual([[3, 3]]);
});

it("a forward beside a structure too large to search frees nothing that may be in it", async () => {
  const model = new Tap();
  const rows = Array.from({ length: 20_000 }, (_, i): unknown => ({ i }));
  model.nested.rows = rows;
  let hidden: Tensor | undefined;
  const put = (h: Tensor) => {
    hidden = h;
    rows[19_999] = { h };
  };
  scope(() => void model.forward(x, put));
  expect(hidden?.disposed).toBe(true);
  model.forward(x, put);
  expect(await hidden?.data()).toHaveLength(2);
});

it("tensors, devices, modules and optimizers print briefly", async () => {
  // What consoles of Node and Bun call; those of pages ask objects for nothing.
  const inspect = (one: object) => (one as Record<symbol, () => string>)[Symbol.for("nodejs.util.inspect.custom")]?.();
  const { optim } = await import("../../src/index.ts");
  const w = tensor([[1, 2]], { requiresGrad: true });
  w.label = "w";
  expect(inspect(w)).toMatch(/^Tensor\(shape=\[1,2\], dtype=f32, device=(software|gpu), label='w', requiresGrad\)$/);
  expect(inspect(device)).toMatch(/^Device\((software|gpu), '.+'\)$/);
  const model = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU());
  expect(inspect(model)).toBe("Sequential\n  (0) Linear: weight [3,2], bias [3]\n  (1) ReLU");
  const optimizer = new optim.AdamW(model.parameters());
  expect(inspect(optimizer)).toBe("AdamW(2 parameters in 1 group, stepCount=0)");
  expect(`${w}`).toBe(inspect(w));
  w.dispose();
  expect(inspect(w)).toContain("disposed");
});

it("JavaScript's operators and JSON refuse a tensor with an error that says what to do", () => {
  const w = ones([]) as never as number;
  for (const wrong of [() => w * 2, () => 0 + w, () => w < 1, () => -w, () => w - 1, () => Number(w)])
    expect(wrong).toThrow(/x\.add\(y\).*await x\.item\(\)/);
  expect(() => JSON.stringify({ loss: w })).toThrow(/JSON\.stringify\(await x\.tolist\(\)\)/);
});
